//! Remembers valid signatures.

use std::{
    hash::{BuildHasherDefault, Hash, Hasher},
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use aws_lc_rs::digest::{SHA256, digest};

use crate::{KeySet, halves::Halves};

/// How long a valid signature is remembered.
const LIFETIME: Duration = Duration::from_secs(60);

/// The number of locks. Several of them keep threads from waiting for each other.
const SHARDS: usize = 16;

/// The signatures that were valid, and under which keys. Each strategy has its own cache.
pub(crate) struct Cache {
    shards: [Mutex<Shard>; SHARDS],
}

/// A token under one generation of keys.
///
/// The hash needs no key. Another token with the same hash would be a collision of SHA-256, on which the signatures themselves
/// rest. The hash doesn't reveal the token, since nobody can guess a signature. A plain hash takes half the time of an HMAC.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct CacheKey {
    token: [u8; 32],
    generation: u64,
}

impl Hash for CacheKey {
    /// Eight bytes of the SHA-256, mixed with the generation: a key source may build a set for each request, and then one
    /// token is remembered under many generations. They count up from zero, and the factor changes the upper bits too, which
    /// a `HashMap` compares first.
    ///
    /// Only the holder of a signing key could search for valid tokens that share a bucket. A look-up then compares at most
    /// the entries of one shard.
    fn hash<H: Hasher>(&self, state: &mut H) {
        let [.., a, b, c, d, e, f, g, h] = self.token;
        let generation = self.generation.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        state.write_u64(u64::from_le_bytes([a, b, c, d, e, f, g, h]) ^ generation);
    }
}

/// Takes a number as its own hash.
#[derive(Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }

    /// The trait requires it, but a [`CacheKey`] writes only its number.
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.0 = self.0.rotate_left(8) ^ u64::from(byte));
    }
}

type Shard = Halves<CacheKey, SystemTime, BuildHasherDefault<AsItIs>>;

impl Cache {
    pub(crate) fn new(tokens: usize) -> Self {
        let half = tokens.div_ceil(SHARDS * 2);
        Self { shards: std::array::from_fn(|_| Mutex::new(Shard::of(half))) }
    }

    /// Always a key, since this hash has 32 bytes.
    pub(crate) fn seen(keys: &KeySet, token: &str) -> Option<CacheKey> {
        let token = digest(&SHA256, token.as_bytes()).as_ref().try_into().ok()?;
        Some(CacheKey { token, generation: keys.generation() })
    }

    /// Whether the signature was valid in the last 60 s. False after the clock was set back.
    pub(crate) fn knows(&self, seen: &CacheKey, now: SystemTime) -> bool {
        self.with_shard(seen, |shard| shard.get_key_value(seen).is_some_and(|(_, &at)| is_fresh(at, now)))
    }

    pub(crate) fn remember(&self, seen: &CacheKey, now: SystemTime) {
        drop(self.with_shard(seen, |shard| shard.insert(*seen, now)));
    }

    fn with_shard<T>(&self, seen: &CacheKey, f: impl FnOnce(&mut Shard) -> T) -> T
    where
        T: Default,
    {
        let [first, ..] = seen.token;
        let shard = self.shards.get(usize::from(first) % SHARDS);
        shard.map_or_else(T::default, |shard| f(&mut shard.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        let len = |shard: &Mutex<Shard>| shard.lock().unwrap().len();
        self.shards.iter().map(len).sum()
    }
}

fn is_fresh(at: SystemTime, now: SystemTime) -> bool {
    now.duration_since(at).is_ok_and(|age| age < LIFETIME)
}

#[cfg(test)]
mod tests {
    use std::{
        hash::BuildHasher,
        pin::pin,
        task::{Context, Poll, Waker},
    };

    use auth_core::{AuthRequest, Chain, Transport, extract};
    use serde_json::{Value, json};

    use super::*;
    use crate::{Algorithm, Jwt, Signer, SigningKey};

    const P256: &[u8] = include_bytes!("../tests/keys/p256.pem");

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000)
    }

    fn signing() -> SigningKey {
        SigningKey::from_pem(Algorithm::ES256, P256).unwrap()
    }

    fn keys() -> KeySet {
        signing().verifying_key().unwrap().into()
    }

    fn token() -> String {
        Signer::new(signing()).sign(&json!({ "exp": 1_700_000_600 })).unwrap().expose().to_owned()
    }

