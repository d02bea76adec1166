//! Several issuers behind one callback.

use std::{
    io,
    sync::{Arc, Mutex},
};

use auth_core::{AuthRequest, BoxError, ManualClock, async_trait};
use auth_jwt::{Algorithm, Jwt, KeySet, KeySource, TrustedIssuer, TrustedIssuers, UnverifiedToken};
use serde_json::{Value, json};

use crate::support::*;

const OURS: &str = "https://id.example";
const THEIRS: &str = "https://partner.example";

/// Two issuers with a key each; both keys are called `a`.
struct Two {
    clock: ManualClock,
    ours: Key,
    theirs: Key,
}

impl Two {
    fn new() -> Self {
        Self { clock: clock(), ours: Key::new("a"), theirs: Key::new("a") }
    }

    fn ours(&self) -> TrustedIssuer {
        TrustedIssuer::new(OURS, fixed(&self.ours)).audience("chat")
    }

    fn theirs(&self) -> TrustedIssuer {
        TrustedIssuer::new(THEIRS, fixed(&self.theirs)).audience("partners").audience("friends")
    }

    fn both(&self) -> Jwt<Value> {
        Jwt::trusted_issuers(TrustedIssuers::new([self.ours(), self.theirs()]).unwrap())
    }

    fn say(&self, jwt: Jwt<Value>, key: &Key, claims: &Value) -> &'static str {
        now(judge(jwt, &key.token_with(&self.clock, claims), &self.clock)).unwrap()
    }
}

fn fixed(key: &Key) -> Arc<KeySet> {
    Arc::new(KeySet::from_jwks(&set(&[key]).to_string()).unwrap())
}

#[test]
fn each_issuer_signs_only_for_itself() {
    let two = Two::new();
    let (chat, partners) = (json!({ "iss": OURS, "aud": "chat" }), json!({ "iss": THEIRS, "aud": "partners" }));
    assert_eq!(two.say(two.both(), &two.ours, &chat), ACCEPTED);
    assert_eq!(two.say(two.both(), &two.theirs, &partners), ACCEPTED);
    assert_eq!(two.say(two.both(), &two.theirs, &chat), INVALID);
    assert_eq!(two.say(two.both(), &two.ours, &partners), INVALID);
}

#[test]
fn each_issuer_has_its_own_audience() {
    let two = Two::new();
    let theirs = |aud: Value| two.say(two.both(), &two.theirs, &json!({ "iss": THEIRS, "aud": aud }));
    assert_eq!(theirs(json!("friends")), ACCEPTED);
    assert_eq!(theirs(json!(["chat", "partners"])), ACCEPTED);
    assert_eq!(theirs(json!("chat")), INVALID);
    assert_eq!(two.say(two.both(), &two.theirs, &json!({ "iss": THEIRS })), INVALID);
    assert_eq!(two.say(two.both(), &two.ours, &json!({ "iss": OURS, "aud": "partners" })), INVALID);
}

#[test]
fn audience_of_the_strategy_is_for_issuers_without_one() {
    let two = Two::new();
    let all = |issuer| Jwt::trusted_issuers(TrustedIssuers::new([issuer]).unwrap()).audience("all");
    let bare = || TrustedIssuer::new(OURS, fixed(&two.ours));
    assert_eq!(two.say(all(bare()), &two.ours, &json!({ "iss": OURS, "aud": "all" })), ACCEPTED);
    assert_eq!(two.say(all(two.ours()), &two.ours, &json!({ "iss": OURS, "aud": "all" })), INVALID);
    // As for any strategy: an unexpected audience is refused.
    let none = Jwt::trusted_issuers(TrustedIssuers::new([bare()]).unwrap());
    assert_eq!(two.say(none, &two.ours, &json!({ "iss": OURS, "aud": "all" })), INVALID);
}

