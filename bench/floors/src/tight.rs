use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;

use crate::{AUDIENCE, Claims, ISSUER, Key};

/// The least that a correct HS256 check by hand costs: base64url to the stack, a prepared key, claims parsed in place.
///
/// It checks the signature, `alg`, `iss`, `aud` and `exp`, and returns owned claims.
pub struct TightVerifier {
    key: hmac::Key,
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

impl TightVerifier {
    #[must_use]
    pub fn new(key: &Key) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, key.secret()) }
    }

    /// For claims of at most 1,024 bytes.
    #[must_use]
    pub fn verify(&self, token: &str) -> Option<Claims> {
        self.verify_within::<1024>(token)
    }

    /// For claims of at most `BYTES`.
    #[must_use]
    pub fn verify_within<const BYTES: usize>(&self, token: &str) -> Option<Claims> {
        let (input, signature) = token.rsplit_once('.')?;
        let (header, claims) = input.split_once('.')?;
        let mut buffer = [0; BYTES];
        hmac::verify(&self.key, input.as_bytes(), decode(signature, &mut buffer)?).ok()?;
        let header: Header<'_> = serde_json::from_slice(decode(header, &mut buffer)?).ok()?;
        if header.alg != "HS256" {
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

fn decode<'a>(text: &str, buffer: &'a mut [u8]) -> Option<&'a [u8]> {
    let length = URL_SAFE_NO_PAD.decode_slice(text, buffer).ok()?;
    buffer.get(..length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Algorithm, Payload};

    #[test]
    fn checks_signature_issuer_audience_and_time() {
        let key = Key::generate(Algorithm::Hs256);
        let tight = TightVerifier::new(&key);
        let claims = Payload::new(1).json();
        assert_eq!(tight.verify(&key.token(None, &claims)).unwrap().sub, "1001");
        assert!(tight.verify(&Key::generate(Algorithm::Hs256).token(None, &claims)).is_none());
        for (good, bad) in [("id.example.org", "id.example.com"), ("bench", "other"), ("4102444800", "1702444800")] {
            assert!(tight.verify(&key.token(None, &claims.replace(good, bad))).is_none(), "{bad}");
        }
    }
}
