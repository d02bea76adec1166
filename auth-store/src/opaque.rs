//! Random names, and hashed names.

use auth_core::BoxError;
use aws_lc_rs::{
    digest::{Context, Digest, SHA256, digest},
    rand,
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};

/// The length of a hash in base64url.
const HASH_LEN: usize = 43;

/// `N` random bytes in base64url.
pub(crate) fn random<const N: usize>() -> Result<String, BoxError> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).map_err(|_| "the system has no random numbers")?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

/// `kind:` and the hash of the parts. Each part is hashed with its length, so that two lists of parts never collide.
pub(crate) fn key(kind: &str, parts: &[&str]) -> String {
    named(kind, &hash(parts))
}

/// The same hash under several kinds.
pub(crate) fn keys<const N: usize>(kinds: [&str; N], parts: &[&str]) -> [String; N] {
    let hash = hash(parts);
    kinds.map(|kind| named(kind, &hash))
}

fn named(kind: &str, hash: &Digest) -> String {
    let mut key = String::with_capacity(kind.len() + 1 + HASH_LEN);
    key.push_str(kind);
    key.push(':');
    BASE64_URL_SAFE_NO_PAD.encode_string(hash, &mut key);
    key
}

fn hash(parts: &[&str]) -> Digest {
    // In one call, which allocates nothing, if they are short.
    let (mut buffer, mut at) = ([0; 192], 0);
    for part in parts {
        for bytes in [&(part.len() as u64).to_be_bytes()[..], part.as_bytes()] {
            let Some(free) = buffer.get_mut(at..at + bytes.len()) else { return hash_long(parts) };
            free.copy_from_slice(bytes);
            at += bytes.len();
        }
    }
    buffer.get(..at).map_or_else(|| hash_long(parts), |bytes| digest(&SHA256, bytes))
}

fn hash_long(parts: &[&str]) -> Digest {
    let mut hash = Context::new(&SHA256);
    for part in parts {
        hash.update(&(part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finish()
}

/// Whether the text is `N` bytes in canonical base64url.
pub(crate) fn is_random<const N: usize>(text: &str) -> bool {
    // Longer texts are not decoded.
    text.len() == (N * 4).div_ceil(3) && BASE64_URL_SAFE_NO_PAD.decode(text).is_ok_and(|bytes| bytes.len() == N)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_parts_are_hashed_alike() {
        for len in [0, 1, 150, 167, 168, 169, 200, 5000] {
            let part = "a".repeat(len);
            let parts = ["issuer", &part, ""];
            assert_eq!(hash(&parts).as_ref(), hash_long(&parts).as_ref(), "{len}");
        }
    }

    #[test]
    fn two_lists_of_parts_never_have_the_same_key() {
        assert_ne!(key("a", &["b", "c"]), key("a", &["bc", ""]));
        assert_eq!(keys(["a", "b"], &["c"]), [key("a", &["c"]), key("b", &["c"])]);
    }
}
