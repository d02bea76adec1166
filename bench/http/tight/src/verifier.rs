use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::{
    hmac,
    signature::{self, ParsedPublicKey, VerificationAlgorithm},
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use http_common::{AUDIENCE, Alg, Claims, ISSUER, secret};
use serde::Deserialize;

/// The tight verifier of `floors`, for three algorithms: base64url to the stack, a prepared key, claims parsed in place.
///
/// It is not taken from there, because `floors` installs an allocator that counts. The servers use the system's.
pub struct Verifier {
    key: Key,
    alg: &'static str,
}

enum Key {
    Hmac(hmac::Key),
    Public(Box<ParsedPublicKey>),
}

#[derive(Deserialize)]
struct Header<'a> {
    alg: &'a str,
}

#[derive(Deserialize)]
struct Borrowed<'a> {
    sub: &'a str,
    name: &'a str,
    scope: &'a str,
    iss: &'a str,
    aud: &'a str,
    iat: u64,
    exp: u64,
    jti: &'a str,
}

impl Verifier {
    pub fn new(alg: Alg) -> Self {
        let key = match alg {
            Alg::Hs256 => Key::Hmac(hmac::Key::new(hmac::HMAC_SHA256, secret().as_bytes())),
            Alg::Es256 => public(alg, &signature::ECDSA_P256_SHA256_FIXED),
            Alg::Rs256 => public(alg, &signature::RSA_PKCS1_2048_8192_SHA256),
        };
        Self { key, alg: alg.name() }
    }

    /// For claims of at most 1,024 bytes.
    pub fn verify(&self, token: &str) -> Option<Claims> {
        let (input, signature) = token.rsplit_once('.')?;
        let (header, claims) = input.split_once('.')?;
        let mut buffer = [0; 1024];
        let signature = decode(signature, &mut buffer)?;
        match &self.key {
            Key::Hmac(key) => hmac::verify(key, input.as_bytes(), signature).ok()?,
            Key::Public(key) => key.verify_sig(input.as_bytes(), signature).ok()?,
        }
        let header: Header<'_> = serde_json::from_slice(decode(header, &mut buffer)?).ok()?;
        if header.alg != self.alg {
            return None;
        }
        let claims: Borrowed<'_> = serde_json::from_slice(decode(claims, &mut buffer)?).ok()?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs();
        (claims.iss == ISSUER && claims.aud == AUDIENCE && claims.exp > now).then(|| claims.to_owned())
    }
}

impl Borrowed<'_> {
    fn to_owned(&self) -> Claims {
        Claims {
            sub: self.sub.into(),
            name: self.name.into(),
            scope: self.scope.into(),
            iss: self.iss.into(),
            iat: self.iat,
            exp: self.exp,
            jti: self.jti.into(),
        }
    }
}

fn public(alg: Alg, algorithm: &'static dyn VerificationAlgorithm) -> Key {
    let pem = alg.public_pem();
    let base64: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let der = STANDARD.decode(base64).expect("a key in PEM");
    Key::Public(Box::new(ParsedPublicKey::new(algorithm, der).expect("a public key")))
}

fn decode<'a>(text: &str, buffer: &'a mut [u8]) -> Option<&'a [u8]> {
    let length = URL_SAFE_NO_PAD.decode_slice(text, buffer).ok()?;
    buffer.get(..length)
}
