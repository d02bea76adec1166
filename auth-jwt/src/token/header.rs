use std::borrow::Cow;

use super::{
    TokenError,
    json::{self, Value},
    log_text::{algorithms, quoted_or_absent},
};
use crate::Algorithm;

/// The members of a token's header that we read. All others are ignored, whatever their type (RFC 7515, 4). That includes
/// `jwk`, `jku`, `x5u` and `x5c`: a key that the token names itself proves nothing.
#[derive(Default)]
pub(crate) struct Header<'a> {
    alg: Option<Cow<'a, str>>,
    pub(crate) kid: Option<Cow<'a, str>>,
    pub(crate) typ: Option<Cow<'a, str>>,
}

impl<'a> Header<'a> {
    pub(crate) fn parse(json: &'a [u8]) -> Result<Self, TokenError> {
        let mut header = Self::default();
        json::members(json, |name, value| {
            match (name, &value) {
                // Counts as absent.
                ("kid" | "typ", Value::Null) => {}
                ("alg", _) => header.alg = Some(value.into_text()?),
                ("kid", _) => header.kid = Some(value.into_text()?),
                ("typ", _) => header.typ = Some(value.into_text()?),
                // We support no extensions, so every critical one is unknown. An empty list is an error too.
                ("crit", _) => return Err("the token has a `crit` header"),
                ("zip", _) => return Err("the token is compressed"),
                ("b64", value) if !matches!(value, Value::Bool(true)) => return Err("the payload is not base64url"),
                _ => {}
            }
            Ok(())
        })
        .map_err(TokenError::invalid)?;
        Ok(header)
    }

    /// The algorithm. It is an error if it is absent, unknown or `none`.
    pub(crate) fn algorithm(&self) -> Result<Algorithm, TokenError> {
        let alg = self.alg.as_deref();
        alg.and_then(Algorithm::from_name).ok_or_else(|| {
            TokenError::invalid("the token has no algorithm, or an unknown one")
                .because(|| (algorithms(Algorithm::ALL.iter().copied()), quoted_or_absent(alg)))
        })
    }
}

/// A media type without the prefix `application/`, which `typ` may omit (RFC 7515, 4.1.9).
pub(crate) fn without_application(typ: &str) -> &str {
    const APPLICATION: &str = "application/";
    match typ.get(..APPLICATION.len()) {
        Some(start) if start.eq_ignore_ascii_case(APPLICATION) => typ.get(APPLICATION.len()..).unwrap_or_default(),
        _ => typ,
    }
}
