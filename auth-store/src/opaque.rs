//! Random names, and hashed names.

use std::hash::{Hash, Hasher};

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
    let mut key = String::with_capacity(kind.len() + 1 + HASH_LEN);
    key.push_str(kind);
    key.push(':');
    BASE64_URL_SAFE_NO_PAD.encode_string(hash(parts), &mut key);
    key
}

/// A key of [`key`], or one like it, that needs no memory beside its own.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ShortKey {
    /// Zero behind the end.
    text: [u8; Self::MAX_LEN],
    len: u8,
}

impl ShortKey {
    const MAX_LEN: usize = 64;

    /// What is left beside a colon and a hash.
    pub(crate) const MAX_KIND_LEN: usize = Self::MAX_LEN - 1 - HASH_LEN;

    pub(crate) const EMPTY: Self = Self { text: [0; Self::MAX_LEN], len: 0 };

    /// The same hash under several kinds.
    pub(crate) fn of<const N: usize>(kinds: [&str; N], parts: &[&str]) -> [Self; N] {
        let mut encoded = [0; HASH_LEN];
        // OK because a hash always has this length.
        let len = BASE64_URL_SAFE_NO_PAD.encode_slice(hash(parts), &mut encoded).unwrap_or_default();
        kinds.map(|kind| encoded.get(..len).map_or(Self::EMPTY, |hash| Self::join(&[kind.as_bytes(), b":", hash])))
    }

    /// An id in clear text. It must be shorter than a hash, and of its digits.
    pub(crate) fn plain(kind: &str, id: &str) -> Self {
        Self::join(&[kind.as_bytes(), b":", id.as_bytes()])
    }

    /// `None` if it is too long.
    pub(crate) fn from_text(text: &str) -> Option<Self> {
        (text.len() <= Self::MAX_LEN).then(|| Self::join(&[text.as_bytes()]))
    }

    /// Empty if it is too long.
    fn join(parts: &[&[u8]]) -> Self {
        let (mut text, mut len) = ([0; Self::MAX_LEN], 0);
        for part in parts {
            let end = len + part.len();
            let Some(free) = text.get_mut(len..end) else { return Self::EMPTY };
            free.copy_from_slice(part);
            len = end;
        }
        u8::try_from(len).map_or(Self::EMPTY, |len| Self { text, len })
    }

    pub(crate) fn as_str(&self) -> &str {
        // OK because it was made of texts.
        self.text.get(..self.len.into()).and_then(|text| str::from_utf8(text).ok()).unwrap_or_default()
    }
}

impl Hash for ShortKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
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
    // All of it, without a branch for each byte: that is faster than to stop at the first wrong one.
    text.bytes().fold(true, |good, b| good & (b.is_ascii_alphanumeric() | matches!(b, b'-' | b'_')))
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
        assert_eq!(short.map(|short| short.as_str().to_owned()), [key("a", &["c"]), key("b", &["c"])]);
        assert_eq!(ShortKey::plain("a", "id").as_str(), "a:id");
        assert_eq!(ShortKey::of(["a kind that is far too long"], &["c"]).map(|key| key.len), [0]);
    }
}
