use std::collections::HashMap;

use super::FetchErrorKind;
use crate::{
    KeySet, VerifyingKey,
    key::Jwk,
    token::json::{self, Value},
};

const MAX_KEYS: usize = 100;

/// The keys of a set that somebody else publishes.
///
/// [`KeySet::from_jwks`] refuses a set that has anything strange in it, since it reads a file of one's own. An issuer
/// publishes what others need as well, so here keys are left out one by one (RFC 7517, 5):
///
/// - those for other work, of an unknown kind, weak or broken;
/// - those with private members and secrets, which nobody may use any more once they were published;
/// - all those that share a name.
pub(super) fn read(body: &[u8]) -> Result<KeySet, FetchErrorKind> {
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
        let Value::Object(json) = value else { return Err("a key is no object") };
        published.push(json);
        Ok(())
    });
    read.map_err(|_| FetchErrorKind::Malformed)?;
    if published.len() > MAX_KEYS {
        return Err(FetchErrorKind::TooLarge);
    }

    let mut named: HashMap<String, usize> = HashMap::new();
    let mut keys = Vec::new();
    for json in published {
        let Ok(jwk) = Jwk::parse(json) else { continue };
        // What signs is for another use, and so it may say; its secret is out all the same.
        if !jwk.holds_secret() && jwk.check_use("verify").is_err() {
            continue;
        }
        // A name counts also if its key is left out: what was published with a secret beside it is not trusted.
        if let Some(kid) = jwk.kid() {
            *named.entry(kid.to_owned()).or_default() += 1;
        }
        match usable(&jwk) {
            Ok(key) => keys.push(key),
            Err(why) => tracing::warn!(why, "a published key is left out"),
        }
    }
    keys.retain(|key| {
        let is_alone = key.kid().is_none_or(|kid| named.get(kid) == Some(&1));
        if !is_alone {
            tracing::warn!("published keys of one name are left out");
        }
        is_alone
    });
    KeySet::new(keys).map_err(|_| FetchErrorKind::NoUsableKey)
}

fn usable(jwk: &Jwk<'_>) -> Result<VerifyingKey, &'static str> {
    if jwk.holds_secret() {
        return Err("it holds a secret");
    }
    jwk.verifying_key().map_err(|_| "it is weak, broken or of an unknown kind")
}
