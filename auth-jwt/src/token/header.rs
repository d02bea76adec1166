use std::borrow::Cow;

use super::{
    Refused,
    json::{self, Value},
    refused::{algorithms, optional},
};
use crate::Algorithm;

/// What we read of a token's header. All else, and above all `jwk`, `jku`, `x5u` and `x5c`, is ignored whatever its
/// type (RFC 7515, 4): a key that a token names itself proves nothing.
#[derive(Default)]
pub(crate) struct Header<'a> {
    alg: Option<Cow<'a, str>>,
    pub(crate) kid: Option<Cow<'a, str>>,
    pub(crate) typ: Option<Cow<'a, str>>,
}

impl<'a> Header<'a> {
    pub(crate) fn parse(json: &'a [u8]) -> Result<Self, Refused> {
        let mut header = Self::default();
        json::members(json, |name, value| {
            match (name, &value) {
                // It says nothing, so it counts as absent.
                ("kid" | "typ", Value::Null) => {}
                ("alg", _) => header.alg = Some(value.into_text()?),
                ("kid", _) => header.kid = Some(value.into_text()?),
                ("typ", _) => header.typ = Some(value.into_text()?),
                // We understand no extension, so whatever is critical is not understood; an empty list is an error too.
                ("crit", _) => return Err("the token has a `crit` header"),
                ("zip", _) => return Err("the token is compressed"),
                ("b64", value) if !matches!(value, Value::Bool(true)) => return Err("the payload is not base64url"),
                _ => {}
            }
            Ok(())
        })
        .map_err(Refused::invalid)?;
        Ok(header)
    }

    /// The algorithm; absent, unknown and `none` alike are refused.
    pub(crate) fn algorithm(&self) -> Result<Algorithm, Refused> {
        let alg = self.alg.as_deref();
        alg.and_then(Algorithm::from_name).ok_or_else(|| {
            Refused::invalid("the token names no algorithm that is known here")
                .because(|| (algorithms(Algorithm::ALL.iter().copied()), optional(alg)))
        })
    }
}

/// A media type without its first half, which `typ` may leave out (RFC 7515, 4.1.9).
pub(crate) fn without_application(typ: &str) -> &str {
    const APPLICATION: &str = "application/";
    match typ.get(..APPLICATION.len()) {
        Some(start) if start.eq_ignore_ascii_case(APPLICATION) => typ.get(APPLICATION.len()..).unwrap_or_default(),
        _ => typ,
    }
}
