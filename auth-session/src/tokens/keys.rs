//! Refresh tokens: the public id of a login, a generation, and an HMAC-SHA256 over both.

use std::sync::Arc;

use auth_core::{ConfigError, Secret};
use aws_lc_rs::hmac::{self, HMAC_SHA256, Key};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};

use crate::secret::is_sid;

/// The shortest key, in bytes.
const MIN_KEY: usize = 32;
/// How long a MAC is, in bytes.
const MAC: usize = 32;
const MAC_TEXT: usize = (MAC * 4).div_ceil(3);

/// The keys of tokens, the one that signs first.
#[derive(Clone)]
pub(super) struct RefreshKeys(Arc<[Key]>);

/// A token that one of our keys has made.
#[derive(Clone, Debug)]
pub(super) struct RefreshToken {
    pub(super) sid: Box<str>,
    pub(super) generation: u64,
}

impl RefreshKeys {
    pub(super) fn new(keys: impl IntoIterator<Item = Secret>) -> Result<Self, ConfigError> {
        let keys = keys.into_iter().map(|key| {
            let key = key.expose().as_bytes();
            let is_long = key.len() >= MIN_KEY;
            is_long.then(|| Key::new(HMAC_SHA256, key)).ok_or("a key of refresh tokens must have 32 bytes at least")
        });
        let keys = keys.collect::<Result<Vec<_>, _>>().map_err(ConfigError::new)?;
        if keys.is_empty() { Err(ConfigError::new("refresh tokens need a key")) } else { Ok(Self(keys.into())) }
    }

    /// The token of this login and generation. `None` if there is no key, which is never so.
    pub(super) fn sign(&self, sid: &str, generation: u64) -> Option<Secret> {
        let mac = hmac::sign(self.0.first()?, &message(sid, generation));
        Some(Secret::new(format!("{sid}.{generation}.{}", BASE64_URL_SAFE_NO_PAD.encode(mac))))
    }

    /// `None` if the token does not have the form of one, or if none of the keys has made it. Compares in constant time.
    pub(super) fn check(&self, token: &str) -> Option<RefreshToken> {
        let mut parts = token.split('.');
        let (sid, generation, mac) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() || !is_sid(sid) || mac.len() != MAC_TEXT {
            return None;
        }
        let generation = parse(generation)?;
        let mut bytes = [0; MAC];
        (BASE64_URL_SAFE_NO_PAD.decode_slice(mac, &mut bytes) == Ok(MAC)).then_some(())?;
        let message = message(sid, generation);
        let is_good = self.0.iter().any(|key| hmac::verify(key, &message, &bytes).is_ok());
        is_good.then(|| RefreshToken { sid: sid.into(), generation })
    }
}

/// A number from 1 that has a successor, written in one way alone.
fn parse(generation: &str) -> Option<u64> {
    let is_canonical = generation.bytes().all(|b| b.is_ascii_digit()) && !generation.starts_with('0');
    let number = is_canonical.then(|| generation.parse().ok())??;
    (number < u64::MAX).then_some(number)
}

/// What is signed. The purpose comes first, in case the application uses its key elsewhere too.
fn message(sid: &str, generation: u64) -> Vec<u8> {
    [b"auth-session refresh token 1\0", sid.as_bytes(), b".", generation.to_string().as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SID: &str = "AAAAAAAAAAAAAAAAAAAAAA";

    fn keys(keys: &[&str]) -> RefreshKeys {
        RefreshKeys::new(keys.iter().map(|key| Secret::new(key.repeat(32)))).unwrap()
    }

    #[test]
    fn only_the_exact_form_is_a_token() {
        let keys = keys(&["k"]);
        let good = keys.sign(SID, 7).unwrap();
        let good = good.expose();
        let token = keys.check(good).unwrap();
        assert_eq!((&*token.sid, token.generation, good.len()), (SID, 7, 22 + 3 + 43));
        let mac = good.rsplit('.').next().unwrap();
        let mut all_but_the_last = good.to_owned();
        all_but_the_last.pop();
        let other_end = |last: char| format!("{all_but_the_last}{last}");
        let mut bad = vec![
            String::new(),
            "..".to_owned(),
            SID.to_owned(),
            format!("{SID}.7"),
            format!("{SID}.7."),
            format!("{SID}.07.{mac}"),
            format!("{SID}.+7.{mac}"),
            format!("{SID}.7 .{mac}"),
            format!("{SID}.-7.{mac}"),
            format!("{SID}..{mac}"),
            format!("{SID}.0.{mac}"),
            format!("{SID}.8.{mac}"),
            format!("{SID}.18446744073709551615.{mac}"),
            format!("{SID}.18446744073709551616.{mac}"),
            format!("{SID}.7.{mac}="),
            format!("{SID}.7.{mac}."),
            format!(".{good}"),
            format!("{good}."),
            format!("{good}A"),
            format!(" {good}"),
            format!("{SID}A.7.{mac}"),
            format!("AAAAAAAAAAAAAAAAAAAAAB.7.{mac}"),
            format!("BAAAAAAAAAAAAAAAAAAAAA.7.{mac}"),
            format!("{SID}.7.{}", "A".repeat(43)),
            format!("{SID}.٧.{mac}"),
            "A".repeat(100_000),
        ];
        // The last character has two bits that say nothing: only one form is canonical.
        let ends = ('a'..='z').chain('A'..='Z').chain('0'..='9').chain(['-', '_']);
        bad.extend(ends.filter(|end| !good.ends_with(*end)).map(other_end));
        for bad in bad {
            assert!(keys.check(&bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn first_key_signs_and_all_verify() {
        let (old, both, new) = (keys(&["o"]), keys(&["n", "o"]), keys(&["n"]));
        let (by_old, by_both) = (old.sign(SID, 1).unwrap(), both.sign(SID, 1).unwrap());
        assert!(both.check(by_old.expose()).is_some() && both.check(by_both.expose()).is_some());
        assert!(new.check(by_both.expose()).is_some() && new.check(by_old.expose()).is_none());
        assert!(old.check(by_both.expose()).is_none());
    }

    #[test]
    fn short_keys_and_no_key_are_errors() {
        for keys in [vec![], vec!["k".repeat(31)], vec!["k".repeat(32), String::new()]] {
            assert!(RefreshKeys::new(keys.into_iter().map(Secret::new)).is_err());
        }
    }

    /// The same key may sign the tokens of devices of `auth-store`, and JSON Web Tokens.
    #[test]
    fn mac_of_another_purpose_is_not_one_of_a_token() {
        let key = Key::new(HMAC_SHA256, "k".repeat(32).as_bytes());
        let keys = keys(&["k"]);
        for message in [
            format!("{SID}.7"),
            format!("auth-store device token 1\0{SID}.7"),
            format!("auth-session refresh token 1{SID}.7"),
            format!("auth-session refresh token 1\0{SID}7"),
        ] {
            let mac = BASE64_URL_SAFE_NO_PAD.encode(hmac::sign(&key, message.as_bytes()));
            assert!(keys.check(&format!("{SID}.7.{mac}")).is_none(), "{message}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read(text in "([A-Za-z0-9_=-]{0,44}|\\.|\\PC){0,8}") {
            proptest::prop_assert!(keys(&["k"]).check(&text).is_none(), "nobody guesses one");
        }
    }
}
