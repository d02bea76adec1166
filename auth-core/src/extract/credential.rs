use std::fmt;

use zeroize::Zeroizing;

use crate::{Carrier, Challenge, Secret, secret::ct_eq};

/// A raw credential and its carrier. `Debug` shows the carrier only.
pub struct Credential<'r> {
    text: Text<'r>,
    carrier: Carrier,
}

enum Text<'r> {
    Borrowed(&'r str),
    Owned(Zeroizing<String>),
    /// Too long, so nobody has checked it.
    Unchecked(&'r [u8]),
}

/// How many bytes of a credential tell its kind.
const START: usize = 64;

impl<'r> Credential<'r> {
    /// A credential that appears in the request as it is.
    #[must_use]
    pub fn borrowed(text: &'r str, carrier: Carrier) -> Self {
        Self { text: Text::Borrowed(text), carrier }
    }

    /// A credential that was decoded. It is zeroed when dropped.
    #[must_use]
    pub fn owned(text: String, carrier: Carrier) -> Self {
        Self { text: Text::Owned(Zeroizing::new(text)), carrier }
    }

    /// A credential that is longer than [`Extractor::extract_within`](super::Extractor::extract_within) allows. It need not be
    /// well-formed, nor text.
    #[must_use]
    pub fn too_long(bytes: &'r [u8], carrier: Carrier) -> Self {
        Self { text: Text::Unchecked(bytes), carrier }
    }

    pub(crate) fn secret(secret: Secret, carrier: Carrier) -> Self {
        Self { text: Text::Owned(secret.into_inner()), carrier }
    }

    /// The credential itself. Never log it.
    ///
    /// # Security
    /// It is empty if the credential was [too long](Self::too_long) to be checked. So a strategy that calls
    /// [`extract_within`](super::Extractor::extract_within) compares [`byte_len`](Self::byte_len) first. `extract` never returns such
    /// a credential.
    #[must_use]
    pub fn expose(&self) -> &str {
        match &self.text {
            Text::Borrowed(text) => text,
            Text::Owned(text) => text,
            Text::Unchecked(_) => "",
        }
    }

    /// The length in bytes, also if it was [too long](Self::too_long) to be checked.
    #[must_use]
    pub fn byte_len(&self) -> usize {
        self.bytes().len()
    }

    /// The first 64 bytes, or fewer if they are not text. A strategy sees there whether a credential that is too long is of its
    /// kind. Never log it.
    #[must_use]
    pub fn start(&self) -> &str {
        let bytes = self.bytes();
        let start = bytes.get(..START).unwrap_or(bytes);
        str::from_utf8(start).unwrap_or_else(|error| {
            let valid = start.get(..error.valid_up_to()).unwrap_or_default();
            str::from_utf8(valid).unwrap_or_default()
        })
    }

    /// Whether both are the same, in a time that depends only on the lengths.
    pub(super) fn is_same_as(&self, other: &Self) -> bool {
        ct_eq(self.bytes(), other.bytes())
    }

    fn bytes(&self) -> &[u8] {
        match &self.text {
            Text::Borrowed(text) => text.as_bytes(),
            Text::Owned(text) => text.as_bytes(),
            Text::Unchecked(bytes) => bytes,
        }
    }

    /// Where it was found.
    #[must_use]
    pub fn carrier(&self) -> Carrier {
        self.carrier
    }
}

impl fmt::Debug for Credential<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential").field("carrier", &self.carrier).finish_non_exhaustive()
    }
}

/// A text that may be a credential: not empty, visible ASCII without blanks.
pub(super) fn is_visible(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic())
}

/// The challenge for a parameter in a body or query: `Bearer` for `access_token` (RFC 6750, 2.2 and 2.3), otherwise
/// `ApiKey in="…", name="…"`.
pub(super) fn parameter_challenge(place: &str, name: &str) -> Challenge {
    if name == "access_token" { Challenge::new("Bearer") } else { Challenge::api_key(place, name) }
}
