use aws_lc_rs::{
    hmac,
    signature::{self, ParsedPublicKey, VerificationAlgorithm},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{Algorithm, Key};

/// The signature check alone, with a prepared key.
pub enum RawCheck {
    Hmac(hmac::Key),
    Public(Box<ParsedPublicKey>),
}

impl RawCheck {
    #[must_use]
    pub fn new(key: &Key) -> Self {
        let algorithm: &'static dyn VerificationAlgorithm = match key.algorithm() {
            Algorithm::Hs256 => return Self::Hmac(hmac::Key::new(hmac::HMAC_SHA256, key.secret())),
            Algorithm::Rs256 => &signature::RSA_PKCS1_2048_8192_SHA256,
            Algorithm::Es256 => &signature::ECDSA_P256_SHA256_FIXED,
            Algorithm::EdDsa => &signature::ED25519,
        };
        Self::Public(Box::new(ParsedPublicKey::new(algorithm, key.public_bytes()).expect("a public key")))
    }

    /// Splits a token into what is signed and the decoded signature, which is not part of the floor.
    ///
    /// # Panics
    /// If this is not a compact token.
    #[must_use]
    pub fn split(token: &str) -> (Vec<u8>, Vec<u8>) {
        let (input, signature) = token.rsplit_once('.').expect("a token");
        (input.as_bytes().to_vec(), URL_SAFE_NO_PAD.decode(signature).expect("base64url"))
    }

    #[must_use]
    pub fn verify(&self, input: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Hmac(key) => hmac::verify(key, input, signature).is_ok(),
            Self::Public(key) => key.verify_sig(input, signature).is_ok(),
        }
    }
}
