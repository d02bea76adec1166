use std::time::{SystemTime, UNIX_EPOCH};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use floors::{AUDIENCE, Claims, ISSUER, Key, RawCheck};
use serde::Deserialize;

/// The tight verifier for public keys, with the same rules as the floor for HS256: base64url to the stack, a prepared key,
/// claims parsed in place.
pub struct PublicVerifier {
    check: RawCheck,
    alg: &'static str,
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

impl PublicVerifier {
    pub fn new(key: &Key) -> Self {
        Self { check: RawCheck::new(key), alg: key.algorithm().name() }
    }

    /// For claims of at most 1,024 bytes.
    pub fn verify(&self, token: &str) -> Option<Claims> {
        let (input, signature) = token.rsplit_once('.')?;
        let (header, claims) = input.split_once('.')?;
        let mut buffer = [0; 1024];
        if !self.check.verify(input.as_bytes(), decode(signature, &mut buffer)?) {
            return None;
        }
        let header: Header<'_> = serde_json::from_slice(decode(header, &mut buffer)?).ok()?;
        if header.alg != self.alg {
            return None;
        }
        let claims: Borrowed<'_> = serde_json::from_slice(decode(claims, &mut buffer)?).ok()?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs();
        let is_good = claims.iss == ISSUER && claims.aud == AUDIENCE && claims.exp > now;
        is_good.then(|| Claims {
            sub: claims.sub.into(),
            name: claims.name.into(),
            scope: claims.scope.into(),
            iss: claims.iss.into(),
            iat: claims.iat,
            exp: claims.exp,
            jti: claims.jti.into(),
        })
    }
}

fn decode<'a>(text: &str, buffer: &'a mut [u8]) -> Option<&'a [u8]> {
    let length = URL_SAFE_NO_PAD.decode_slice(text, buffer).ok()?;
    buffer.get(..length)
}
