use std::{
    ops::Deref,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::SystemTime,
};

use auth_core::{BoxError, KnownCredential};
use auth_store::{Record, RecordKey};

use crate::{
    data::Data,
    presented::Presented,
    secret::Hash,
    settings::{CookieOut, Settings},
    value::{Match, Value},
};

/// A login as it was read from the store, or as it was just stored.
#[derive(Clone)]
pub(crate) struct Login {
    pub(crate) record: Arc<Record>,
    pub(crate) value: Arc<Decoded>,
    data: OnceLock<Data>,
}

/// What the value of a record means. A store in memory keeps it with the record, so it must not hold what keeps the store alive, or
/// itself. What is known stands first: a request reads it, and the beginning of the value.
#[repr(C)]
pub(crate) struct Decoded {
    known: Mutex<Option<Known>>,
    value: Value,
}

/// What a request with the login is accepted with, as long as nobody notes a use.
struct Known {
    used_at: SystemTime,
    ends_at: SystemTime,
    credential: KnownCredential,
}

impl Decoded {
    fn new(value: Value) -> Self {
        Self { value, known: Mutex::default() }
    }
}

impl Deref for Decoded {
    type Target = Value;

    fn deref(&self) -> &Value {
        &self.value
    }
}

/// What the store has for the cookie of a request.
#[derive(Clone)]
pub(crate) enum Found {
    /// There is no cookie.
    Nobody,
    /// There are several different ones.
    Several,
    /// The login is unknown or has ended.
    Gone,
    /// The secret was replaced a moment ago.
    Replaced,
    Live(Arc<Login>),
}

impl Login {
    /// `Err` if the record is not one of a login.
    pub(crate) fn read(record: impl Into<Arc<Record>>) -> Result<Self, BoxError> {
        let record = record.into();
        let value = record.value.decoded(|json| Value::decode(json).map(Decoded::new))?;
        Ok(Self { record, value, data: OnceLock::new() })
    }

    pub(crate) fn new(record: Record, value: Value) -> Self {
        Self { record: Arc::new(record), value: Arc::new(Decoded::new(value)), data: OnceLock::new() }
    }

    /// What the application keeps. It is read once.
    pub(crate) fn data(&self) -> &Data {
        self.data.get_or_init(|| self.value.data.read())
    }

    /// What a request with it is accepted with. `make` is called when it is not known.
    pub(crate) fn known(&self, make: impl FnOnce() -> KnownCredential) -> KnownCredential {
        let (used_at, ends_at) = (self.record.used_at, self.ends_at());
        let mut kept = self.value.known.lock().unwrap_or_else(PoisonError::into_inner);
        match &*kept {
            Some(known) if known.used_at == used_at && known.ends_at == ends_at => known.credential.clone(),
            _ => {
                let credential = make();
                *kept = Some(Known { used_at, ends_at, credential: credential.clone() });
                credential
            }
        }
    }

    /// The public id.
    pub(crate) fn sid(&self) -> &str {
        &self.value.sid
    }

    pub(crate) fn key(sid: &str) -> RecordKey {
        RecordKey::of_id("login", sid)
    }

    /// When it ends by time, exclusive.
    pub(crate) fn ends_at(&self) -> SystemTime {
        self.record.ends_at.min(self.value.absolute_end)
    }

    pub(crate) fn is_over_at(&self, now: SystemTime) -> bool {
        now >= self.ends_at()
    }

    pub(crate) fn is_touch_due(&self, now: SystemTime) -> bool {
        Settings::is_touch_due(self.value.idle, self.record.used_at, now)
    }

    pub(crate) fn compare(&self, hash: &Hash, now: SystemTime) -> Match {
        self.value.compare(hash, now)
    }

    /// Whether a change that was made on `earlier` may be made on this: nobody else has logged in meanwhile.
    pub(crate) fn continues(&self, earlier: &Self, presented: &Presented, now: SystemTime) -> bool {
        match (&self.value.user, &earlier.value.user) {
            (Some(user), Some(before)) => user.is_same_as(before),
            (None, None) => presented.hash().is_some_and(|hash| matches!(self.compare(&hash, now), Match::Current)),
            _ => false,
        }
    }

    /// Whether it was moved beyond an end of all logins since it was read as `earlier`.
    pub(crate) fn was_kept_since(&self, earlier: &Self) -> bool {
        let since = self.record.since;
        since > earlier.record.since && self.value.user.as_ref().is_some_and(|user| user.logged_in < since)
    }

    /// Whether the cookie of a request was replaced a moment ago.
    pub(crate) fn has_replaced(&self, presented: &Presented, now: SystemTime) -> bool {
        presented.hash().is_some_and(|hash| matches!(self.compare(&hash, now), Match::Replaced))
    }
}

/// A login that was stored, and the cookie for its browser.
pub(crate) struct Stored {
    pub(crate) login: Login,
    pub(crate) cookie: CookieOut,
}
