use std::collections::HashSet;

#[cfg(feature = "x509")]
use super::PublicKey;
use super::{check::without_leading_zeros, jwk};
#[cfg(feature = "x509")]
use crate::algorithm::Family;
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

#[cfg(feature = "x509")]
impl Traces {
    pub(crate) fn of_name(kid: &str) -> Self {
        Self { kid: Some(kid.to_owned()).filter(|kid| !kid.is_empty()), ..Self::default() }
    }

    /// Adds a key pair whose public half stands elsewhere.
    pub(crate) fn add(&mut self, key: &PublicKey) {
        let number = match key {
            PublicKey::Rsa(components) => &components.n,
            PublicKey::Point(Family::Ed25519, x) => x,
            // Behind the first byte of an uncompressed point stand `x` and `y`, of one length.
            PublicKey::Point(_, point) => point.get(1..=point.len() / 2).unwrap_or_default(),
        };
        self.numbers.push(without_leading_zeros(number).to_vec());
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