#[test]
fn each_issuer_has_its_own_algorithms() {
    let two = Two::new();
    let with = |allowed| {
        let theirs = two.theirs().algorithms([allowed]).unwrap();
        Jwt::trusted_issuers(TrustedIssuers::new([two.ours(), theirs]).unwrap())
    };
    let partners = || json!({ "iss": THEIRS, "aud": "partners" });
    assert_eq!(two.say(with(Algorithm::EdDSA), &two.theirs, &partners()), ACCEPTED);
    assert_eq!(two.say(with(Algorithm::ES256), &two.theirs, &partners()), UNRECOGNIZED);
    assert_eq!(two.say(with(Algorithm::ES256), &two.ours, &json!({ "iss": OURS, "aud": "chat" })), ACCEPTED);
    // An issuer cannot allow what the strategy does not allow.
    let narrow = with(Algorithm::EdDSA).algorithms([Algorithm::ES256]).unwrap();
    assert_eq!(two.say(narrow, &two.theirs, &partners()), UNRECOGNIZED);
}

#[test]
fn issuer_is_compared_exactly_and_must_be_named() {
    let two = Two::new();
    let of = |iss: Value| two.say(two.both(), &two.ours, &json!({ "iss": iss, "aud": "chat" }));
    for other in ["https://id.example/", "https://ID.example", "https://other.example", ""] {
        assert_eq!(of(json!(other)), UNRECOGNIZED, "{other}");
    }
    assert_eq!(of(json!(1)), INVALID);
    assert_eq!(of(json!([OURS])), INVALID);
    assert_eq!(two.say(two.both(), &two.ours, &json!({ "aud": "chat" })), INVALID);
}

#[test]
fn empty_or_duplicate_issuers_do_not_build() {
    let two = Two::new();
    assert!(TrustedIssuers::new([]).is_err());
    assert!(TrustedIssuers::new([two.ours(), two.theirs(), two.ours()]).is_err());
    assert!(two.ours().algorithms([]).is_err());
}

/// A source without keys that counts its calls.
#[derive(Clone, Default)]
struct Down(Arc<Mutex<u32>>);

#[async_trait]
impl KeySource for Down {
    async fn keys(&self, _: &UnverifiedToken<'_>, _: &AuthRequest<'_>) -> Result<Option<Arc<KeySet>>, BoxError> {
        *self.0.lock().unwrap() += 1;
        Err(io::Error::other("no route").into())
    }
}

#[test]
fn failing_issuer_harms_no_other_and_is_not_asked_needlessly() {
    let two = Two::new();
    let down = Down::default();
    let both = || {
        let theirs = TrustedIssuer::new(THEIRS, down.clone()).algorithms([Algorithm::ES256]).unwrap();
        Jwt::trusted_issuers(TrustedIssuers::new([two.ours(), theirs]).unwrap())
    };
    assert_eq!(two.say(both(), &two.ours, &json!({ "iss": OURS, "aud": "chat" })), ACCEPTED);
    assert_eq!(two.say(both(), &two.theirs, &json!({ "iss": THEIRS })), UNRECOGNIZED);
    assert_eq!(*down.0.lock().unwrap(), 0);
    let theirs = Jwt::trusted_issuers(TrustedIssuers::new([TrustedIssuer::new(THEIRS, down.clone())]).unwrap());
    assert_eq!(two.say(theirs, &two.theirs, &json!({ "iss": THEIRS })), UNAVAILABLE);
}

#[test]
fn remote_keys_of_two_issuers_stay_apart() {
    run(async {
        let (one, other) = (World::new().await, World::new().await);
        let jwt = async || {
            let issuers = [
                TrustedIssuer::new(OURS, one.source().await),
                TrustedIssuer::new(THEIRS, other.builder().clock(one.clock.clone()).lazy().unwrap()),
            ];
            Jwt::trusted_issuers(TrustedIssuers::new(issuers).unwrap())
        };
        let say = async |key: &Key, iss: &str| {
            judge(jwt().await, &key.token_with(&one.clock, &json!({ "iss": iss })), &one.clock).await
        };
        assert_eq!(say(&one.key, OURS).await, ACCEPTED);
        assert_eq!(say(&other.key, THEIRS).await, ACCEPTED);
        assert_eq!(say(&one.key, THEIRS).await, INVALID);
    });
}
