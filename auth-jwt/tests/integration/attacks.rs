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
    assert_eq!(verdict(jwt(), &raw_token("{}", claims(json!({})).to_string())), INVALID);
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
fn public_key_is_no_secret() {
    let der = aws_lc_der(RSA_PUBLIC);
    let pem = str::from_utf8(RSA_PUBLIC).unwrap();
    let input = format!("{}.{}", encode(r#"{"alg":"HS256"}"#), encode(claims(json!({})).to_string()));
    for secret in [pem.as_bytes(), pem.trim_end().as_bytes(), &der] {
        assert_eq!(verdict(key(rsa()), &sign(&input, secret)), INVALID);
    }
}

#[test]
fn algorithm_of_the_same_family_but_not_of_the_key_is_refused() {
    let signer = Signer::new(SigningKey::from_pem(Algorithm::RS512, RSA).unwrap());
    assert_eq!(verdict(key(rsa()), signer.sign(&claims(json!({}))).unwrap().expose()), INVALID);
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
    let (input, _) = token.expose().rsplit_once('.').unwrap();
    // A rightly formed sequence of two integers.
    let der = [&[0x30, 0x44, 0x02, 0x20][..], &[1; 32], &[0x02, 0x20], &[1; 32]].concat();
    assert_eq!(verdict(key(p256()), &format!("{input}.{}", encode(der))), INVALID);
}

#[test]
fn keys_in_the_token_are_never_used() {
    // The token is rightly signed with the key that it brings along.
    let attacker = SigningKey::from_pem(Algorithm::ES256, P256).unwrap();
    let ours = VerifyingKey::from_jwk(
        &json!({
            "kty": "EC", "crv": "P-256", "alg": "ES256",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
        })
        .to_string(),
    )
    .unwrap();
    let signed = Signer::new(attacker).sign(&claims(json!({}))).unwrap();
    assert_eq!(verdict(key(ours), signed.expose()), INVALID);
}

#[test]
fn keys_in_the_token_are_ignored_if_the_signature_is_right() {
    for name in ["jwk", "jku", "x5u", "x5c", "x5t", "x5t#S256"] {
        for value in
            [json!("https://attacker.example/keys"), json!({ "kty": "oct", "k": "AA" }), json!(["a"]), json!(1)]
        {
            assert_eq!(verdict(jwt(), &token_with(json!({ name: value }), &claims(json!({})))), ACCEPTED, "{name}");
        }
    }
}

#[test]
fn embedded_secret_does_not_sign() {
    let jwk = json!({ "kty": "oct", "k": encode("attacker") });
    let header = json!({ "alg": "HS256", "jwk": jwk }).to_string();
    let input = format!("{}.{}", encode(header), encode(claims(json!({})).to_string()));
    assert_eq!(verdict(jwt(), &sign(&input, "attacker")), INVALID);
}

#[test]
fn kid_is_a_name_and_nothing_else() {
    let named = || key(VerifyingKey::hmac(Algorithm::HS256, SECRET).unwrap().with_kid("a"));
    for kid in ["../../../../dev/null", "a' UNION SELECT 'x", "a\0", "a|id", "", "A", "a "] {
        assert_eq!(verdict(named(), &token_with(json!({ "kid": kid }), &claims(json!({})))), INVALID, "{kid}");
        let input = format!("{}.{}", encode(json!({ "alg": "HS256", "kid": kid }).to_string()), encode("{}"));
        assert_eq!(verdict(named(), &sign(&input, "")), INVALID, "{kid}");
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
    assert_eq!(verdict(jwt(), &format!("{}.a.a.a.a", encode(r#"{"alg":"dir","enc":"A128GCM"}"#))), FOREIGN);
}

#[test]
fn deep_json_does_not_exhaust_the_stack() {
    let deep = format!(r#"{{"a":{}"#, "[".repeat(1_000_000));
    let token = raw_token(r#"{"alg":"HS256"}"#, deep);
    assert_eq!(verdict(jwt().max_len(usize::MAX), &token), INVALID);
}

/// The bytes of a PEM file with one section.
fn aws_lc_der(pem: &[u8]) -> Vec<u8> {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let body: String = str::from_utf8(pem).unwrap().lines().filter(|line| !line.starts_with("-----")).collect();
    STANDARD.decode(body).unwrap()
}
