//! Keys and algorithms that come as types of `jsonwebtoken`.

use auth_core::extract;
use auth_jwt::{
    Algorithm, Jwt, Signer, SigningKey, VerifyingKey,
    jsonwebtoken::{self, DecodingKey, EncodingKey, Header},
};
use serde_json::json;

use crate::support::*;

macro_rules! pem {
    ($name:literal) => {
        include_bytes!(concat!("../keys/", $name, ".pem")).as_slice()
    };
}

/// One algorithm of each kind with a pair of keys of `jsonwebtoken`.
fn pairs() -> Vec<(Algorithm, EncodingKey, DecodingKey)> {
    use Algorithm::*;
    let secret = SECRET.as_bytes();
    let rsa = || EncodingKey::from_rsa_pem(pem!("rsa2048")).unwrap();
    let rsa_public = || DecodingKey::from_rsa_pem(pem!("rsa2048.pub")).unwrap();
    vec![
        (HS256, EncodingKey::from_secret(secret), DecodingKey::from_secret(secret)),
        (RS256, rsa(), rsa_public()),
        (PS512, rsa(), rsa_public()),
        (ES256, EncodingKey::from_ec_pem(pem!("p256")).unwrap(), DecodingKey::from_ec_pem(pem!("p256.pub")).unwrap()),
        (ES384, EncodingKey::from_ec_pem(pem!("p384")).unwrap(), DecodingKey::from_ec_pem(pem!("p384.pub")).unwrap()),
        (
            EdDSA,
            EncodingKey::from_ed_pem(pem!("ed25519")).unwrap(),
            DecodingKey::from_ed_pem(pem!("ed25519.pub")).unwrap(),
        ),
    ]
}

fn accepts(key: VerifyingKey, token: &str) -> bool {
    verdict(Jwt::key(key).extract(extract::header("x-token")), token) == ACCEPTED
}

#[test]
fn token_of_jsonwebtoken_is_accepted_with_its_decoding_key() {
    let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
    for (algorithm, encoding, decoding) in pairs() {
        let header = Header::new(algorithm.try_into().unwrap());
        let token = jsonwebtoken::encode(&header, &claims(json!({})), &encoding).unwrap();
        let key = VerifyingKey::from_decoding_key(algorithm, &decoding).unwrap();
        assert!(accepts(key, &token), "{algorithm}");
    }
}

#[test]
fn encoding_key_signs_for_its_decoding_key() {
    for (algorithm, encoding, decoding) in pairs() {
        let signer = Signer::new(SigningKey::from_encoding_key(algorithm, &encoding).unwrap());
        let token = signer.sign(&claims(json!({}))).unwrap();
        let key = VerifyingKey::from_decoding_key(algorithm, &decoding).unwrap();
        assert!(accepts(key, token.expose()), "{algorithm}");
    }
}

#[test]
fn modulus_and_exponent_are_a_decoding_key() {
    let (n, e) = rsa_components(pem!("rsa2048"));
    let decoding = DecodingKey::from_rsa_components(&n, &e).unwrap();
    let signer = Signer::new(SigningKey::from_pem(Algorithm::RS256, pem!("rsa2048")).unwrap());
    let token = signer.sign(&claims(json!({}))).unwrap();
    assert!(accepts(VerifyingKey::from_decoding_key(Algorithm::RS256, &decoding).unwrap(), token.expose()));
}

/// Modulus and exponent in base64url, from a published set.
fn rsa_components(pem: &[u8]) -> (String, String) {
    let keys = auth_jwt::SigningKeys::new(SigningKey::from_pem(Algorithm::RS256, pem).unwrap()).unwrap();
    let set: serde_json::Value = serde_json::from_str(&keys.jwks()).unwrap();
    let member = |name: &str| set["keys"][0][name].as_str().unwrap().to_owned();
    (member("n"), member("e"))
}

