//! Keys that are not known when the strategy is built.

use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex},
};

use auth_core::{AuthRequest, BoxError, async_trait, extract};
use auth_jwt::{Algorithm, Jwt, KeySet, KeySource, UnverifiedToken, VerifyingKey};
use serde_json::{Value, json};

use crate::support::*;

/// Issuers with a secret each; one of them fails.
struct Issuers(HashMap<&'static str, Arc<KeySet>>);

#[async_trait]
impl KeySource for Issuers {
    async fn keys(&self, token: &UnverifiedToken<'_>, _: &AuthRequest<'_>) -> Result<Option<Arc<KeySet>>, BoxError> {
        let Some(issuer) = token.issuer() else { return Ok(None) };
        if issuer == "down" {
            return Err(io::Error::other("no route").into());
        }
        Ok(self.0.get(issuer).cloned())
    }
}

fn issuers() -> Jwt<Value> {
    let key = VerifyingKey::hmac(Algorithm::HS256, SECRET).unwrap();
    let other = VerifyingKey::hmac(Algorithm::HS256, [9; 32]).unwrap();
    let issuers = HashMap::from([(ISSUER, Arc::new(key.into())), ("other", Arc::new(other.into()))]);
    Jwt::key_source(Issuers(issuers)).extract(extract::header("x-token"))
}

fn of(issuer: impl Into<Value>) -> &'static str {
    verdict(issuers(), &token(&claims(json!({ "iss": issuer.into() }))))
}

/// A source without keys that records the `Debug` output of the tokens that it is asked about.
#[derive(Clone, Default)]
struct Shown(Arc<Mutex<Vec<String>>>);

#[async_trait]
impl KeySource for Shown {
    async fn keys(&self, token: &UnverifiedToken<'_>, _: &AuthRequest<'_>) -> Result<Option<Arc<KeySet>>, BoxError> {
        self.0.lock().unwrap().push(format!("{token:?}"));
        Ok(None)
    }
}

#[test]
fn debug_of_a_token_shows_only_its_algorithm() {
    let shown = Shown::default();
    let jwt = Jwt::key_source(shown.clone()).extract(extract::header("x-token"));
    let token = token_with(json!({ "kid": "marker" }), &claims(json!({ "iss": "marker" })));
    assert_eq!(verdict(jwt, &token), UNRECOGNIZED);
    assert_eq!(*shown.0.lock().unwrap(), ["UnverifiedToken { algorithm: HS256, .. }"]);
}

#[test]
fn keys_of_the_issuer_verify() {
    assert_eq!(of(ISSUER), ACCEPTED);
}

#[test]
fn keys_of_one_issuer_do_not_verify_for_another() {
    assert_eq!(of("other"), INVALID);
}

#[test]
fn unknown_issuer_is_unrecognized() {
    assert_eq!(of("unknown"), UNRECOGNIZED);
    assert_eq!(verdict(issuers(), &token(&claims(json!({})))), UNRECOGNIZED);
}

#[test]
fn issuer_of_another_type_is_refused() {
    assert_eq!(of(1), INVALID);
}

#[test]
fn unavailable_keys_are_503() {
    let refusal = present(issuers(), &token(&claims(json!({ "iss": "down" })))).unwrap_err();
    assert_eq!((refusal.status().as_u16(), refusal.code()), (503, "unavailable"));
}

#[test]
fn configured_issuer_is_checked_before_the_source_is_asked() {
    let jwt = issuers().issuer(ISSUER);
    assert_eq!(verdict(jwt, &token(&claims(json!({ "iss": "down" })))), UNRECOGNIZED);
}

#[test]
fn broken_token_does_not_reach_the_source() {
    for broken in [
        format!("{}.b.c", encode(r#"{"alg":"HS256"}"#)),
        token_with(json!({ "alg": "none" }), &claims(json!({ "iss": "down" }))),
    ] {
        assert_eq!(verdict(issuers(), &broken), INVALID);
    }
}

#[test]
fn restricted_algorithms_are_checked_before_the_source_is_asked() {
    let jwt = issuers().algorithms([Algorithm::RS256]).unwrap();
    assert_eq!(verdict(jwt, &token(&claims(json!({ "iss": "down" })))), UNRECOGNIZED);
}
