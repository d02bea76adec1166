//! Two strategies for one issuer, while it changes to another kind of key.

use std::sync::Arc;

use auth_core::{AuthRequest, Chain, Transport, extract};
use auth_jwt::{Algorithm, Jwt, JwtStrategy, KeySet, Signer, SigningKey, TrustedIssuer, TrustedIssuers, VerifyingKey};
use serde_json::{Value, json};

use crate::support::*;

fn signer() -> SigningKey {
    SigningKey::from_pem(Algorithm::ES256, include_bytes!("../keys/p256.pem")).unwrap()
}

fn old_key() -> VerifyingKey {
    VerifyingKey::hmac(Algorithm::HS256, SECRET).unwrap()
}

fn new_key() -> VerifyingKey {
    VerifyingKey::from_pem(Algorithm::ES256, include_bytes!("../keys/p256.pub.pem")).unwrap()
}

/// A way to build a strategy that accepts only this key with this algorithm.
type Way = fn(VerifyingKey, Algorithm) -> Jwt<Value>;

const WAYS: [Way; 3] = [
    |own, algorithm| key(own).algorithms([algorithm]).unwrap().issuer(ISSUER),
    |own, algorithm| source(own).algorithms([algorithm]).unwrap().issuer(ISSUER),
    |own, algorithm| {
        let issuer = TrustedIssuer::new(ISSUER, Arc::new(KeySet::from(own))).algorithms([algorithm]).unwrap();
        Jwt::trusted_issuers(TrustedIssuers::new([issuer]).unwrap()).extract(extract::header("x-token"))
    },
];

fn source(own: VerifyingKey) -> Jwt<Value> {
    Jwt::key_source(Arc::new(KeySet::from(own))).extract(extract::header("x-token"))
}

/// The result of a chain with both: the name of the strategy that accepts, or the code of the refusal.
fn say(first: Jwt<Value>, second: Jwt<Value>, token: &str) -> String {
    let named = |jwt: Jwt<Value>, name: &str| -> JwtStrategy<Value, _, _> { jwt.named(name).verify(accept) };
    let chain = Chain::new().or(named(first, "first")).or(named(second, "second"));
    let parts = request("x-token", token);
    match ready(chain.authenticate(&AuthRequest::new(&parts, Transport::Http, now()))) {
        Ok(user) => user.evidence().strategy().to_owned(),
        Err(refusal) => format!("{} {:?}", refusal.code(), refusal.kind()),
    }
}

#[test]
fn token_of_the_other_kind_of_key_is_left_to_the_next_strategy() {
    let own = claims(json!({ "iss": ISSUER }));
    let (old, new) = (token(&own), Signer::new(signer()).sign(&own).unwrap());
    for way in WAYS {
        let chain = |token: &str| say(way(old_key(), Algorithm::HS256), way(new_key(), Algorithm::ES256), token);
        assert_eq!(chain(&old), "first");
        assert_eq!(chain(new.expose()), "second");
        let reverse = |token: &str| say(way(new_key(), Algorithm::ES256), way(old_key(), Algorithm::HS256), token);
        assert_eq!(reverse(&old), "second");
        assert_eq!(reverse(new.expose()), "first");
    }
}

#[test]
fn wrong_signature_is_refused_and_not_left_to_the_next_strategy() {
    let strange = VerifyingKey::hmac(Algorithm::HS256, SECRET.to_uppercase()).unwrap();
    let old = token(&claims(json!({ "iss": ISSUER })));
    for way in WAYS {
        let wrong = way(strange.clone(), Algorithm::HS256);
        assert_eq!(say(wrong, way(old_key(), Algorithm::HS256), &old), "invalid_credentials Rejected");
    }
}

#[test]
fn other_faults_are_refused_and_not_left_to_the_next_strategy() {
    let own = claims(json!({ "iss": ISSUER }));
    let late = claims(json!({ "iss": ISSUER, "exp": NOW - 600 }));
    for way in WAYS {
        let chain = |token: &str| {
            let narrow = way(old_key(), Algorithm::HS256).audience("chat");
            say(narrow, way(old_key(), Algorithm::HS256), token)
        };
        assert_eq!(chain(&token(&own)), "invalid_credentials Rejected", "no audience");
        assert_eq!(chain(&token(&late)), "token_expired Rejected");
        assert_eq!(chain(&token_with(json!({ "typ": "at+jwt" }), &own)), "invalid_credentials Rejected");
    }
}

#[test]
fn algorithm_that_does_not_exist_is_refused_at_once() {
    for alg in ["none", "None", "HS255", "", "hs256"] {
        let token = token_with(json!({ "alg": alg }), &claims(json!({ "iss": ISSUER })));
        for way in WAYS {
            let said = say(way(old_key(), Algorithm::HS256), way(old_key(), Algorithm::HS256), &token);
            assert_eq!(said, "invalid_credentials Rejected", "{alg}");
        }
    }
}

#[test]
fn algorithm_that_no_strategy_allows_is_unrecognized() {
    let token = token_with(json!({ "alg": "RS256" }), &claims(json!({ "iss": ISSUER })));
    for way in WAYS {
        let said = say(way(old_key(), Algorithm::HS256), way(new_key(), Algorithm::ES256), &token);
        assert_eq!(said, "invalid_credentials Unrecognized");
    }
}
