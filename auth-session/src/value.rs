//! What a record of a login holds.

use std::{
    mem,
    time::{Duration, SystemTime},
};

use auth_core::{BoxError, PrincipalId, SharedStr, UserAuthentication};
use auth_store::RecordKey;
use serde::{Deserialize, Serialize};

use crate::{data::StoredData, instant, secret::Hash, settings::Lifetime, shared_str};

/// How long the secret that was replaced is still recognized. It opens nothing: a request that was on its way is told apart from
/// one with an unknown cookie.
const RECOGNIZED: Duration = Duration::from_secs(60);

/// How many of them. A login is often followed by a second factor, and a change of the password by both.
const MAX_PREVIOUS: usize = 4;

/// How long the first use of a refresh token is noted, at least. More than is asked for, since the clocks of nodes differ.
#[cfg(feature = "tokens")]
const NOTED: Duration = Duration::from_secs(60);

/// How many uses are noted at most. An older token ends its login, however recent its use is.
#[cfg(feature = "tokens")]
const MAX_USES: usize = 32;

/// What a store must be able to keep is 64 KiB. This leaves room for what a later version adds.
const MAX_LEN: usize = 60 * 1024;

/// In the order of use: a request reads the first fields alone, which are beside each other in memory.
#[derive(Clone, Deserialize, Serialize)]
#[repr(C)]
pub(crate) struct Value {
    carriers: Carriers,
    #[serde(with = "instant")]
    pub(crate) absolute_end: SystemTime,
    pub(crate) idle: Duration,
    /// `None` as long as nobody has logged in.
    pub(crate) user: Option<UserPart>,
    /// The public id, for lists.
    #[serde(with = "shared_str")]
    pub(crate) sid: SharedStr,
    #[serde(with = "instant")]
    pub(crate) created: SystemTime,
    pub(crate) remember: bool,
    /// The last one first.
    previous: Vec<Previous>,
    pub(crate) data: StoredData,
}

/// The user of a login. In the order of use, too.
#[derive(Clone, Deserialize, Serialize)]
#[repr(C)]
pub(crate) struct UserPart {
    /// What the application finds the user by.
    #[serde(with = "shared_str")]
    pub(crate) id: SharedStr,
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

/// What the client presents.
#[derive(Clone, Deserialize, Serialize)]
struct Carriers {
    /// Of a login with refresh tokens, nobody has the secret.
    cookie: Hash,
    /// Boxed, since most logins have none, and requests read what stands beside it.
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh: Option<Box<Refresh>>,
}

/// How far the refresh tokens of a login have come.
#[derive(Clone, Deserialize, Serialize)]
pub(crate) struct Refresh {
    /// That of the newest token, which nobody has used yet.
    pub(crate) generation: u64,
    /// When its predecessors were used first, the last one first.
    uses: Vec<FirstUse>,
}

#[derive(Clone, Copy, Deserialize, Serialize)]
#[serde(transparent)]
struct FirstUse(#[serde(with = "instant")] SystemTime);

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
            carriers: Carriers { cookie, refresh: None },
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
        let mut value: Self = serde_json::from_slice(json)?;
        if let Some(user) = &mut value.user {
            user.share();
        }
        if value.data.is_object() { Ok(value) } else { Err("the data of a login is not an object".into()) }
    }

    /// When it ends by time if it is used at this instant and not again.
    pub(crate) fn ends_after_use(&self, used_at: SystemTime) -> SystemTime {
        used_at.checked_add(self.idle).map_or(self.absolute_end, |end| end.min(self.absolute_end))
    }

    pub(crate) fn compare(&self, hash: &Hash, now: SystemTime) -> Match {
        if self.carriers.cookie.ct_eq(hash) {
            return Match::Current;
        }
        // A clock that was set back counts as no time.
        let is_recent = |at: SystemTime| now.duration_since(at).unwrap_or_default() <= RECOGNIZED;
        let is_previous = |previous: &Previous| is_recent(previous.replaced) && previous.hash.ct_eq(hash);
        if self.previous.iter().any(is_previous) { Match::Replaced } else { Match::Wrong }
    }

    pub(crate) fn set_refresh(&mut self, refresh: Option<Refresh>) {
        self.carriers.refresh = refresh.map(Box::new);
    }

    #[cfg(feature = "tokens")]
    pub(crate) fn refresh(&self) -> Option<&Refresh> {
        self.carriers.refresh.as_deref()
    }

    pub(crate) fn replace_cookie(&mut self, new: Hash, now: SystemTime) {
        let old = mem::replace(&mut self.carriers.cookie, new);
        self.previous.insert(0, Previous { hash: old, replaced: now });
        self.previous.truncate(MAX_PREVIOUS);
    }
}

#[cfg(feature = "tokens")]
impl Refresh {
    /// That of a new login.
    pub(crate) fn first() -> Self {
        Self { generation: 1, uses: Vec::new() }
    }

    /// When the token of this generation was used first, if that is still noted.
    pub(crate) fn first_use(&self, generation: u64) -> Option<SystemTime> {
        let back = self.generation.checked_sub(1)?.checked_sub(generation)?;
        self.uses.get(usize::try_from(back).ok()?).map(|FirstUse(at)| *at)
    }

    /// The token of this generation is used for the first time.
    pub(crate) fn after_use(&self, generation: u64, now: SystemTime) -> Self {
        // Of those between, the store has lost the use.
        let mut uses = if generation == self.generation { self.uses.clone() } else { Vec::new() };
        // The last one first, so those behind it are older.
        let noted = uses.iter().take_while(|FirstUse(at)| now.duration_since(*at).unwrap_or_default() <= NOTED).count();
        uses.truncate(noted.min(MAX_USES - 1));
        uses.insert(0, FirstUse(now));
        Self { generation: generation.saturating_add(1), uses }
    }
}

impl UserPart {
    pub(crate) fn new(id: String, principal: &PrincipalId, logged_in: SystemTime) -> Self {
        let (id, issuer, subject) = (id.into(), principal.issuer().into(), principal.subject().into());
        let mut user =
            Self { id, issuer, subject, logged_in, auth_time: logged_in, amr: Vec::new(), acr: None, label: None };
        user.share();
        user
    }

    /// The id is often the subject: one text then, which a request reads once.
    fn share(&mut self) {
        if self.id == self.subject {
            self.subject = self.id.clone();
        }
    }

    pub(crate) fn principal(&self) -> PrincipalId {
        PrincipalId::new(&self.issuer, &self.subject)
    }

    /// When and how the user logged in.
    pub(crate) fn authentication(&self) -> UserAuthentication {
        let authentication = UserAuthentication::new().with_time(self.auth_time).with_amr(&self.amr);
        match &self.acr {
            Some(class) => authentication.with_acr(&**class),
            None => authentication,
        }
    }

    /// What owns the record of a login.
    pub(crate) fn owner(&self) -> RecordKey {
        RecordKey::owner(&self.principal())
    }

    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        self.id == other.id && self.issuer == other.issuer && self.subject == other.subject
    }
}
