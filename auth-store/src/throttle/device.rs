//! The tokens of devices: base64url of a random id, the time of issue in seconds, and an HMAC-SHA256 over both, the realm and the
//! account.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use auth_core::{BoxError, ConfigError, Secret};
use aws_lc_rs::{
    hmac::{self, HMAC_SHA256, Key},
    rand,
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};

/// How long a token is good.
pub(super) const MAX_AGE: Duration = Duration::from_secs(365 * 24 * 60 * 60);
/// How far the clocks of nodes may differ.
const SKEW: Duration = Duration::from_secs(300);
/// The shortest key, in bytes.
const MIN_KEY: usize = 32;

const ID: usize = 16;
const TIME: usize = 8;
const TAG: usize = 32;
const LEN: usize = ID + TIME + TAG;

/// The keys of tokens, the one that signs first.
#[derive(Clone)]
pub(super) struct DeviceKeys(Arc<[Key]>);

impl DeviceKeys {
    pub(super) fn new(keys: impl IntoIterator<Item = Secret>) -> Result<Self, ConfigError> {
        let keys = keys.into_iter().map(|key| {
            let key = key.expose().as_bytes();
            let is_long = key.len() >= MIN_KEY;
            is_long.then(|| Key::new(HMAC_SHA256, key)).ok_or("a key of device tokens must have 32 bytes at least")
        });
        let keys = keys.collect::<Result<Vec<_>, _>>().map_err(ConfigError::new)?;
        if keys.is_empty() { Err(ConfigError::new("device tokens need a key")) } else { Ok(Self(keys.into())) }
    }

    /// A token for this account and device.
    pub(super) fn sign(&self, realm: &str, account: &str, id: [u8; ID], now: SystemTime) -> Result<Secret, BoxError> {
        let key = self.0.first().ok_or("there is no key")?;
        let mut token = id.to_vec();
        token.extend(now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs().to_be_bytes());
        let tag = hmac::sign(key, &message(realm, account, &token));
        token.extend(tag.as_ref());
        Ok(Secret::new(BASE64_URL_SAFE_NO_PAD.encode(token)))
    }

    /// The id of the device, if the token is good for this account.
    pub(super) fn check(&self, realm: &str, account: &str, token: &str, now: SystemTime) -> Option<[u8; ID]> {
        // Longer ones are not decoded.
        let is_short = token.len() == (LEN * 4).div_ceil(3);
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(is_short.then_some(token)?).ok()?;
        let (signed, sent) = bytes.split_at_checked(ID + TIME)?;
        let message = message(realm, account, signed);
        // In constant time.
        self.0.iter().any(|key| hmac::verify(key, &message, sent).is_ok()).then_some(())?;
        let (id, time) = signed.split_at_checked(ID)?;
        let issued_at = UNIX_EPOCH.checked_add(Duration::from_secs(u64::from_be_bytes(time.try_into().ok()?)))?;
        let is_current = issued_at <= now.checked_add(SKEW)? && now < issued_at.checked_add(MAX_AGE)?;
        if is_current { id.try_into().ok() } else { None }
    }
}

/// The id of a device that is not known yet.
pub(super) fn new_id() -> Result<[u8; ID], BoxError> {
    let mut id = [0; ID];
    rand::fill(&mut id).map_err(|_| "the system has no random numbers")?;
    Ok(id)
}

/// What is signed. The purpose comes first, in case the application uses its key elsewhere too. The length of id and time is constant,
/// and that of the realm comes before it, so that each message has one meaning.
fn message(realm: &str, account: &str, signed: &[u8]) -> Vec<u8> {
    let realm_len = (realm.len() as u64).to_be_bytes();
    [b"auth-store device token 1\0", signed, &realm_len, realm.as_bytes(), account.as_bytes()].concat()
}
