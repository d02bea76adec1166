use std::fmt;

use auth_core::{ConfigError, Secret};
use zeroize::Zeroizing;

use crate::Algorithm;

/// The secret of an HMAC key: arbitrary bytes, redacted in `Debug`, zeroed when dropped.
///
/// It must be at least as long as the hash of its algorithm (RFC 7518, 3.2): 32, 48 or 64 bytes. Use random bytes: length
/// alone doesn't make a passphrase strong. A string is used byte for byte, without decoding.
///
/// ```
/// use auth_jwt::{HmacSecret, Jwt};
///
/// # #[derive(serde::Deserialize)] struct Claims {}
/// assert!(Jwt::<Claims>::hs256("secret").is_err());
/// assert!(Jwt::<Claims>::hs256(HmacSecret::from("secret").dangerous_allow_short_secret()).is_ok());
/// ```
#[derive(Clone)]
pub struct HmacSecret {
    bytes: Zeroizing<Vec<u8>>,
    short_allowed: bool,
}

impl HmacSecret {
    /// A secret from these bytes. Its length is checked when a key is built, since it depends on the algorithm.
    #[must_use]
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self { bytes: Zeroizing::new(bytes.into()), short_allowed: false }
    }

    /// Allows a secret that is shorter than the hash, though not an empty one.
    ///
    /// # Security
    /// Anyone who sees one token can try short secrets offline, as fast as their hardware allows. For tutorials and tests.
    #[must_use]
    pub fn dangerous_allow_short_secret(mut self) -> Self {
        self.short_allowed = true;
        self
    }

    /// The bytes, if there are enough of them for `algorithm`.
    pub(crate) fn strong_enough_for(&self, algorithm: Algorithm) -> Result<&[u8], ConfigError> {
        let (len, wanted) = (self.bytes.len(), algorithm.hash_len());
        if len == 0 {
            return Err(ConfigError::new(format!(
                "the HMAC secret is empty: set one of {wanted} random bytes or more"
            )));
        }
        if len < wanted && !self.short_allowed {
            return Err(ConfigError::new(format!(
                "{algorithm} needs a secret of at least {wanted} bytes, and this one has {len}: generate a longer one, \
                 or, for tutorials and tests, call `dangerous_allow_short_secret()`"
            )));
        }
        Ok(&self.bytes)
    }
}

impl fmt::Debug for HmacSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HmacSecret(<redacted>)")
    }
}

impl From<&str> for HmacSecret {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for HmacSecret {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<&String> for HmacSecret {
    fn from(text: &String) -> Self {
        Self::new(text.as_str())
    }
}

impl From<&Secret> for HmacSecret {
    fn from(secret: &Secret) -> Self {
        Self::new(secret.expose())
    }
}

impl From<&[u8]> for HmacSecret {
    fn from(bytes: &[u8]) -> Self {
        Self::new(bytes)
    }
}

impl From<Vec<u8>> for HmacSecret {
    fn from(bytes: Vec<u8>) -> Self {
        Self::new(bytes)
    }
}

impl<const N: usize> From<[u8; N]> for HmacSecret {
    fn from(bytes: [u8; N]) -> Self {
        Self::new(bytes)
    }
}

impl<const N: usize> From<&[u8; N]> for HmacSecret {
    fn from(bytes: &[u8; N]) -> Self {
        Self::new(bytes.as_slice())
    }
}
