use std::sync::atomic::{AtomicU64, Ordering};

use auth_core::ConfigError;

use super::{Jwk, Verifier, VerifyingKey};
use crate::{Algorithm, HmacSecret};

/// How many keys are tried with one token.
pub(crate) const MAX_TRIES: usize = 4;

/// The keys of one issuer. For each token those are chosen that fit:
///
/// 1. If the token names a key (`kid`): those of that name; if there is none, those without a name.
/// 2. If not: all.
///
/// Of these, a key fits if the token's algorithm is one of its own, and the token's issuer is the one that the key is for, if
/// it [says so](VerifyingKey::from_jwk). So keys of several kinds may share a name (RFC 7517,
/// 4.5). An empty `kid` is none.
///
/// | Keys that fit | |
/// |---|---|
/// | none | the token is [foreign](auth_core::Outcome::Unrecognized): another strategy of the chain may have its key |
/// | one to four | they are tried in the order of the set; if none has made the signature, the token is refused |
/// | more | refused, since each try is work that strangers can order: give keys names |
///
/// Put the newest key first. A secret is rotated so: the set has the new one and the old one, until the last token of the old
/// one has ended.
///
/// ```
/// use auth_jwt::{Algorithm, Jwt, KeySet};
/// # #[derive(serde::Deserialize)] struct Claims {}
/// # fn build(new: String, old: String) -> Result<(), auth_core::ConfigError> {
///
/// let keys = KeySet::hmac(Algorithm::HS256, [new, old])?;
/// let jwt = Jwt::<Claims>::keys(keys);
/// # let _ = jwt; Ok(()) }
/// # build("0123456789abcdef0123456789abcdef".into(), "fedcba9876543210fedcba9876543210".into()).unwrap();
/// ```
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
    /// A set of these keys, the newest first.
    ///
    /// # Errors
    /// If there are none; if more than four without a name, or of one name, are for one algorithm, since they could never
    /// be used; or if secrets and public keys are mixed, which takes [`with_secrets`](Self::with_secrets).
    pub fn new(keys: impl IntoIterator<Item = VerifyingKey>) -> Result<Self, ConfigError> {
        let keys: Vec<_> = keys.into_iter().collect();
        match (keys.iter().any(VerifyingKey::is_hmac), keys.iter().all(VerifyingKey::is_hmac)) {
            (_, true) if keys.is_empty() => Err(ConfigError::new("the key set is empty: add a key")),
            (true, false) => Err(ConfigError::new(
                "the key set mixes HMAC secrets and public keys: make a set of each kind, and join them with `with_secrets`",
            )),
            _ => Self::of(keys),
        }
    }

    /// Secrets for one of the HS algorithms, the newest first.
    ///
    /// # Errors
    /// As for [`VerifyingKey::hmac`] and [`new`](Self::new).
    pub fn hmac(
        algorithm: Algorithm,
        secrets: impl IntoIterator<Item = impl Into<HmacSecret>>,
    ) -> Result<Self, ConfigError> {
        let keys = secrets.into_iter().map(|secret| VerifyingKey::hmac(algorithm, secret));
        Self::new(keys.collect::<Result<Vec<_>, _>>()?)
    }

    /// The set with these secrets as well: for an issuer that goes over from a secret to key pairs, or back.
    ///
    /// A secret never checks what a public key is for, since each key knows its algorithms.
    ///
    /// # Errors
    /// If `secrets` has a public key in it, and as for [`new`](Self::new).
    pub fn with_secrets(self, secrets: Self) -> Result<Self, ConfigError> {
        if !secrets.0.iter().all(VerifyingKey::is_hmac) {
            return Err(ConfigError::new("one of the secrets to add is a public key: put it into the other set"));
        }
        Self::of(self.0.into_iter().chain(secrets.0).collect())
    }

    fn of(keys: Vec<VerifyingKey>) -> Result<Self, ConfigError> {
        if keys.iter().any(|key| is_crowded(&keys, key)) {
            return Err(ConfigError::new(format!(
                "more than {MAX_TRIES} keys of the set have the same name, or none, and the same algorithm, so none of \
                 them can be used: give each a `kid` of its own, or take old ones out"
            )));
        }
        Ok(Self(keys, Generation::next()))
    }

    /// A set from a JSON Web Key Set (RFC 7517, 5): public keys, or `oct` secrets alone.
    ///
    /// # Errors
    /// As for [`new`](Self::new); and if any of the keys is no good by the rules of [`VerifyingKey::from_jwk`]: take
    /// keys for encryption out of the set.
    pub fn from_jwks(json: &str) -> Result<Self, ConfigError> {
        let keys = Jwk::texts_of_set(json.as_bytes())
            .ok_or_else(|| ConfigError::new("this is no JWK set: it must be a JSON object with a list `keys`"))?;
        let read = |json: &str| Jwk::parse(json).and_then(|jwk| VerifyingKey::of(&jwk));
        let keys = keys.into_iter().map(|json| json.map_or_else(|| Err(Jwk::no_object()), read));
        let numbered = keys.enumerate().map(|(at, key)| {
            key.map_err(|error| ConfigError::new(format!("key {at} of the set, counted from 0: {error}")))
        });
        Self::new(numbered.collect::<Result<Vec<_>, _>>()?)
    }

    /// The keys.
    #[must_use]
    pub fn keys(&self) -> &[VerifyingKey] {
        &self.0
    }

    /// A number that no other set of this process has.
    pub(crate) fn generation(&self) -> u64 {
        self.1.0
    }

    /// The keys that may have signed a token with this header, of this issuer.
    pub(crate) fn fitting<'a>(
        &'a self,
        algorithm: Algorithm,
        kid: Option<&'a str>,
        issuer: Option<&'a str>,
    ) -> impl Iterator<Item = &'a Verifier> {
        let kid = kid.filter(|kid| !kid.is_empty());
        let is_known = kid.is_some_and(|kid| self.0.iter().any(|key| key.kid() == Some(kid)));
        let is_candidate = move |key: &&VerifyingKey| match kid {
            None => true,
            Some(kid) if is_known => key.kid() == Some(kid),
            Some(_) => key.kid().is_none(),
        };
        let is_of_issuer = move |key: &&VerifyingKey| key.is_for(issuer);
        self.0.iter().filter(is_candidate).filter(is_of_issuer).filter_map(move |key| key.verifier(algorithm))
    }
}

/// Whether so many of `keys` have the name of this one and an algorithm of it that none of them can be used.
pub(crate) fn is_crowded(keys: &[VerifyingKey], key: &VerifyingKey) -> bool {
    key.algorithms().any(|algorithm| {
        let beside = keys.iter().filter(|other| other.kid() == key.kid() && other.verifier(algorithm).is_some());
        beside.count() > MAX_TRIES
    })
}

impl From<VerifyingKey> for KeySet {
    fn from(key: VerifyingKey) -> Self {
        Self(vec![key], Generation::next())
    }
}
