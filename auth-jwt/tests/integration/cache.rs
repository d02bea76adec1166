//! With and without the cache of signatures, every answer is the same at every instant.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use auth_core::{AuthRequest, BoxError, Chain, Evidence, RevocationCheck, Transport, async_trait, extract};
use auth_jwt::{Algorithm, Jwt, KeySet, KeySource, Signer, SigningKey, UnverifiedToken, VerifyingKey};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::*;

const P256: &[u8] = include_bytes!("../keys/p256.pem");
const P384: &[u8] = include_bytes!("../keys/p384.pem");

/// The state that both strategies share.
#[derive(Clone, Default)]
struct World(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    keys: Option<Arc<KeySet>>,
    revoked: Vec<String>,
}

#[async_trait]
impl KeySource for World {
    async fn keys(&self, _: &UnverifiedToken<'_>, _: &AuthRequest<'_>) -> Result<Option<Arc<KeySet>>, BoxError> {
        self.0.lock().unwrap().keys.clone().map(Some).ok_or_else(|| "the keys are away".into())
    }
}

#[async_trait]
impl RevocationCheck for World {
    async fn is_revoked(&self, evidence: &Evidence) -> Result<bool, BoxError> {
        let id = evidence.credential_id().map_or("", |id| id.id());
        Ok(self.0.lock().unwrap().revoked.iter().any(|revoked| revoked == id))
    }
}

fn chain(world: &World, remember: bool, verified: &Arc<AtomicUsize>) -> Chain<Said> {
    let verified = Arc::clone(verified);
    let mut jwt = Jwt::<Value>::key_source(world.clone()).audience("chat").extract(extract::header("x-token"));
    if remember {
        jwt = jwt.cache_signatures(4).unwrap();
    }
    let jwt = jwt.verify(move |claims: Value| {
        verified.fetch_add(1, Ordering::Relaxed);
        async { Some(Said(claims)) }
    });
    Chain::new().or(jwt).revocation(world.clone())
}

fn signing(algorithm: Algorithm) -> SigningKey {
    let (pem, kid) = if algorithm == Algorithm::ES256 { (P256, "a") } else { (P384, "b") };
    SigningKey::from_pem(algorithm, pem).unwrap().with_kid(kid)
}

fn verifying(algorithm: Algorithm) -> VerifyingKey {
    signing(algorithm).verifying_key().unwrap()
}

/// Valid tokens of two keys with different ends, and several invalid tokens.
fn tokens() -> Vec<String> {
    let sign = |algorithm, claims: &Value| Signer::new(signing(algorithm)).sign(claims).unwrap().expose().to_owned();
    let named = |id: &str, more: Value| {
        let mut claims = claims(json!({ "aud": "chat", "jti": id }));
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        claims
    };
    let good = sign(Algorithm::ES256, &named("0", json!({})));
    let (input, signature) = good.rsplit_once('.').unwrap();
    let forged = format!("{input}.{}", "A".repeat(signature.len()));
    let cut = good[..good.len() - 1].to_owned();
    vec![
        good.clone(),
        sign(Algorithm::ES256, &named("1", json!({ "exp": NOW + 20 }))),
        sign(Algorithm::ES384, &named("2", json!({}))),
        sign(Algorithm::ES256, &named("3", json!({ "nbf": NOW + 90 }))),
        sign(Algorithm::ES384, &named("4", json!({ "aud": "mail" }))),
        forged,
        cut,
    ]
}

#[derive(Clone, Debug)]
enum Event {
    Present(usize),
    /// Seconds; negative if the clock is set back.
    Wait(i64),
    Keys(u8),
    Revoke(usize),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => (0_usize..7).prop_map(Event::Present),
        2 => prop_oneof![-70_i64..70, Just(59), Just(60), Just(1)].prop_map(Event::Wait),
        1 => (0_u8..4).prop_map(Event::Keys),
        1 => (0_usize..5).prop_map(Event::Revoke),
    ]
}

fn keys_of(which: u8) -> Option<Arc<KeySet>> {
    let keys = match which {
        0 => vec![verifying(Algorithm::ES256), verifying(Algorithm::ES384)],
        1 => vec![verifying(Algorithm::ES256)],
        2 => vec![verifying(Algorithm::ES384)],
        _ => return None,
    };
    Some(Arc::new(KeySet::new(keys).unwrap()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn answers_with_and_without_memory_are_equal_at_every_instant(events in prop::collection::vec(event(), 1..40)) {
        let world = World::default();
        world.0.lock().unwrap().keys = keys_of(0);
        let verified = [Arc::default(), Arc::default()];
        let [remembering, forgetful] = [chain(&world, true, &verified[0]), chain(&world, false, &verified[1])];
        let tokens = tokens();
        let mut now = now();
        for event in events {
            match event {
                Event::Wait(secs) if secs < 0 => now -= Duration::from_secs(secs.unsigned_abs()),
                Event::Wait(secs) => now += Duration::from_secs(secs.unsigned_abs()),
                Event::Keys(which) => world.0.lock().unwrap().keys = keys_of(which),
                Event::Revoke(id) => world.0.lock().unwrap().revoked.push(id.to_string()),
                Event::Present(at) => {
                    let parts = request("x-token", &tokens[at]);
                    let answer = |chain: &Chain<Said>| {
                        let request = AuthRequest::new(&parts, Transport::Http, now);
                        ready(chain.authenticate(&request)).map(|user| {
                            let evidence = user.evidence();
                            (user.user().clone(), evidence.expires_at(), evidence.credential_id().cloned())
                        }).map_err(|refusal| (refusal.status(), refusal.code()))
                    };
                    prop_assert_eq!(answer(&remembering), answer(&forgetful));
                }
            }
        }
        let [remembering, forgetful] = verified.map(|calls| calls.load(Ordering::Relaxed));
        prop_assert_eq!(remembering, forgetful, "the callback is asked as often");
    }
}

/// The same rule in one example, so that a failure is easy to read.
#[test]
fn remembered_token_ends_with_its_expiry_its_key_and_its_revocation() {
    let world = World::default();
    world.0.lock().unwrap().keys = keys_of(0);
    let verified = Arc::default();
    let chain = chain(&world, true, &verified);
    let tokens = tokens();
    let answer = |at: usize, later: u64| {
        let parts = request("x-token", &tokens[at]);
        let request = AuthRequest::new(&parts, Transport::Http, now() + Duration::from_secs(later));
        ready(chain.authenticate(&request)).map_or_else(|refusal| refusal.code(), |_| ACCEPTED)
    };
    assert_eq!([answer(1, 0), answer(1, 40), answer(1, 80)], [ACCEPTED, ACCEPTED, EXPIRED]);
    assert_eq!([answer(2, 0), answer(2, 1)], [ACCEPTED, ACCEPTED]);
    world.0.lock().unwrap().keys = keys_of(1);
    assert_eq!(answer(2, 2), INVALID, "its key is withdrawn");
    world.0.lock().unwrap().keys = keys_of(3);
    assert_eq!(answer(0, 3), "unavailable", "no keys can be had");
    world.0.lock().unwrap().keys = keys_of(0);
    assert_eq!([answer(0, 4), answer(0, 5)], [ACCEPTED, ACCEPTED]);
    world.0.lock().unwrap().revoked.push("0".into());
    assert_eq!(answer(0, 6), "revoked");
    assert_eq!(verified.load(Ordering::Relaxed), 7, "the callback was asked about each good token, each time");
}
