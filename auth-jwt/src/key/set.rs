use std::{
    collections::HashMap,
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};

use auth_core::ConfigError;

use super::{Jwk, Verifier, VerifyingKey};
use crate::{Algorithm, HmacSecret};

/// How many keys are tried with one token.
pub(crate) const MAX_TRIES: usize = 4;

/// The keys of one issuer. For each token, the keys that fit it are chosen:
///
/// 1. If the token names a key (`kid`): the keys with that name, or, if there are none, the keys without a name.
/// 2. Otherwise: all keys.
///
/// One of these fits if it allows the token's algorithm, and if the key [is for](VerifyingKey::from_jwk) any issuer or for
/// the token's. So keys of several kinds may share a name (RFC 7517, 4.5). An empty `kid` counts as absent.
///
/// | Keys that fit | Result |
/// |---|---|
/// | none | the token is [unrecognized](auth_core::Outcome::Unrecognized): another strategy of the chain may have its key |
/// | one to four | they are tried in the order of the set; if none verifies the signature, the token is refused |
/// | more | refused, since anyone can make the server try keys: give keys names |
///
/// Put the newest key first. To rotate a secret, keep the new one and the old one in the set until the last token of the
/// old one has expired.
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
#[derive(Clone)]
pub struct KeySet {
    keys: Vec<VerifyingKey>,
    names: Names,
    /// Identifies the set, so that cached results of another set don't count. Clones hold the same keys and share it.
    generation: u64,
}

/// Where the keys of each name are in the list, so that a token finds its key in a set of any size at the same price.
#[derive(Clone, Default)]
struct Names {
    named: HashMap<String, Vec<usize>>,
    unnamed: Vec<usize>,
}

impl KeySet {
    /// A set of these keys, the newest first.
    ///
    /// # Errors
    /// If it is empty. If more than four keys for one algorithm share a name or have none, since they could never be used.
    /// If secrets and public keys are mixed: use [`with_secrets`](Self::with_secrets).
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

    /// Adds secrets to the set, for an issuer that moves from a secret to key pairs, or back.
    ///
    /// A secret never verifies a token that is meant for a public key, since each key knows its algorithms.
    ///
    /// # Errors
    /// If `secrets` contains a public key, and as for [`new`](Self::new).
    pub fn with_secrets(self, secrets: Self) -> Result<Self, ConfigError> {
        if !secrets.keys.iter().all(VerifyingKey::is_hmac) {
            return Err(ConfigError::new("one of the secrets is a public key: put it into the other set"));
        }
        Self::of(self.keys.into_iter().chain(secrets.keys).collect())
    }

    fn of(keys: Vec<VerifyingKey>) -> Result<Self, ConfigError> {
        if keys.iter().any(|key| is_crowded(&keys, key)) {
            return Err(ConfigError::new(format!(
                "more than {MAX_TRIES} keys for one algorithm share a name or have none, so they cannot be used: \
                 give each its own `kid`, or take old ones out"
            )));
        }
        Ok(Self::indexed(keys))
    }

    fn indexed(keys: Vec<VerifyingKey>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let mut names = Names::default();
        for (at, key) in keys.iter().enumerate() {
            match key.kid() {
                Some(kid) => names.named.entry(kid.to_owned()).or_default().push(at),
                None => names.unnamed.push(at),
            }
        }
        Self { keys, names, generation: NEXT.fetch_add(1, Ordering::Relaxed) }
    }

    /// A set from a JSON Web Key Set (RFC 7517, 5): either public keys or `oct` secrets.
    ///
    /// # Errors
    /// As for [`new`](Self::new), and if [`VerifyingKey::from_jwk`] refuses one of the keys. Take keys for encryption out of
    /// the set.
    pub fn from_jwks(json: &str) -> Result<Self, ConfigError> {
        let keys = Jwk::texts_of_set(json.as_bytes())
            .ok_or_else(|| ConfigError::new("this is not a JWK set: it must be a JSON object with a list `keys`"))?;
        let read = |json: &str| Jwk::parse(json).and_then(|jwk| VerifyingKey::of(&jwk));
        let keys = keys.into_iter().map(|json| json.map_or_else(|| Err(Jwk::not_an_object()), read));
        let numbered = keys.enumerate().map(|(at, key)| {
            key.map_err(|error| ConfigError::new(format!("key {at} of the set, counted from 0: {error}")))
        });
        Self::new(numbered.collect::<Result<Vec<_>, _>>()?)
    }

    /// The keys.
    #[must_use]
    pub fn keys(&self) -> &[VerifyingKey] {
        &self.keys
    }

    /// A number that is unique to this set in the process.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// The keys that may have signed a token with this header and issuer.
    pub(crate) fn fitting<'a>(
        &'a self,
        algorithm: Algorithm,
        kid: Option<&'a str>,
        issuer: Option<&'a str>,
    ) -> impl Iterator<Item = &'a Verifier> {
        let (all, some) = match kid.filter(|kid| !kid.is_empty()) {
            None => (self.keys.as_slice(), [].as_slice()),
            Some(kid) => ([].as_slice(), self.names.named.get(kid).unwrap_or(&self.names.unnamed).as_slice()),
        };
        let candidates = all.iter().chain(some.iter().filter_map(|&at| self.keys.get(at)));
        candidates.filter(move |key| key.is_for(issuer)).filter_map(move |key| key.verifier(algorithm))
    }
}

/// Whether too many of `keys` share the name and an algorithm of this one, so that none of them can be used.
pub(crate) fn is_crowded(keys: &[VerifyingKey], key: &VerifyingKey) -> bool {
    key.algorithms().any(|algorithm| {
        let beside = keys.iter().filter(|other| other.kid() == key.kid() && other.verifier(algorithm).is_some());
        beside.count() > MAX_TRIES
    })
}

impl From<VerifyingKey> for KeySet {
    fn from(key: VerifyingKey) -> Self {
        Self::indexed(vec![key])
    }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeySet").field(&self.keys).field(&self.generation).finish()
    }
}
