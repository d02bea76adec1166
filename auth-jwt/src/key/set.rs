use std::sync::atomic::{AtomicU64, Ordering};

use auth_core::ConfigError;

use super::{Jwk, Verifier, VerifyingKey};
use crate::{
    Algorithm,
    token::{
        Refused,
        json::{self, Value},
    },
};

/// The keys of one issuer. For each token exactly one of them is chosen:
///
/// 1. If the token names a key (`kid`): the key of that name; if there is none, the only nameless key that fits.
/// 2. If not: the only key that fits.
///
/// A key fits if the token's algorithm is one of its own. Where two fit, the token is refused, rather than tried with
/// one after the other: give keys names.
#[derive(Clone, Debug)]
pub struct KeySet(Vec<VerifyingKey>, Generation);

/// Tells sets of keys apart, so that nothing is known of a set that was learnt with another. Clones hold the same keys.
#[derive(Clone, Copy, Debug)]
struct Generation(u64);

impl Generation {
    fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

impl KeySet {
    /// A set of these keys.
    ///
    /// # Errors
    /// If there are none, if two have one name, or if secrets and public keys are mixed: what is published must never
    /// be tried as a secret.
    pub fn new(keys: impl IntoIterator<Item = VerifyingKey>) -> Result<Self, ConfigError> {
        let keys: Vec<_> = keys.into_iter().collect();
        let mut names: Vec<_> = keys.iter().filter_map(VerifyingKey::kid).collect();
        names.sort_unstable();
        if names.array_windows().any(|[a, b]| a == b) {
            return Err(ConfigError::new("two keys of the set have the same `kid`: rename one, or take it out"));
        }
        match (keys.iter().any(VerifyingKey::is_hmac), keys.iter().all(VerifyingKey::is_hmac)) {
            (_, true) if keys.is_empty() => Err(ConfigError::new("the key set is empty: add a key")),
            (true, false) => Err(ConfigError::new(
                "the key set mixes HMAC secrets and public keys: make two strategies of it, one for each kind",
            )),
            _ => Ok(Self(keys, Generation::next())),
        }
    }

    /// A set from a JSON Web Key Set (RFC 7517, 5): public keys, or `oct` secrets alone.
    ///
    /// # Errors
    /// As for [`new`](Self::new); and if any of the keys is no good by the rules of [`VerifyingKey::from_jwk`]: take
    /// keys for encryption out of the set.
    pub fn from_jwks(json: &str) -> Result<Self, ConfigError> {
        let mut list = None;
        let found = json::members(json.as_bytes(), |name, value| {
            if name == "keys" {
                list = Some(value);
            }
            Ok(())
        });
        let (Ok(()), Some(Value::Array(list))) = (found, list) else {
            return Err(ConfigError::new("this is no JWK set: it must be a JSON object with a list `keys`"));
        };
        let mut keys = Vec::new();
        let read = json::elements(list, |value| {
            keys.push(match value {
                Value::Object(json) => Jwk::parse(json).and_then(|jwk| jwk.verifying_key()),
                _ => Err(Jwk::no_object()),
            });
            Ok(())
        });
        read.map_err(|_| Jwk::no_object())?;
        let numbered = keys.into_iter().enumerate().map(|(at, key)| {
            key.map_err(|error| ConfigError::new(format!("key {at} of the set, counted from 0: {error}")))
        });
        Self::new(numbered.collect::<Result<Vec<_>, _>>()?)
    }

    /// The keys.
    #[must_use]
    pub fn keys(&self) -> &[VerifyingKey] {
        &self.0
    }

    /// Whether there is a key of this name.
    #[cfg(feature = "remote")]
    pub(crate) fn has_named(&self, kid: &str) -> bool {
        self.0.iter().any(|key| key.kid() == Some(kid))
    }

    /// Whether there is a key without a name for this algorithm.
    #[cfg(feature = "remote")]
    pub(crate) fn has_nameless(&self, algorithm: Algorithm) -> bool {
        self.0.iter().any(|key| key.kid().is_none() && key.verifier(algorithm).is_some())
    }

    /// A number that no other set of this process has.
    pub(crate) fn generation(&self) -> u64 {
        self.1.0
    }

    pub(crate) fn is_hmac(&self) -> bool {
        self.0.iter().all(VerifyingKey::is_hmac)
    }

    pub(crate) fn choose(&self, algorithm: Algorithm, kid: Option<&str>) -> Result<&Verifier, Refused> {
        let named = kid.and_then(|kid| self.0.iter().find(|key| key.kid() == Some(kid)));
        if let Some(key) = named {
            return key.verifier(algorithm).ok_or(Refused::invalid("the key that is named is for another algorithm"));
        }
        let candidates = self.0.iter().filter(|key| kid.is_none() || key.kid().is_none());
        let mut fitting = candidates.filter_map(|key| key.verifier(algorithm));
        match (fitting.next(), fitting.next()) {
            (Some(verifier), None) => Ok(verifier),
            (None, _) => Err(Refused::invalid("no key fits the token")),
            (Some(_), Some(_)) => Err(Refused::invalid("more than one key fits the token: name them")),
        }
    }
}

impl From<VerifyingKey> for KeySet {
    fn from(key: VerifyingKey) -> Self {
        Self(vec![key], Generation::next())
    }
}
