//! The secret of a cookie, of which a record holds only the hash.

use std::{borrow::Cow, fmt};

use auth_core::{BoxError, Secret};
use aws_lc_rs::{
    constant_time::verify_slices_are_equal,
    digest::{SHA256, digest},
    rand,
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use zeroize::Zeroizing;

/// How many random bytes a secret has.
const SECRET_LEN: usize = 32;

/// How many random bytes a public id has.
const SID_LEN: usize = 16;

/// How long both are as text, and in the value of a cookie.
const SECRET_TEXT_LEN: usize = 43;
const SID_TEXT_LEN: usize = 22;
const COOKIE_LEN: usize = SID_TEXT_LEN + 1 + SECRET_TEXT_LEN;

/// A new secret, for the cookie, and its hash, for the record.
pub(crate) struct NewSecret {
    pub(crate) text: Secret,
    pub(crate) hash: Hash,
}

impl NewSecret {
    pub(crate) fn random() -> Result<Self, BoxError> {
        let text = Secret::new(random::<SECRET_LEN>()?);
        let hash = Hash::of(text.expose().as_bytes());
        Ok(Self { text, hash })
    }
}

/// A new public id.
pub(crate) fn random_sid() -> Result<String, BoxError> {
    random::<SID_LEN>()
}

/// The value of a cookie of ours: the public id, a dot and the secret.
#[derive(Clone)]
pub(crate) struct CookieValue(Zeroizing<[u8; COOKIE_LEN]>);

impl CookieValue {
    /// `None` if it does not have the form of one.
    pub(crate) fn parse(value: &[u8]) -> Option<Self> {
        let value: [u8; COOKIE_LEN] = value.try_into().ok()?;
        let (sid, secret) = value.split_first_chunk::<SID_TEXT_LEN>()?;
        let secret = secret.strip_prefix(b".")?;
        (is_base64url(sid) && is_base64url(secret)).then(|| Self(Zeroizing::new(value)))
    }

    /// The public id.
    pub(crate) fn sid(&self) -> &str {
        let sid = self.0.first_chunk::<SID_TEXT_LEN>().and_then(|sid| str::from_utf8(sid).ok());
        // OK because it was parsed.
        sid.unwrap_or_default()
    }

    pub(crate) fn hash(&self) -> Hash {
        Hash::of(self.0.last_chunk::<SECRET_TEXT_LEN>().map_or(&[], |secret| secret.as_slice()))
    }

    /// Whether a client has sent the same. A timing attack gains nothing: both are from the same request.
    pub(crate) fn is(&self, other: &[u8]) -> bool {
        self.0.as_slice() == other
    }
}

impl fmt::Debug for CookieValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CookieValue(<redacted>)")
    }
}

/// Whether the text has the form of a public id.
pub(crate) fn is_sid(text: &str) -> bool {
    is_random::<SID_LEN>(text.as_bytes())
}

fn random<const N: usize>() -> Result<String, BoxError> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).map_err(|_| "the system has no random numbers")?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

/// Whether each byte is a digit of base64url. It need not be canonical: id and secret are compared as text.
fn is_base64url(text: &[u8]) -> bool {
    // All of it, without a branch for each byte: that is faster than to stop at the first wrong one.
    text.iter().fold(true, |good, b| good & (b.is_ascii_alphanumeric() | matches!(b, b'-' | b'_')))
}

/// Whether the text is `N` bytes in canonical base64url. Longer texts are not decoded.
fn is_random<const N: usize>(text: &[u8]) -> bool {
    let mut bytes = [0; N];
    text.len() == (N * 4).div_ceil(3) && BASE64_URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) == Ok(N)
}

/// The SHA-256 hash of a secret. It has no `==`.
#[derive(Clone, Copy)]
pub(crate) struct Hash([u8; 32]);

impl Hash {
    fn of(secret: &[u8]) -> Self {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, secret).as_ref());
        Self(hash)
    }

    /// Compares in constant time.
    pub(crate) fn ct_eq(&self, other: &Self) -> bool {
        verify_slices_are_equal(&self.0, &other.0).is_ok()
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hash(<redacted>)")
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64_URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(&*text).map_err(|_| D::Error::custom("a hash is not base64url"))?;
        bytes.try_into().map(Self).map_err(|_| D::Error::custom("a hash has 32 bytes"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_exact_form_is_a_cookie() {
        let (sid, secret) = (random_sid().unwrap(), NewSecret::random().unwrap());
        let text = secret.text.expose();
        let good = format!("{sid}.{text}");
        assert_eq!(good.len(), 66);
        let parsed = CookieValue::parse(good.as_bytes()).unwrap();
        assert!(parsed.sid() == sid && parsed.hash().ct_eq(&secret.hash) && parsed.is(good.as_bytes()));
        let bad = [
            sid.clone(),
            format!("{sid}."),
            format!(".{text}"),
            format!("{good}."),
            format!("{good}A"),
            format!("{sid}.{text}=").replacen('.', "..", 1),
            format!("{text}.{sid}"),
            good.replace('.', "-"),
            good.to_uppercase() + "!",
        ];
        for bad in bad {
            assert!(CookieValue::parse(bad.as_bytes()).is_none(), "{bad}");
        }
        assert!(CookieValue::parse(&[0xff; 66]).is_none());
    }

    #[test]
    fn secrets_and_ids_are_never_the_same() {
        let all: std::collections::HashSet<_> = (0..100).map(|_| random_sid().unwrap()).collect();
        assert_eq!(all.len(), 100);
        assert!(!NewSecret::random().unwrap().hash.ct_eq(&NewSecret::random().unwrap().hash));
    }

    #[test]
    fn hash_is_not_shown() {
        let secret = NewSecret::random().unwrap();
        assert_eq!(format!("{:?}{:?}", secret.hash, secret.text), "Hash(<redacted>)Secret(<redacted>)");
        let json = serde_json::to_string(&secret.hash).unwrap();
        assert!(!json.contains(secret.text.expose()));
        assert!(serde_json::from_str::<Hash>(&json).unwrap().ct_eq(&secret.hash));
        assert!(serde_json::from_str::<Hash>("\"AAAA\"").is_err());
    }
}
