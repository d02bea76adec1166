//! The tokens that the signer makes.

use std::time::{Duration, SystemTime};

use auth_core::ManualClock;
use auth_jwt::{Algorithm, HmacSecret, SignErrorKind, Signer, SigningKey};
use serde_json::{Value, json};

use crate::support::*;

fn signer() -> Signer {
    Signer::hs256(SECRET).unwrap().clock(ManualClock::new(now()))
}

fn part(token: &str, at: usize) -> Value {
    let part = token.split('.').nth(at).unwrap();
    serde_json::from_slice(&decode(part)).unwrap()
}

#[test]
fn sign_adds_nothing_of_its_own() {
    let token = signer().sign(&json!({ "sub": "1001" })).unwrap();
    assert_eq!(part(token.expose(), 0), json!({ "alg": "HS256", "typ": "JWT" }));
    assert_eq!(part(token.expose(), 1), json!({ "sub": "1001" }));
}

#[test]
fn sign_for_adds_lifetime_and_id() {
    let token = signer().sign_for(&json!({ "sub": "1001" }), Duration::from_secs(900)).unwrap();
    let claims = part(token.expose(), 1);
    assert_eq!((&claims["iat"], &claims["exp"]), (&json!(NOW), &json!(NOW + 900)));
    assert_eq!(claims["jti"].as_str().unwrap().len(), 22);
}

#[test]
fn sign_for_replaces_the_times_of_the_claims() {
    let token = signer().sign_for(&json!({ "exp": 1, "iat": 2, "jti": "a" }), Duration::from_secs(900)).unwrap();
    let claims = part(token.expose(), 1);
    assert_eq!((&claims["iat"], &claims["exp"]), (&json!(NOW), &json!(NOW + 900)));
    assert_ne!(claims["jti"], "a");
}

#[test]
fn two_tokens_have_two_ids() {
    let id = || part(signer().sign_for(&json!({}), Duration::ZERO).unwrap().expose(), 1)["jti"].clone();
    assert_ne!(id(), id());
}

#[test]
fn issuer_and_audience_are_added_if_missing() {
    assert_eq!(signer().issuer_name(), None);
    let signer = signer().issuer(ISSUER).audience("chat");
    assert_eq!(signer.issuer_name(), Some(ISSUER));
    let claims = |claims: Value| part(signer.sign(&claims).unwrap().expose(), 1);
    assert_eq!(claims(json!({})), json!({ "iss": ISSUER, "aud": "chat" }));
    assert_eq!(claims(json!({ "iss": "me", "aud": "mail" })), json!({ "iss": "me", "aud": "mail" }));
}

#[test]
fn several_audiences_are_a_list() {
    let token = signer().audience("chat").audience("mail").sign(&json!({})).unwrap();
    assert_eq!(part(token.expose(), 1), json!({ "aud": ["chat", "mail"] }));
}

#[test]
fn header_names_type_and_key() {
    let key = SigningKey::hmac(Algorithm::HS384, [1; 48]).unwrap().with_kid("a");
    let token = Signer::new(key).token_type("at+jwt").sign(&json!({})).unwrap();
    assert_eq!(part(token.expose(), 0), json!({ "alg": "HS384", "typ": "at+jwt", "kid": "a" }));
}

#[test]
fn claims_of_any_serializable_type_are_signed() {
    #[derive(serde::Serialize)]
    struct Claims<'a> {
        sub: &'a str,
    }
    let token = signer().sign_for(&Claims { sub: "1001" }, Duration::from_secs(60)).unwrap();
    assert_eq!(verdict(jwt(), token.expose()), ACCEPTED);
}

#[test]
fn signed_claims_must_be_an_object() {
    for claims in [json!("a"), json!(1), json!([]), json!(null)] {
        let error = signer().sign(&claims).unwrap_err();
        assert_eq!(
            (error.kind(), error.to_string().as_str()),
            (SignErrorKind::Claims, "the claims are not a JSON object")
        );
    }
}

#[test]
fn lifetime_that_cannot_be_expressed_is_an_error() {
    assert_eq!(signer().sign_for(&json!({}), Duration::MAX).unwrap_err().kind(), SignErrorKind::Time);
}

#[test]
fn clock_before_1970_is_an_error() {
    let signer = signer().clock(ManualClock::new(SystemTime::UNIX_EPOCH - Duration::from_secs(1)));
    assert_eq!(signer.sign_for(&json!({}), Duration::ZERO).unwrap_err().kind(), SignErrorKind::Time);
}

#[test]
fn short_secret_signs_if_allowed() {
    let signer = Signer::hs256(HmacSecret::from("secret").dangerous_allow_short_secret()).unwrap();
    let token = signer.sign(&json!({ "sub": "1001" })).unwrap();
    let input = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMDAxIn0";
    assert_eq!(token.expose(), sign(input, "secret"));
}

#[test]
fn jwk_signs_with_the_algorithm_that_it_names() {
    let jwk = json!({ "kty": "oct", "k": encode(SECRET), "alg": "HS256", "kid": "a", "key_ops": ["sign"] });
    let key = SigningKey::from_jwk(&jwk.to_string()).unwrap();
    assert_eq!((key.algorithm(), key.kid()), (Algorithm::HS256, Some("a")));
    assert_eq!(verdict(jwt(), Signer::new(key).sign(&claims(json!({}))).unwrap().expose()), ACCEPTED);
}

#[test]
fn jwk_for_several_algorithms_must_name_one() {
    let jwk = json!({ "kty": "oct", "k": encode([1; 64]) }).to_string();
    assert!(SigningKey::from_jwk(&jwk).unwrap_err().to_string().contains("add `alg`"));
}

#[test]
fn jwk_with_key_ops_verify_does_not_sign() {
    let jwk = json!({ "kty": "oct", "k": encode(SECRET), "key_ops": ["verify"] }).to_string();
    assert!(SigningKey::from_jwk(&jwk).unwrap_err().to_string().contains("`sign`"));
}

#[test]
fn private_jwk_of_each_curve_signs() {
    // RFC 8037, A.1.
    let ed25519 = json!({
        "kty": "OKP", "crv": "Ed25519",
        "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
    });
    // RFC 7515, A.3.
    let p256 = json!({
        "kty": "EC", "crv": "P-256", "d": "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
    });
    for jwk in [ed25519, p256] {
        let signer = SigningKey::from_jwk(&jwk.to_string()).unwrap();
        let verifier = signer.verifying_key().unwrap();
        assert_eq!(verdict(key(verifier), Signer::new(signer).sign(&claims(json!({}))).unwrap().expose()), ACCEPTED);
    }
}

#[test]
fn private_jwk_whose_halves_do_not_fit_does_not_build() {
    let jwk = json!({
        "kty": "OKP", "crv": "Ed25519", "d": encode([1; 32]), "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
    });
    assert!(
        SigningKey::from_jwk(&jwk.to_string()).unwrap_err().to_string().contains("not a valid private Ed25519 key")
    );
}
