//! The entries of a document that an issuer publishes.

use auth_core::ConfigError;

use super::FetchErrorKind;
use crate::{
    VerifyingKey,
    key::{Jwk, Traces},
    token::refused::optional,
};

const MAX_KEYS: usize = 100;

/// A key that does not count, for the log.
#[derive(Debug)]
pub(super) struct LeftOut {
    kid: Option<String>,
    why: String,
    /// It is for other work than signatures, which is not a mistake.
    is_for_other_work: bool,
}

/// One entry of a document, before it is looked at beside the others.
pub(super) struct Entry {
    pub(super) traces: Traces,
    pub(super) key: Result<VerifyingKey, LeftOut>,
}

/// The entries of a JWK set, by their texts; `None` stands for what is no object.
pub(super) fn entries(body: &[u8], each: impl Fn(Option<&str>) -> Entry) -> Result<Vec<Entry>, FetchErrorKind> {
    let published = Jwk::texts_of_set(body).ok_or(FetchErrorKind::Malformed)?;
    check_count(published.len())?;
    Ok(published.into_iter().map(each).collect())
}

pub(super) fn check_count(keys: usize) -> Result<(), FetchErrorKind> {
    if keys > MAX_KEYS { Err(FetchErrorKind::TooLarge) } else { Ok(()) }
}

impl Entry {
    /// The entry of a JWK, of which `make` takes the key.
    pub(super) fn of(
        json: Option<&str>,
        traces: Traces,
        make: impl FnOnce(&Jwk<'_>) -> Result<VerifyingKey, ConfigError>,
    ) -> Self {
        // What it is for does not matter: its secret is out all the same.
        if traces.is_secret {
            return Self { traces, key: Err(LeftOut::secret()) };
        }
        let key = json.map_or_else(|| Err(Jwk::no_object()), Jwk::parse).map_err(LeftOut::from).and_then(|jwk| {
            let for_other_work = |error| LeftOut { is_for_other_work: true, ..LeftOut::from(error) };
            jwk.check_use("verify").map_err(for_other_work)?;
            Ok(make(&jwk)?)
        });
        Self { traces, key }
    }
}

impl From<ConfigError> for LeftOut {
    fn from(error: ConfigError) -> Self {
        Self::of(None, &error.to_string())
    }
}

impl LeftOut {
    pub(super) fn of(kid: Option<&str>, why: &str) -> Self {
        Self { kid: kid.map(str::to_owned), why: why.to_owned(), is_for_other_work: false }
    }

    pub(super) fn named(self, kid: Option<String>) -> Self {
        Self { kid, ..self }
    }

    pub(super) fn secret() -> Self {
        Self::of(None, "it holds a private key or a secret, which everybody can read now")
    }

    pub(super) fn log(&self) {
        const WHAT: &str = "a published key is left out";
        let (kid, why) = (optional(self.kid.as_deref()), &*self.why);
        if self.is_for_other_work {
            tracing::debug!(%kid, why, WHAT);
        } else {
            tracing::warn!(%kid, why, WHAT);
        }
    }
}
