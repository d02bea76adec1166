//! Which keys a set may contain, and which of them a token is tried with.

use auth_core::{ConfigError, extract};
use auth_jwt::{Algorithm, HmacSecret, Jwt, KeySet, Signer, SigningKey, VerifyingKey};
use serde_json::json;

use crate::support::*;

const P256: &[u8] = include_bytes!("../keys/p256.pem");
const P256_PUBLIC: &[u8] = include_bytes!("../keys/p256.pub.pem");
const ED25519: &[u8] = include_bytes!("../keys/ed25519.pem");
const ED25519_PUBLIC: &[u8] = include_bytes!("../keys/ed25519.pub.pem");

fn hmac(byte: u8) -> VerifyingKey {
    VerifyingKey::hmac(Algorithm::HS256, [byte; 32]).unwrap()
}

fn p256() -> VerifyingKey {
    VerifyingKey::from_pem(Algorithm::ES256, P256_PUBLIC).unwrap()
}

fn ed25519() -> VerifyingKey {
    VerifyingKey::from_pem(Algorithm::EdDSA, ED25519_PUBLIC).unwrap()
}

fn signing(algorithm: Algorithm) -> SigningKey {
    SigningKey::from_pem(algorithm, if algorithm == Algorithm::ES256 { P256 } else { ED25519 }).unwrap()
}

fn named(key: VerifyingKey, kid: Option<&str>) -> VerifyingKey {
    if let Some(kid) = kid { key.with_kid(kid) } else { key }
}

fn error(result: Result<KeySet, ConfigError>) -> String {
    result.unwrap_err().to_string()
}

/// The result for a token signed by this key, with or without a name.
fn said(keys: &KeySet, signer: SigningKey, kid: Option<&str>) -> &'static str {
    let signer = if let Some(kid) = kid { signer.with_kid(kid) } else { signer };
    let token = Signer::new(signer).sign(&claims(json!({}))).unwrap();
    verdict(Jwt::keys(keys.clone()).extract(extract::header("x-token")), token.expose())
}

/// A set of keys that are all for HS256, each of one byte; and a token signed with one of them.
fn chosen(names: &[(u8, Option<&str>)], signer: u8, kid: Option<&str>) -> &'static str {
    let keys = KeySet::new(names.iter().map(|&(byte, kid)| named(hmac(byte), kid))).unwrap();
    said(&keys, SigningKey::hmac(Algorithm::HS256, [signer; 32]).unwrap(), kid)
}

#[test]
fn named_key_is_chosen_by_name() {
    let set = [(1, Some("a")), (2, Some("b")), (3, None)];
    assert_eq!(chosen(&set, 1, Some("a")), ACCEPTED);
    assert_eq!(chosen(&set, 2, Some("b")), ACCEPTED);
    assert_eq!(chosen(&set, 2, Some("a")), INVALID);
}

#[test]
fn key_without_kid_verifies_tokens_with_an_unknown_kid() {
    let set = [(1, Some("a")), (3, None)];
    assert_eq!(chosen(&set, 3, Some("c")), ACCEPTED);
    assert_eq!(chosen(&set, 3, Some("a")), INVALID);
}

#[test]
fn unknown_name_without_a_nameless_key_is_for_another_strategy() {
    assert_eq!(chosen(&[(1, Some("a"))], 1, Some("b")), UNRECOGNIZED);
}

#[test]
fn token_without_kid_uses_the_only_key() {
    assert_eq!(chosen(&[(1, Some("a"))], 1, None), ACCEPTED);
    assert_eq!(chosen(&[(1, None)], 1, None), ACCEPTED);
}

#[test]
fn up_to_four_keys_that_fit_are_tried_in_turn() {
    let names = ["a", "b", "c", "d", "e"].map(Some);
    for count in 1..=5 {
        let all: Vec<_> = (1..).zip(names).take(count).collect();
        for signer in 1..=u8::try_from(count).unwrap() {
            let expected = if count <= 4 { ACCEPTED } else { INVALID };
            assert_eq!(chosen(&all, signer, None), expected, "{signer} of {count}");
        }
        assert_eq!(chosen(&all, 9, None), INVALID, "{count}");
    }
}

