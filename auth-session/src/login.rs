use std::{
    sync::{Arc, OnceLock},
    time::SystemTime,
};

use auth_core::BoxError;
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
    pub(crate) record: Record,
    pub(crate) value: Arc<Value>,
    data: OnceLock<Data>,
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
    pub(crate) fn read(record: Record) -> Result<Self, BoxError> {
        let value = record.value.decoded(Value::decode)?;
        Ok(Self { record, value, data: OnceLock::new() })
    }

    pub(crate) fn new(record: Record, value: Value) -> Self {
        Self { record, value: Arc::new(value), data: OnceLock::new() }
    }

    /// What the application keeps. It is read once.
    pub(crate) fn data(&self) -> &Data {
        self.data.get_or_init(|| self.value.data.read())
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
