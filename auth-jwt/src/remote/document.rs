use std::time::SystemTime;

use auth_core::ConfigError;
use http::HeaderMap;

use super::{FetchErrorKind, found};
use crate::{
    KeySet, VerifyingKey,
    key::{Exposed, Jwk, Traces, is_crowded},
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

/// What an issuer publishes at the place of its keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Jwks,
    #[cfg(feature = "x509")]
    Certificates,
}

impl Format {
    /// Whether a document that stays as it is means the same keys for ever.
    pub(super) fn is_constant(self) -> bool {
        self == Self::Jwks
    }

    pub(super) fn describe(self) -> &'static str {
        match self {
            Self::Jwks => "a JWK set (RFC 7517, 5)",
            #[cfg(feature = "x509")]
            Self::Certificates => "X.509 certificates under their names, or a JWK set with `x5c` (RFC 7517, 4.7)",
        }
    }

    /// What the body is, if it is none of this format.
    pub(super) fn is_missed_by(self, headers: &HeaderMap, body: &[u8]) -> Option<String> {
        match self {
            Self::Jwks => found::no_set(headers, body),
            #[cfg(feature = "x509")]
            Self::Certificates => found::no_object(headers, body),
        }
    }
}

/// One entry of a document, before it is looked at beside the others.
pub(super) struct Entry {
    pub(super) traces: Traces,
    pub(super) key: Result<VerifyingKey, LeftOut>,
}

/// The keys in a document that somebody else publishes. Those that do not count are added to `left_out`, also if the document
/// is refused.
///
/// [`KeySet::from_jwks`] refuses a set that has anything strange in it, since it reads a file of one's own. An issuer
/// publishes what others need as well, so here keys are left out one by one (RFC 7517, 5):
///
/// - those for other work, of an unknown kind, weak or broken;
/// - secrets and private keys, in whatever form, and each key that shares its name or its key pair with one of them;
/// - those of one name and one algorithm, if they are more than are tried.
pub(super) fn read(
    body: &[u8],
    format: Format,
    #[cfg_attr(not(feature = "x509"), expect(unused_variables, reason = "certificates alone end"))] now: SystemTime,
    left_out: &mut Vec<LeftOut>,
) -> Result<KeySet, FetchErrorKind> {
    let entries = match format {
        Format::Jwks => entries(body, |json| {
            let traces = json.map(Traces::of).unwrap_or_default();
            Entry::of(json, traces, |jwk| jwk.verifying_key())
        })?,
        #[cfg(feature = "x509")]
        Format::Certificates => super::certificates::entries(body, now)?,
    };
    let mut exposed = Exposed::default();
    let mut keys = Vec::new();
    for Entry { traces, key } in entries {
        match key {
            Ok(key) => keys.push((key, traces)),
            Err(unusable) => {
                if traces.is_secret {
                    exposed.add(&traces);
                }
                left_out.push(LeftOut { kid: traces.kid, ..unusable });
            }
        }
    }
    let mut leave_out = |key: &VerifyingKey, why: &str| left_out.push(LeftOut::of(key.kid(), why));
    keys.retain(|(key, traces)| {
        let is_exposed = exposed.covers(traces);
        if is_exposed {
            leave_out(key, "its private half, or that of a key of its name, is published beside it");
        }
        !is_exposed
    });
    let keys: Vec<_> = keys.into_iter().map(|(key, _)| key).collect();
    let (crowded, keys): (Vec<_>, Vec<_>) = keys.iter().cloned().partition(|key| is_crowded(&keys, key));
    crowded.iter().for_each(|key| leave_out(key, "too many keys have its name and algorithm"));
    KeySet::new(keys).map_err(|_| FetchErrorKind::NoUsableKey)
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