#[test]
fn secrets_without_kid_are_tried_in_turn_for_rotation() {
    let (new, old) = ("0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210");
    let keys = KeySet::hmac(Algorithm::HS256, [new, old]).unwrap();
    for kid in [None, Some("any")] {
        for (secret, expected) in [(new, ACCEPTED), (old, ACCEPTED), ("another secret of at least 32 bytes", INVALID)] {
            assert_eq!(said(&keys, SigningKey::hmac(Algorithm::HS256, secret).unwrap(), kid), expected, "{secret}");
        }
    }
    assert!(error(KeySet::hmac(Algorithm::HS256, ["short"])).contains("at least 32 bytes"));
    assert!(error(KeySet::hmac(Algorithm::HS256, Vec::<HmacSecret>::new())).contains("add a key"));
    assert!(error(KeySet::hmac(Algorithm::RS256, [new])).contains("takes no secret"));
}

#[test]
fn set_with_unreachable_keys_does_not_build() {
    for kid in [None, Some("a")] {
        let set = |count: u8| KeySet::new((1..=count).map(|byte| named(hmac(byte), kid)));
        assert!(set(4).is_ok());
        assert!(error(set(5)).contains("give each its own `kid`"));
        let public = |count: usize| KeySet::new(std::iter::repeat_with(|| named(p256(), kid)).take(count));
        assert!(public(4).is_ok());
        assert!(public(5).is_err());
    }
    // With names, all of them can be used.
    assert!(KeySet::new((1..=9).map(|byte| hmac(byte).with_kid(byte.to_string()))).is_ok());
    // Four keys of a kind are allowed.
    let four = |key: fn() -> VerifyingKey| std::iter::repeat_with(key).take(4);
    assert!(KeySet::new(four(p256).chain(four(ed25519))).is_ok());
}

#[test]
fn keys_that_share_a_name_are_used_by_what_fits() {
    let keys = KeySet::new([p256(), ed25519()].map(|key| key.with_kid("a"))).unwrap();
    for algorithm in [Algorithm::ES256, Algorithm::EdDSA] {
        assert_eq!(said(&keys, signing(algorithm), Some("a")), ACCEPTED, "{algorithm}");
    }
    let one = KeySet::new([p256().with_kid("a"), ed25519()]).unwrap();
    assert_eq!(said(&one, signing(Algorithm::EdDSA), Some("a")), UNRECOGNIZED, "the name is another key's");
}

#[test]
fn keys_without_kid_are_chosen_by_algorithm() {
    let keys = KeySet::new([p256(), ed25519()]).unwrap();
    for algorithm in [Algorithm::ES256, Algorithm::EdDSA] {
        assert_eq!(said(&keys, signing(algorithm), None), ACCEPTED, "{algorithm}");
    }
}

#[test]
fn secrets_and_public_keys_are_mixed_only_on_request() {
    assert!(error(KeySet::new([hmac(1), p256()])).contains("`with_secrets`"));
    let jwks = |keys: serde_json::Value| KeySet::from_jwks(&json!({ "keys": keys }).to_string());
    let oct = json!({ "kty": "oct", "k": encode([1; 32]) });
    let okp = json!({ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" });
    assert!(error(jwks(json!([oct, okp]))).contains("`with_secrets`"));

    let public = || KeySet::new([p256()]).unwrap();
    let both = public().with_secrets(KeySet::new([hmac(1)]).unwrap()).unwrap();
    assert_eq!(said(&both, signing(Algorithm::ES256), None), ACCEPTED);
    assert_eq!(said(&both, SigningKey::hmac(Algorithm::HS256, [1; 32]).unwrap(), None), ACCEPTED);
    assert_eq!(said(&both, SigningKey::hmac(Algorithm::HS256, [2; 32]).unwrap(), None), INVALID);
    // The public key is known to everyone, so it must not work as a secret.
    let der = der_of(P256_PUBLIC);
    for known in [P256_PUBLIC, &der] {
        assert_eq!(said(&both, SigningKey::hmac(Algorithm::HS256, known).unwrap(), None), INVALID);
    }
    assert!(error(public().with_secrets(public())).contains("public key"));
    let four = || KeySet::new([1, 2, 3, 4].map(hmac)).unwrap();
    assert!(error(four().with_secrets(KeySet::new([hmac(5)]).unwrap())).contains("more than 4"));
}
