use std::sync::Arc;

use aws_lc_rs::{hmac, signature::ParsedPublicKey};

/// A key that is parsed and prepared once, so that a request pays for the signature alone.
#[derive(Clone)]
pub(crate) enum Verifier {
    Hmac(Arc<hmac::Key>),
    Public(ParsedPublicKey),
}

impl Verifier {
    /// Whether `signature` is valid. HMAC tags are compared in constant time.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Hmac(key) => hmac::verify(key, message, signature).is_ok(),
            Self::Public(key) => key.verify_sig(message, signature).is_ok(),
        }
    }
}
