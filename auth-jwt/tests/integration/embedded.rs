//! Keys that a token contains or links to.

use std::{
    io::Write as _,
    net::{SocketAddr, TcpListener, TcpStream},
    thread::{self, JoinHandle},
};

use auth_jwt::{Algorithm, SigningKey, SigningKeys, VerifyingKey};
use aws_lc_rs::{
    rand::SystemRandom,
    rsa::KeySize,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::support::*;

const RSA: &[u8] = include_bytes!("../keys/rsa2048.pem");
/// Signed with the key itself.
const RSA_CERTIFICATE: &[u8] = include_bytes!("../keys/rsa2048.cert.pem");
const P256: &[u8] = include_bytes!("../keys/p256.pem");

/// An attacker's own key.
struct Attacker {
    algorithm: Algorithm,
    private: &'static [u8],
}

const WITH_RSA: Attacker = Attacker { algorithm: Algorithm::RS256, private: RSA };
const WITH_P256: Attacker = Attacker { algorithm: Algorithm::ES256, private: P256 };

#[test]
fn keys_in_the_token_are_never_used() {
    for (attacker, name, value) in [
        (WITH_P256, "jwk", WITH_P256.jwk()),
        (WITH_RSA, "jwk", WITH_RSA.jwk()),
        (WITH_RSA, "x5c", json!([STANDARD.encode(der_of(RSA_CERTIFICATE))])),
    ] {
        let token = attacker.token(name, &value);
        assert_eq!(verdict(key(attacker.public()), &token), ACCEPTED, "its signature is right");
        assert_eq!(verdict(key(attacker.others()), &token), INVALID, "{name}");
    }
}

#[test]
fn urls_in_the_token_are_never_fetched() {
    let set = json!({ "keys": [WITH_RSA.jwk()] }).to_string();
    for (name, found_there) in [("jku", set.as_bytes()), ("x5u", RSA_CERTIFICATE)] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let place = listener.local_addr().unwrap();
        let first_to_ask = answer_the_first(&listener, found_there);
        let token = WITH_RSA.token(name, &json!(format!("http://{place}/")));
        assert_eq!(verdict(key(WITH_RSA.others()), &token), INVALID, "{name}");
        assert_eq!(verdict(key(WITH_RSA.public()), &token), ACCEPTED, "its signature is right");
        let us = TcpStream::connect(place).unwrap();
        assert_eq!(first_to_ask.join().unwrap(), us.local_addr().unwrap(), "{name}");
    }
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

impl Attacker {
    /// A token with a valid signature that names its key in this way.
    fn token(&self, name: &str, value: &Value) -> String {
        let header = json!({ "alg": self.algorithm.to_string(), (name): value });
        let input = format!("{}.{}", encode(header.to_string()), encode(claims(json!({})).to_string()));
        format!("{input}.{}", encode(self.sign(input.as_bytes())))
    }

    fn sign(&self, input: &[u8]) -> Vec<u8> {
        let (private, random) = (der_of(self.private), SystemRandom::new());
        if self.algorithm == Algorithm::ES256 {
            let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &private).unwrap();
            return pair.sign(&random, input).unwrap().as_ref().to_vec();
        }
        let pair = RsaKeyPair::from_pkcs8(&private).unwrap();
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(&RSA_PKCS1_SHA256, &random, input, &mut signature).unwrap();
        signature
    }

    fn key(&self) -> SigningKey {
        SigningKey::from_pem(self.algorithm, self.private).unwrap()
    }

    fn public(&self) -> VerifyingKey {
        self.key().verifying_key().unwrap()
    }

    fn jwk(&self) -> Value {
        let set: Value = serde_json::from_str(&SigningKeys::new(self.key()).unwrap().jwks()).unwrap();
        set["keys"][0].clone()
    }

    /// Another party's key for the same algorithm.
    fn others(&self) -> VerifyingKey {
        if self.algorithm == Algorithm::ES256 {
            let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
            return VerifyingKey::from_der(self.algorithm, pair.public_key().as_ref()).unwrap();
        }
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        VerifyingKey::from_der(self.algorithm, pair.public_key().as_ref()).unwrap()
    }
}

/// Sends `found` to the first client, and then reports the connection.
fn answer_the_first(listener: &TcpListener, found: &[u8]) -> JoinHandle<SocketAddr> {
    let listener = listener.try_clone().unwrap();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", found.len());
    let answer = [head.as_bytes(), found].concat();
    thread::spawn(move || {
        let (mut stream, first) = listener.accept().unwrap();
        // It may be gone already.
        _ = stream.write_all(&answer);
        first
    })
}