    /// The token with another signature.
    fn forged() -> String {
        let token = token();
        let (input, _) = token.rsplit_once('.').unwrap();
        format!("{input}.{}", "A".repeat(86))
    }

    fn jwt(keys: KeySet) -> Jwt<Value> {
        Jwt::keys(keys).extract(extract::header("x-token")).cache_signatures(100).unwrap()
    }

    /// Whether a strategy accepts the token, and how many entries its cache then has.
    fn ask(jwt: Jwt<Value>, token: &str, now: SystemTime) -> (bool, usize) {
        let strategy = std::sync::Arc::new(jwt.verify(|_: Value| async { Some("user") }));
        let chain = Chain::new().or(std::sync::Arc::clone(&strategy));
        let (parts, ()) = http::Request::builder().header("x-token", token).body(()).unwrap().into_parts();
        let request = AuthRequest::new(&parts, Transport::Http, now);
        let accepted = match pin!(chain.authenticate(&request)).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => result.is_ok(),
            Poll::Pending => unreachable!("nothing waits"),
        };
        (accepted, strategy.cache().unwrap().len())
    }

    #[test]
    fn good_signature_is_remembered_and_a_refusal_is_not() {
        assert_eq!(ask(jwt(keys()), &token(), now()), (true, 1));
        assert_eq!(ask(jwt(keys()), &forged(), now()), (false, 0));
    }

    #[test]
    fn valid_signature_of_a_token_with_refused_claims_is_remembered() {
        assert_eq!(ask(jwt(keys()), &token(), now() + Duration::from_secs(700)), (false, 1));
    }

    #[test]
    fn hmac_is_not_remembered() {
        let signer = Signer::hs256("0123456789abcdef0123456789abcdef").unwrap();
        let token = signer.sign(&json!({ "exp": 1_700_000_600 })).unwrap();
        let jwt = Jwt::hs256("0123456789abcdef0123456789abcdef").unwrap().extract(extract::header("x-token"));
        assert_eq!(ask(jwt.cache_signatures(100).unwrap(), token.expose(), now()), (true, 0));
    }

    /// A forged token is put into the cache, so acceptance shows that the cache was asked.
    #[test]
    fn memory_ends_after_60_s_with_new_keys_or_a_clock_set_back() {
        let accepts = |keys: KeySet, remembered: &KeySet, now: SystemTime| {
            let jwt = jwt(keys);
            let cache = jwt.cache.as_ref().unwrap();
            cache.remember(&Cache::seen(remembered, &forged()).unwrap(), self::now());
            ask(jwt, &forged(), now).0
        };
        let ours = keys();
        assert!(accepts(ours.clone(), &ours, now()));
        assert!(accepts(ours.clone(), &ours, now() + Duration::from_millis(59_999)));
        assert!(!accepts(ours.clone(), &ours, now() + Duration::from_secs(60)));
        assert!(!accepts(ours.clone(), &ours, now() - Duration::from_millis(1)));
        // The same keys, read anew.
        assert!(!accepts(ours, &keys(), now()));
    }

    #[test]
    fn each_strategy_has_its_own_cache() {
        let (one, other) = (Cache::new(10), Cache::new(10));
        let seen = Cache::seen(&keys(), &token()).unwrap();
        one.remember(&seen, now());
        assert!(one.knows(&seen, now()) && !other.knows(&seen, now()));
    }

    #[test]
    fn one_token_under_two_sets_of_keys_has_two_hashes() {
        let hash = |keys| BuildHasherDefault::<AsItIs>::default().hash_one(Cache::seen(&keys, "token").unwrap());
        let ours = keys();
        assert_eq!(hash(ours.clone()), hash(ours.clone()));
        assert_ne!(hash(ours), hash(keys()));
    }

    #[test]
    fn memory_is_bounded_and_keeps_what_came_last() {
        let cache = Cache::new(64);
        let ours = keys();
        for i in 0..10_000 {
            let seen = Cache::seen(&ours, &i.to_string()).unwrap();
            cache.remember(&seen, now());
            assert!(cache.knows(&seen, now()), "{i}");
        }
        assert!((48..=64).contains(&cache.len()), "{}", cache.len());
        let nothing = Cache::new(0);
        nothing.remember(&Cache::seen(&ours, "a").unwrap(), now());
        assert_eq!(nothing.len(), 0);
    }
}
