//! The entries of a document that an issuer publishes.

use auth_core::ConfigError;

use super::FetchErrorKind;
use crate::{
    VerifyingKey,
    key::{Jwk, KeyTraces},
    token::log_text::quoted_or_absent,
};

const MAX_KEYS: usize = 100;

/// A published key that is left out, for the log.
#[derive(Debug)]
pub(super) struct IgnoredKey {
    kid: Option<String>,
    why: String,
    /// The key has another purpose than signatures, which is not a mistake.
    has_other_purpose: bool,
}

/// One entry of a document, before it is compared with the others.
pub(super) struct Entry {
    pub(super) traces: KeyTraces,
    pub(super) key: Result<VerifyingKey, IgnoredKey>,
}

/// The entries of a JWK set. `each` receives the text of an entry, or `None` if it is not an object.
pub(super) fn entries(body: &[u8], each: impl Fn(Option<&str>) -> Entry) -> Result<Vec<Entry>, FetchErrorKind> {
    let published = Jwk::texts_of_set(body).ok_or(FetchErrorKind::Malformed)?;
    check_count(published.len())?;
    Ok(published.into_iter().map(each).collect())
}

pub(super) fn check_count(keys: usize) -> Result<(), FetchErrorKind> {
    if keys > MAX_KEYS { Err(FetchErrorKind::TooLarge) } else { Ok(()) }
}

impl Entry {
    /// The entry of a JWK. `make` builds the key.
    pub(super) fn of(
        json: Option<&str>,
        traces: KeyTraces,
        make: impl FnOnce(&Jwk<'_>) -> Result<VerifyingKey, ConfigError>,
    ) -> Self {
        // The purpose doesn't matter: the secret is published.
        if traces.is_secret {
            return Self { traces, key: Err(IgnoredKey::secret()) };
        }
        let key =
            json.map_or_else(|| Err(Jwk::not_an_object()), Jwk::parse).map_err(IgnoredKey::from).and_then(|jwk| {
                let other_purpose = |error| IgnoredKey { has_other_purpose: true, ..IgnoredKey::from(error) };
                jwk.check_use("verify").map_err(other_purpose)?;
                Ok(make(&jwk)?)
            });
        Self { traces, key }
    }
}

impl From<ConfigError> for IgnoredKey {
    fn from(error: ConfigError) -> Self {
        Self::of(None, &error.to_string())
    }
}

impl IgnoredKey {
    pub(super) fn of(kid: Option<&str>, why: &str) -> Self {
        Self { kid: kid.map(str::to_owned), why: why.to_owned(), has_other_purpose: false }
    }

    pub(super) fn named(self, kid: Option<String>) -> Self {
        Self { kid, ..self }
    }

    pub(super) fn secret() -> Self {
        Self::of(None, "it holds a private key or a secret, which is now public")
    }

    pub(super) fn log(&self) {
        const WHAT: &str = "a published key is left out";
        let (kid, why) = (quoted_or_absent(self.kid.as_deref()), &*self.why);
        if self.has_other_purpose {
            tracing::debug!(%kid, why, WHAT);
        } else {
            tracing::warn!(%kid, why, WHAT);
        }
    }
}
