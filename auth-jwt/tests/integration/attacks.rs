//! Known attacks on implementations of JWT.

use auth_jwt::{Algorithm, KeySet, Signer, SigningKey, VerifyingKey};
use serde_json::json;

use crate::support::*;

const RSA: &[u8] = include_bytes!("../keys/rsa2048.pem");
const RSA_PUBLIC: &[u8] = include_bytes!("../keys/rsa2048.pub.pem");
const P256: &[u8] = include_bytes!("../keys/p256.pem");
const P256_PUBLIC: &[u8] = include_bytes!("../keys/p256.pub.pem");

fn rsa() -> VerifyingKey {
    VerifyingKey::from_pem(Algorithm::RS256, RSA_PUBLIC).unwrap()
}

fn p256() -> VerifyingKey {
    VerifyingKey::from_pem(Algorithm::ES256, P256_PUBLIC).unwrap()
}

#[test]
fn algorithm_none_is_refused_in_every_spelling() {
    for alg in ["none", "None", "NONE", "nOnE", "", " none", "none ", "HS256 ", "hs256", "Hs256", "HS1"] {
        let input = format!("{}.{}", encode(json!({ "alg": alg }).to_string()), encode(claims(json!({})).to_string()));
        assert_eq!(verdict(jwt(), &format!("{input}.")), INVALID, "{alg}");
        assert_eq!(verdict(jwt(), &sign(&input, SECRET)), INVALID, "{alg}");
    }
}

#[test]
fn missing_algorithm_is_refused() {
    assert_eq!(verdict(jwt(), &raw_token(r#"{"typ":"JWT"}"#, claims(json!({})).to_string())), INVALID);
}

#[test]
fn missing_signature_is_refused() {
    let token = token(&claims(json!({})));
    let (input, _) = token.rsplit_once('.').unwrap();
    assert_eq!(verdict(jwt(), &format!("{input}.")), INVALID);
}

#[test]
fn truncated_signature_is_refused() {
    let token = token(&claims(json!({})));
    let (input, signature) = token.rsplit_once('.').unwrap();
    // 4, 16 and 28 bytes of 32.
    for len in [6, 22, 38] {
        assert_eq!(verdict(jwt(), &format!("{input}.{}", encode(&signature.as_bytes()[..len]))), INVALID);
    }
}

#[test]
fn another_secret_is_refused() {
    let input = format!("{}.{}", encode(r#"{"alg":"HS256"}"#), encode(claims(json!({})).to_string()));
    assert_eq!(verdict(jwt(), &sign(&input, SECRET.to_uppercase())), INVALID);
    assert_eq!(verdict(jwt(), &sign(&input, "")), INVALID);
}

#[test]
fn changed_payload_is_refused() {
    let (mine, theirs) = (token(&claims(json!({}))), token(&claims(json!({ "sub": "1002" }))));
    let part = |token: &str, at: usize| token.split('.').nth(at).unwrap().to_owned();
    let mixed = format!("{}.{}.{}", part(&mine, 0), part(&theirs, 1), part(&mine, 2));
    assert_eq!(verdict(jwt(), &mixed), INVALID);
}

#[test]
fn public_key_is_not_accepted_as_a_secret() {
    // No key allows that algorithm, so the signature is not checked.
    let der = der_of(RSA_PUBLIC);
    let pem = str::from_utf8(RSA_PUBLIC).unwrap();
    let input = format!("{}.{}", encode(r#"{"alg":"HS256"}"#), encode(claims(json!({})).to_string()));
    for secret in [pem.as_bytes(), pem.trim_end().as_bytes(), &der] {
        assert_eq!(verdict(key(rsa()), &sign(&input, secret)), UNRECOGNIZED);
    }
}

#[test]
fn algorithm_of_the_family_but_not_of_the_key_is_unrecognized() {
    let signer = Signer::new(SigningKey::from_pem(Algorithm::RS512, RSA).unwrap());
    assert_eq!(verdict(key(rsa()), signer.sign(&claims(json!({}))).unwrap().expose()), UNRECOGNIZED);
}

#[test]
fn zero_signature_is_refused() {
    let input = format!("{}.{}", encode(r#"{"alg":"ES256"}"#), encode(claims(json!({})).to_string()));
    for len in [0, 1, 63, 64, 65, 96] {
        let zero = encode(vec![0; len]);
        assert_eq!(verdict(key(p256()), &format!("{input}.{zero}")), INVALID, "{len}");
    }
}

#[test]
fn der_form_of_an_ecdsa_signature_is_refused() {
    let token = Signer::new(SigningKey::from_pem(Algorithm::ES256, P256).unwrap()).sign(&claims(json!({}))).unwrap();
    assert_eq!(verdict(key(p256()), token.expose()), ACCEPTED);
    // The right numbers in the other encoding.
    let (input, signature) = token.expose().rsplit_once('.').unwrap();
    let numbers: Vec<u8> = decode(signature).chunks(32).flat_map(der_integer).collect();
    assert_eq!(verdict(key(p256()), &format!("{input}.{}", encode(der(0x30, &numbers)))), INVALID);
}

#[test]
fn kid_is_a_name_and_nothing_else() {
    let named = || key(VerifyingKey::hmac(Algorithm::HS256, SECRET).unwrap().with_kid("a"));
    for kid in ["../../../../dev/null", "a' UNION SELECT 'x", "a\0", "a|id", "A", "a "] {
        assert_eq!(verdict(named(), &token_with(json!({ "kid": kid }), &claims(json!({})))), UNRECOGNIZED, "{kid}");
        let input = format!("{}.{}", encode(json!({ "alg": "HS256", "kid": kid }).to_string()), encode("{}"));
        assert_eq!(verdict(named(), &sign(&input, "")), UNRECOGNIZED, "{kid}");
    }
}

#[test]
fn token_of_one_key_is_not_checked_with_another() {
    let secret = |byte: u8| [byte; 32];
    let set = KeySet::new([
        VerifyingKey::hmac(Algorithm::HS256, secret(1)).unwrap().with_kid("a"),
        VerifyingKey::hmac(Algorithm::HS256, secret(2)).unwrap().with_kid("b"),
    ]);
    let jwt = auth_jwt::Jwt::keys(set.unwrap()).extract(auth_core::extract::header("x-token"));
    let signer = Signer::new(SigningKey::hmac(Algorithm::HS256, secret(1)).unwrap().with_kid("b"));
    assert_eq!(verdict(jwt, signer.sign(&claims(json!({}))).unwrap().expose()), INVALID);
}

#[test]
fn nested_encrypted_token_is_not_ours() {
    // Five parts: JWE.
    assert_eq!(verdict(jwt(), &format!("{}.a.a.a.a", encode(r#"{"alg":"dir","enc":"A128GCM"}"#))), UNRECOGNIZED);
}

#[test]
fn deep_json_does_not_exhaust_the_stack() {
    let deep = format!(r#"{{"a":{}"#, "[".repeat(1_000_000));
    let token = raw_token(r#"{"alg":"HS256"}"#, deep);
    assert_eq!(verdict(jwt().max_len(usize::MAX), &token), INVALID);
}

/// A number that is not negative, in DER.
fn der_integer(big_endian: &[u8]) -> Vec<u8> {
    let start = big_endian.iter().position(|&byte| byte != 0).unwrap();
    let sign = if big_endian[start] < 0x80 { &[][..] } else { &[0] };
    der(0x02, &[sign, &big_endian[start..]].concat())
}

/// These bytes, fewer than 128 of them, under a tag of DER.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let len = u8::try_from(content.len()).unwrap();
    assert!(len < 0x80);
    [&[tag, len], content].concat()
}