#[test]
fn key_of_another_family_does_not_convert() {
    for (algorithm, encoding, decoding) in pairs() {
        for (other, ..) in pairs() {
            let is_same = pairs_are_of_one_key(algorithm, other);
            assert_eq!(VerifyingKey::from_decoding_key(other, &decoding).is_ok(), is_same, "{algorithm} {other}");
            assert_eq!(SigningKey::from_encoding_key(other, &encoding).is_ok(), is_same, "{algorithm} {other}");
        }
    }
}

/// RSA has several algorithms for one key; a curve has one.
fn pairs_are_of_one_key(one: Algorithm, other: Algorithm) -> bool {
    let is_rsa = |algorithm| matches!(algorithm, Algorithm::RS256 | Algorithm::PS512);
    one == other || (is_rsa(one) && is_rsa(other))
}

#[test]
fn weak_or_broken_key_of_jsonwebtoken_does_not_convert() {
    let weak = DecodingKey::from_rsa_pem(pem!("rsa1024.pub")).unwrap();
    let error = VerifyingKey::from_decoding_key(Algorithm::RS256, &weak).unwrap_err().to_string();
    assert!(error.contains("1024 bits"), "{error}");
    let (n, _) = rsa_components(pem!("rsa2048"));
    let odd_exponent = DecodingKey::from_rsa_components(&n, "AQ").unwrap();
    assert!(VerifyingKey::from_decoding_key(Algorithm::RS256, &odd_exponent).is_err());
    // `jsonwebtoken` accepts a private key as a public one.
    let private = DecodingKey::from_rsa_pem(pem!("rsa2048")).unwrap();
    assert!(VerifyingKey::from_decoding_key(Algorithm::RS256, &private).is_err());
    let weak = EncodingKey::from_rsa_pem(pem!("rsa1024")).unwrap();
    assert!(SigningKey::from_encoding_key(Algorithm::RS256, &weak).is_err());

    let short = "0123456789abcdef".as_bytes();
    assert!(VerifyingKey::from_decoding_key(Algorithm::HS256, &DecodingKey::from_secret(short)).is_err());
    assert!(SigningKey::from_encoding_key(Algorithm::HS256, &EncodingKey::from_secret(short)).is_err());
    assert!(VerifyingKey::from_decoding_key(Algorithm::ES256, &DecodingKey::from_ec_der(b"abc")).is_err());
    assert!(SigningKey::from_encoding_key(Algorithm::EdDSA, &EncodingKey::from_ed_der(b"abc")).is_err());
}

/// `jsonwebtoken` has one family for all curves, so only the length would tell a compressed point's curve.
#[cfg(feature = "es256k")]
#[test]
fn compressed_point_of_jsonwebtoken_does_not_convert() {
    let der = der_of(pem!("secp256k1.pub"));
    let (x, y) = der[der.len() - 64..].split_at(32);
    let compressed = [&[2 + (y[31] & 1)], x].concat();
    let point = [&[4], x, y].concat();
    let from = |bytes: &[u8]| VerifyingKey::from_decoding_key(Algorithm::ES256K, &DecodingKey::from_ec_der(bytes));
    assert!(from(&point).is_ok());
    assert!(from(&compressed).unwrap_err().to_string().contains("compressed"));
    assert!(VerifyingKey::from_der(Algorithm::ES256K, &compressed).is_ok(), "the backend does not read it");
}

#[test]
fn algorithms_convert_where_both_crates_have_them() {
    use jsonwebtoken::Algorithm as Theirs;
    for theirs in [
        Theirs::HS256,
        Theirs::HS384,
        Theirs::HS512,
        Theirs::RS256,
        Theirs::RS384,
        Theirs::RS512,
        Theirs::PS256,
        Theirs::PS384,
        Theirs::PS512,
        Theirs::ES256,
        Theirs::ES384,
        Theirs::EdDSA,
    ] {
        let ours = Algorithm::try_from(theirs).unwrap();
        assert_eq!(ours.name(), format!("{theirs:?}"));
        assert_eq!(Theirs::try_from(ours).unwrap(), theirs);
    }
    let error = Theirs::try_from(Algorithm::ES512).unwrap_err().to_string();
    assert!(error.starts_with("ES512 does not exist in `jsonwebtoken`"), "{error}");
}
