use std::collections::HashSet;

#[cfg(feature = "x509")]
use super::{PublicKey, PublicMembers};
use super::{check::without_leading_zeros, jwk};
use crate::token::json::{self, Value};
#[cfg(feature = "x509")]
use crate::{Algorithm, SigningKey, algorithm::Family};

/// What a section of a PEM file begins with, before its label.
#[cfg(feature = "x509")]
const BEGIN: &str = "-----BEGIN ";

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

    /// Adds the private keys in a PEM text, which was to hold a certificate.
    pub(crate) fn add_private(&mut self, pem: &str) {
        for section in pem.split(BEGIN).skip(1) {
            if !section.split("-----").next().is_some_and(|label| label.ends_with("PRIVATE KEY")) {
                continue;
            }
            self.is_secret = true;
            let section = format!("{BEGIN}{section}");
            // The algorithm does not matter: one of each kind of key finds the public half.
            for &algorithm in Algorithm::ALL {
                let key = SigningKey::from_pem(algorithm, section.as_bytes()).ok();
                let members =
                    key.and_then(|key| key.public_members()).into_iter().flat_map(PublicMembers::into_members);
                for (_, text) in members.filter(|(name, _)| ["n", "x"].contains(name)) {
                    let number = jwk::bytes_of(&text).unwrap_or_default();
                    self.numbers.push(without_leading_zeros(&number).to_vec());
                }
            }
        }
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
