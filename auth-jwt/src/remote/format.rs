use std::time::SystemTime;

use http::HeaderMap;

#[cfg(feature = "x509")]
use super::certificates;
use super::{
    FetchErrorKind,
    document::{self, Entry, LeftOut},
    found,
};
use crate::{
    KeySet, VerifyingKey,
    key::{Exposed, Traces, is_crowded},
};

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
        Format::Jwks => document::entries(body, |json| {
            let traces = json.map(Traces::of).unwrap_or_default();
            Entry::of(json, traces, VerifyingKey::of)
        })?,
        #[cfg(feature = "x509")]
        Format::Certificates => certificates::entries(body, now)?,
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
                left_out.push(unusable.named(traces.kid));
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
