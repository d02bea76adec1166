//! What a record of a login holds.

use std::time::{Duration, SystemTime};

use auth_core::{BoxError, PrincipalId, SharedStr};
use serde::{Deserialize, Serialize};

use crate::{data::StoredData, instant, secret::Hash, settings::Lifetime, shared_str};

/// How long the secret that was replaced is still recognized. It opens nothing: a request that was on its way is told apart from
/// one with an unknown cookie.
const RECOGNIZED: Duration = Duration::from_secs(60);

/// How many of them. A login is often followed by a second factor, and a change of the password by both.
const MAX_PREVIOUS: usize = 4;

/// What a store must be able to keep is 64 KiB. This leaves room for what a later version adds.
const MAX_LEN: usize = 60 * 1024;

#[derive(Clone, Deserialize, Serialize)]
pub(crate) struct Value {
    /// The public id, for lists.
    #[serde(with = "shared_str")]
    pub(crate) sid: SharedStr,
    /// `None` as long as nobody has logged in.
    pub(crate) user: Option<UserPart>,
    #[serde(with = "instant")]
    pub(crate) created: SystemTime,
    #[serde(with = "instant")]
    pub(crate) absolute_end: SystemTime,
    pub(crate) idle: Duration,
    pub(crate) remember: bool,
    /// What the client presents: now only the cookie.
    carriers: Vec<CarrierPart>,
    /// The last one first.
    previous: Vec<Previous>,
    pub(crate) data: StoredData,
}

/// The user of a login.
#[derive(Clone, Deserialize, Serialize)]
pub(crate) struct UserPart {
    /// What the application finds the user by.
    pub(crate) id: String,
    #[serde(with = "shared_str")]
    issuer: SharedStr,
    #[serde(with = "shared_str")]
    subject: SharedStr,
    /// When the user logged in. Later proofs don't move it.
    #[serde(with = "instant")]
    pub(crate) logged_in: SystemTime,
    #[serde(with = "instant")]
    pub(crate) auth_time: SystemTime,
    pub(crate) amr: Vec<String>,
    pub(crate) acr: Option<String>,
    pub(crate) label: Option<String>,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum CarrierKind {
    Cookie,
}

#[derive(Clone, Deserialize, Serialize)]
struct CarrierPart {
    kind: CarrierKind,
    hash: Hash,
}

#[derive(Clone, Deserialize, Serialize)]
struct Previous {
    hash: Hash,
    #[serde(with = "instant")]
    replaced: SystemTime,
}

/// What the secret of a cookie is to a login.
pub(crate) enum Match {
    Current,
    /// A login, or another tab, has just replaced it.
    Replaced,
    Wrong,
}

impl Value {
    /// A value of nobody.
    pub(crate) fn new(sid: &str, now: SystemTime, lifetime: Lifetime, cookie: Hash) -> Self {
        let Lifetime { idle, absolute } = lifetime;
        Self {
            sid: sid.into(),
            user: None,
            created: now,
            absolute_end: now.checked_add(absolute).unwrap_or(now),
            idle,
            remember: false,
            carriers: vec![CarrierPart { kind: CarrierKind::Cookie, hash: cookie }],
            previous: Vec::new(),
            data: StoredData::default(),
        }
    }

    pub(crate) fn encode(&self) -> Result<Vec<u8>, BoxError> {
        let json = serde_json::to_vec(self)?;
        if json.len() > MAX_LEN {
            return Err("the record of a login is too large".into());
        }
        Ok(json)
    }

    pub(crate) fn decode(json: &[u8]) -> Result<Self, BoxError> {
        let value: Self = serde_json::from_slice(json)?;
        if value.data.is_object() { Ok(value) } else { Err("the data of a login is not an object".into()) }
    }

    /// When it ends by time if it is used at this instant and not again.
    pub(crate) fn ends_after_use(&self, used_at: SystemTime) -> SystemTime {
        used_at.checked_add(self.idle).map_or(self.absolute_end, |end| end.min(self.absolute_end))
    }

    pub(crate) fn compare(&self, hash: &Hash, now: SystemTime) -> Match {
        if self.carriers.iter().any(|part| part.kind == CarrierKind::Cookie && part.hash.ct_eq(hash)) {
            return Match::Current;
        }
        // A clock that was set back counts as no time.
        let is_recent = |at: SystemTime| now.duration_since(at).unwrap_or_default() <= RECOGNIZED;
        let is_previous = |previous: &Previous| is_recent(previous.replaced) && previous.hash.ct_eq(hash);
        if self.previous.iter().any(is_previous) { Match::Replaced } else { Match::Wrong }
    }

    pub(crate) fn replace_cookie(&mut self, new: Hash, now: SystemTime) {
        let old = self.carriers.iter_mut().find(|part| part.kind == CarrierKind::Cookie);
        match old {
            Some(part) => {
                self.previous.insert(0, Previous { hash: part.hash, replaced: now });
                self.previous.truncate(MAX_PREVIOUS);
                part.hash = new;
            }
            None => self.carriers.push(CarrierPart { kind: CarrierKind::Cookie, hash: new }),
        }
    }
}

impl UserPart {
    pub(crate) fn new(id: String, principal: &PrincipalId, logged_in: SystemTime) -> Self {
        let (issuer, subject) = (principal.issuer().into(), principal.subject().into());
        Self { id, issuer, subject, logged_in, auth_time: logged_in, amr: Vec::new(), acr: None, label: None }
    }

    pub(crate) fn principal(&self) -> PrincipalId {
        PrincipalId::new(&self.issuer, &self.subject)
    }

    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        self.id == other.id && self.issuer == other.issuer && self.subject == other.subject
    }
}
