use std::fmt;

use zeroize::Zeroizing;

use crate::{Carrier, Challenge, Secret};

/// A raw credential and its carrier. `Debug` shows the carrier only.
pub struct Credential<'r> {
    text: Text<'r>,
    carrier: Carrier,
}

enum Text<'r> {
    Borrowed(&'r str),
    Owned(Zeroizing<String>),
}

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

    pub(crate) fn secret(secret: Secret, carrier: Carrier) -> Self {
        Self { text: Text::Owned(secret.into_inner()), carrier }
    }

    /// The credential itself. Never log it.
    #[must_use]
    pub fn expose(&self) -> &str {
        match &self.text {
            Text::Borrowed(text) => text,
            Text::Owned(text) => text,
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
