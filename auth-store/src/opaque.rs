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

/// A key of [`key`], in memory of its own that is not allocated.
#[derive(Clone, Copy)]
pub(crate) struct ShortKey {
    text: [u8; Self::MAX_LEN],
    len: usize,
}

impl ShortKey {
    const MAX_LEN: usize = 64;

    pub(crate) const EMPTY: Self = Self { text: [0; Self::MAX_LEN], len: 0 };

    /// The same hash under several kinds.
    pub(crate) fn of<const N: usize>(kinds: [&str; N], parts: &[&str]) -> [Self; N] {
        let mut encoded = [0; HASH_LEN];
        // OK because a hash always has this length.
        let len = BASE64_URL_SAFE_NO_PAD.encode_slice(hash(parts), &mut encoded).unwrap_or_default();
        kinds.map(|kind| encoded.get(..len).map_or(Self::EMPTY, |hash| Self::join(kind, hash)))
    }

    /// An id in clear text. It must be shorter than a hash, and of its digits.
    pub(crate) fn plain(kind: &str, id: &str) -> Self {
        Self::join(kind, id.as_bytes())
    }

    /// Empty if it is too long: kinds are short constants.
    fn join(kind: &str, rest: &[u8]) -> Self {
        let mut key = Self::EMPTY;
        for part in [kind.as_bytes(), b":", rest] {
            let end = key.len + part.len();
            let Some(free) = key.text.get_mut(key.len..end) else { return Self::EMPTY };
            free.copy_from_slice(part);
            key.len = end;
        }
        key
    }

    /// `None` if it is empty.
    pub(crate) fn as_str(&self) -> Option<&str> {
        self.text.get(..self.len).and_then(|text| str::from_utf8(text).ok()).filter(|text| !text.is_empty())
    }
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

/// Whether all of it are digits of base64url.
pub(crate) fn is_base64url(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
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
        let short = ShortKey::of(["a", "b"], &["c"]);
        assert_eq!(short.map(|short| short.as_str().unwrap().to_owned()), [key("a", &["c"]), key("b", &["c"])]);
        assert_eq!(ShortKey::plain("a", "id").as_str(), Some("a:id"));
        assert_eq!(ShortKey::of(["a kind that is far too long"], &["c"]).map(|key| key.len), [0]);
    }
}
