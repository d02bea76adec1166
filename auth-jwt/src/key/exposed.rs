use std::collections::HashSet;

use super::{check::without_leading_zeros, jwk};
use crate::token::json::{self, Value};

/// What tells a key pair apart from others, in whatever form a key of it is written: the name, and the number that both
/// halves share.
///
/// The number is the modulus of RSA, or `x` of a curve. A thumbprint (RFC 7638) has more in it, `e` or `y`, which does not
/// make another key pair of it.
#[derive(Default)]
pub(crate) struct Traces {
    pub(crate) kid: Option<String>,
    /// Whether there is something of a private key or of a secret, even if it cannot be used as it stands.
    pub(crate) is_secret: bool,
    numbers: Vec<Vec<u8>>,
}

/// The traces of all key pairs whose secret was published.
#[derive(Default)]
pub(crate) struct Exposed {
    names: HashSet<String>,
    numbers: HashSet<Vec<u8>>,
}

impl Traces {
    /// Reads what it finds, whatever else is wrong with the key.
    pub(crate) fn of(json: &str) -> Self {
        let mut traces = Self::default();
        // An error ends the reading of a text that is no object; then there is nothing to find.
        let _ = json::members(json.as_bytes(), |name, value| {
            match (name, value) {
                // It says that there is none.
                (_, Value::Null) => {}
                ("kid", Value::Text(kid)) if !kid.is_empty() => traces.kid = Some(kid.into_owned()),
                ("kty", Value::Text(kty)) if kty == "oct" => traces.is_secret = true,
                ("n" | "x", Value::Text(text)) => {
                    let number = jwk::bytes_of(&text).map_or_else(|| text.as_bytes().to_vec(), |bytes| bytes.to_vec());
                    traces.numbers.push(without_leading_zeros(&number).to_vec());
                }
                ("k" | "oth", _) => traces.is_secret = true,
                (name, _) if jwk::PRIVATE.contains(&name) => traces.is_secret = true,
                _ => {}
            }
            Ok(())
        });
        traces
    }
}

impl Exposed {
    pub(crate) fn add(&mut self, traces: &Traces) {
        self.names.extend(traces.kid.clone());
        self.numbers.extend(traces.numbers.iter().cloned());
    }

    /// Whether a key with these traces may be one of those whose secret was published.
    pub(crate) fn covers(&self, traces: &Traces) -> bool {
        traces.kid.as_ref().is_some_and(|kid| self.names.contains(kid))
            || traces.numbers.iter().any(|number| self.numbers.contains(number))
    }
}
