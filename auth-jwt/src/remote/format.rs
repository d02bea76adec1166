use std::time::SystemTime;

use http::HeaderMap;

#[cfg(feature = "x509")]
use super::certificates;
use super::{
    FetchErrorKind,
    document::{self, Entry, IgnoredKey},
    found,
};
use crate::{
    KeySet, VerifyingKey,
    key::{CompromisedKeys, KeyTraces, is_crowded},
};

/// The format in which an issuer publishes its keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Jwks,
    #[cfg(feature = "x509")]
    Certificates,
}

impl Format {
    /// Whether an unchanged document always means the same keys. Certificates expire.
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

    /// Describes a body that does not have this format.
    pub(super) fn mismatch(self, headers: &HeaderMap, body: &[u8]) -> Option<String> {
        match self {
            Self::Jwks => found::not_a_jwk_set(headers, body),
            #[cfg(feature = "x509")]
            Self::Certificates => found::not_an_object(headers, body),
        }
    }
}

/// The keys in a published document. Keys that are left out are added to `ignored`, also if the whole document is refused.
///
/// [`KeySet::from_jwks`] reads your own file, so it refuses a set with any unusable key. An issuer also publishes keys that
/// others need, so here each unusable key is left out (RFC 7517, 5):
///
/// - keys with another purpose, of an unknown kind, weak or broken;
/// - secrets and private keys in any form, and each key that shares a name or a key pair with one of them;
/// - keys that share a name and an algorithm, if there are more than are tried.
pub(super) fn read(
    body: &[u8],
    format: Format,
    #[cfg_attr(not(feature = "x509"), expect(unused_variables, reason = "only certificates expire"))] now: SystemTime,
    ignored: &mut Vec<IgnoredKey>,
) -> Result<KeySet, FetchErrorKind> {
    let entries = match format {
        Format::Jwks => document::entries(body, |json| {
            let traces = json.map(KeyTraces::of).unwrap_or_default();
            Entry::of(json, traces, VerifyingKey::of)
        })?,
        #[cfg(feature = "x509")]
        Format::Certificates => certificates::entries(body, now)?,
    };
    let mut compromised = CompromisedKeys::default();
    let mut keys = Vec::new();
    for Entry { traces, key } in entries {
        match key {
            Ok(key) => keys.push((key, traces)),
            Err(unusable) => {
                if traces.is_secret {
                    compromised.add(&traces);
                }
                ignored.push(unusable.named(traces.kid));
            }
        }
    }
    let mut leave_out = |key: &VerifyingKey, why: &str| ignored.push(IgnoredKey::of(key.kid(), why));
    keys.retain(|(key, traces)| {
        let is_compromised = compromised.covers(traces);
        if is_compromised {
            leave_out(key, "its private half, or that of a key with its name, is published beside it");
        }
        !is_compromised
    });
    let keys: Vec<_> = keys.into_iter().map(|(key, _)| key).collect();
    let (crowded, keys): (Vec<_>, Vec<_>) = keys.iter().cloned().partition(|key| is_crowded(&keys, key));
    crowded.iter().for_each(|key| leave_out(key, "too many keys share its name and algorithm"));
    KeySet::new(keys).map_err(|_| FetchErrorKind::NoUsableKey)
}
