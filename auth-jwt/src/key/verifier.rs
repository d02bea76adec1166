use std::sync::Arc;

use aws_lc_rs::{hmac, signature::ParsedPublicKey};

/// A key with everything parsed and precomputed that can be, so that a request pays for the signature alone.
///
/// `jsonwebtoken` prepares no verifiers: those of its provider can be shared between threads neither as they are nor
/// behind a reference, and they parse an RSA or EC key anew at each call. So signatures are checked by `aws-lc-rs`,
/// the backend beneath, without a layer between; `jsonwebtoken` reads key files.
#[derive(Clone)]
pub(crate) enum Verifier {
    Hmac(Arc<hmac::Key>),
    Public(ParsedPublicKey),
}

impl Verifier {
    /// Whether `signature` is right. Tags are compared in constant time.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Hmac(key) => hmac::verify(key, message, signature).is_ok(),
            Self::Public(key) => key.verify_sig(message, signature).is_ok(),
        }
    }
}
