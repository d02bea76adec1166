//! Random names, and hashed names.

use auth_core::BoxError;
use aws_lc_rs::{
    digest::{Context, SHA256},
    rand,
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};

/// `N` random bytes in base64url.
pub(crate) fn random<const N: usize>() -> Result<String, BoxError> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).map_err(|_| "the system has no random numbers")?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

/// `kind:` and the hash of the parts. Each part is hashed with its length, so that two lists of parts never collide.
pub(crate) fn key(kind: &str, parts: &[&str]) -> String {
    let mut hash = Context::new(&SHA256);
    for part in parts {
        hash.update(&(part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    format!("{kind}:{}", BASE64_URL_SAFE_NO_PAD.encode(hash.finish()))
}

/// Whether the text is `N` bytes in canonical base64url.
pub(crate) fn is_random<const N: usize>(text: &str) -> bool {
    // Longer texts are not decoded.
    text.len() == (N * 4).div_ceil(3) && BASE64_URL_SAFE_NO_PAD.decode(text).is_ok_and(|bytes| bytes.len() == N)
}
