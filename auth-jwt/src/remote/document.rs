use auth_core::ConfigError;

use super::FetchErrorKind;
use crate::{
    KeySet, VerifyingKey,
    key::{Exposed, Jwk, Traces, is_crowded},
    token::json::{self, Value},
};

const MAX_KEYS: usize = 100;
/// How much of a name is logged, in characters.
const MAX_LOGGED: usize = 100;

/// A key that does not count, for the log.
#[derive(Debug)]
pub(super) struct LeftOut {
    kid: Option<String>,
    why: String,
    /// It is for other work than signatures, which is nobody's mistake.
    is_for_other_work: bool,
}

/// The keys of a set that somebody else publishes. Those that do not count are added to `left_out`, also if the set is refused.
///
/// [`KeySet::from_jwks`] refuses a set that has anything strange in it, since it reads a file of one's own. An issuer
/// publishes what others need as well, so here keys are left out one by one (RFC 7517, 5):
///
/// - those for other work, of an unknown kind, weak or broken;
/// - secrets and private keys, in whatever form, and each key that shares its name or its key pair with one of them;
/// - those of one name and one algorithm, if they are more than are tried.
pub(super) fn read(body: &[u8], left_out: &mut Vec<LeftOut>) -> Result<KeySet, FetchErrorKind> {
    let mut exposed = Exposed::default();
    let mut keys = Vec::new();
    for json in published(body)? {
        let traces = json.map(Traces::of).unwrap_or_default();
        match usable(json, &traces) {
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

/// The texts of the keys; `None` for what is no object.
fn published(body: &[u8]) -> Result<Vec<Option<&str>>, FetchErrorKind> {
    let mut list = None;
    let found = json::members(body, |name, value| {
        if name == "keys" {
            list = Some(value);
        }
        Ok(())
    });
    let (Ok(()), Some(Value::Array(list))) = (found, list) else { return Err(FetchErrorKind::Malformed) };
    let mut published = Vec::new();
    let read = json::elements(list, |value| {
        published.push(if let Value::Object(json) = value { Some(json) } else { None });
        Ok(())
    });
    read.map_err(|_| FetchErrorKind::Malformed)?;
    if published.len() > MAX_KEYS { Err(FetchErrorKind::TooLarge) } else { Ok(published) }
}

fn usable(json: Option<&str>, traces: &Traces) -> Result<VerifyingKey, LeftOut> {
    // What it is for does not matter: its secret is out all the same.
    if traces.is_secret {
        return Err(LeftOut::of(None, "it holds a private key or a secret, which everybody can read now"));
    }
    let why = |error: ConfigError| LeftOut::of(None, &error.to_string());
    let jwk = json.map_or_else(|| Err(Jwk::no_object()), Jwk::parse).map_err(why)?;
    jwk.check_use("verify").map_err(|error| LeftOut { is_for_other_work: true, ..why(error) })?;
    jwk.verifying_key().map_err(why)
}

impl LeftOut {
    fn of(kid: Option<&str>, why: &str) -> Self {
        Self { kid: kid.map(str::to_owned), why: why.to_owned(), is_for_other_work: false }
    }

    pub(super) fn log(&self) {
        const WHAT: &str = "a published key is left out";
        let kid = self.kid.as_deref().map(|kid| kid.chars().take(MAX_LOGGED).collect::<String>());
        let why = &*self.why;
        if self.is_for_other_work {
            tracing::debug!(?kid, why, WHAT);
        } else {
            tracing::warn!(?kid, why, WHAT);
        }
    }
}
