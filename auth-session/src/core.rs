//! What is done with records. It knows no requests.

use std::{fmt, sync::Arc, time::SystemTime};

use auth_core::{BoxError, Clock, Secret};
use auth_store::{Record, RecordKey, Records, Revocations, Saved, SavedEnd};

use crate::{
    changes::Changes,
    data::StoredData,
    error::{SessionError, SessionErrorKind},
    events::Ended,
    login::{Found, Login, Stored},
    presented::Presented,
    secret::{NewSecret, random_sid},
    settings::{CookieOut, Settings},
    value::{Match, Refresh, UserPart, Value},
};

/// How often a save is tried again on the newest version. Each time, another one was saved.
pub(crate) const TRIES: usize = 32;

pub(crate) struct Core {
    pub(crate) records: Arc<dyn Records>,
    pub(crate) revocations: Revocations,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) settings: Settings,
}

/// What a handler asks of a login.
#[derive(Clone)]
pub(crate) struct NewLogin {
    pub(crate) user: UserPart,
    pub(crate) remember: bool,
    /// Changes to put on the data that is kept; `None` if no data is kept.
    pub(crate) kept: Option<Changes>,
    /// `Some` for a client that presents refresh tokens and no cookie.
    pub(crate) refresh: Option<Refresh>,
}

/// A login after a change.
pub(crate) struct Changed {
    pub(crate) login: Box<Login>,
    /// Its `since` before the change.
    pub(crate) was_since: SystemTime,
}

impl Core {
    pub(crate) fn now(&self) -> SystemTime {
        self.clock.now()
    }

    /// The login of this cookie. If it is live, its use is noted.
    pub(crate) async fn find(&self, presented: &Presented, now: SystemTime) -> Result<Found, BoxError> {
        let cookie = match presented {
            Presented::Nothing => return Ok(Found::Nobody),
            Presented::Several => return Ok(Found::Several),
            Presented::Unreadable => return Ok(Found::Gone),
            Presented::Cookie(cookie) => cookie,
        };
        let Some(mut login) = self.load(cookie.sid(), now).await? else { return Ok(Found::Gone) };
        match login.compare(&cookie.hash(), now) {
            Match::Wrong => return Ok(Found::Gone),
            Match::Replaced => return Ok(Found::Replaced),
            Match::Current => {}
        }
        let is_live = !login.is_touch_due(now) || self.touch(&mut login, now).await;
        Ok(if is_live { Found::Live(Arc::new(login)) } else { Found::Gone })
    }

    /// As [`find`](Self::find), if the store answers at once and needs not be told of the use.
    pub(crate) fn find_at_once(&self, presented: &Presented, now: SystemTime) -> Option<Found> {
        let Presented::Cookie(cookie) = presented else { return None };
        let record = (*self.records).load_at_once(&Login::key(cookie.sid()))??;
        let login = Self::read(cookie.sid(), record, now).filter(|login| !login.is_touch_due(now))?;
        matches!(login.compare(&cookie.hash(), now), Match::Current).then(|| Found::Live(Arc::new(login)))
    }

    /// The login with this id, if it has not ended.
    pub(crate) async fn load(&self, sid: &str, now: SystemTime) -> Result<Option<Login>, BoxError> {
        let record = (*self.records).load(&Login::key(sid)).await?;
        Ok(record.and_then(|record| Self::read(sid, record, now)))
    }

    fn read(sid: &str, record: impl Into<Arc<Record>>, now: SystemTime) -> Option<Login> {
        match Login::read(record) {
            Ok(login) => (!login.is_over_at(now)).then_some(login),
            Err(cause) => {
                tracing::error!(sid, cause = &*cause, "a stored login is unreadable, and counts as ended");
                None
            }
        }
    }

    /// Notes a use. False if the login has ended meanwhile. A store that fails here has just answered: the request goes on.
    async fn touch(&self, login: &mut Login, now: SystemTime) -> bool {
        let ends_at = login.value.ends_after_use(now);
        match (*self.records).touch(&login.record.key, now, ends_at).await {
            Ok(true) => {
                let record = Arc::make_mut(&mut login.record);
                record.used_at = record.used_at.max(now);
                record.ends_at = record.ends_at.max(ends_at);
                true
            }
            Ok(false) => false,
            Err(cause) => {
                tracing::warn!(sid = login.sid(), cause = &*cause, "the use of a login was not noted");
                true
            }
        }
    }

    /// When a login ends that a connection depends on; `None` if it has ended. `used_at` counts as use if the settings say so.
    pub(crate) async fn end_of(
        &self,
        sid: &str,
        owner: Option<&RecordKey>,
        used_at: SystemTime,
    ) -> Result<Option<SystemTime>, BoxError> {
        let now = self.now();
        let Some(mut login) = self.load(sid, now).await? else { return Ok(None) };
        if login.record.owner.as_ref() != owner {
            return Ok(None);
        }
        let used_at = used_at.min(now);
        if self.settings.sockets_count_as_use && used_at > login.record.used_at {
            let ends_at = login.value.ends_after_use(used_at);
            if !(*self.records).touch(&login.record.key, used_at, ends_at).await? {
                return Ok(None);
            }
            let record = Arc::make_mut(&mut login.record);
            record.ends_at = record.ends_at.max(ends_at);
        }
        Ok((!login.is_over_at(now)).then(|| login.ends_at()))
    }

    /// Stores a record of nobody with this data.
    pub(crate) async fn start(&self, changes: &Changes, now: SystemTime) -> Result<Stored, SessionError> {
        let secret = NewSecret::random().map_err(SessionError::unavailable)?;
        let mut value = self.new_value(false, &secret, now)?;
        if !value.data.change(|data| changes.apply_to(data)) {
            return Err(SessionError::of(SessionErrorKind::TooLarge));
        }
        self.create(value, &secret, now).await.map_err(SessionError::unavailable)
    }

    /// Logs a user in. The login of `current` continues under a new secret if it is nobody's or the user's own. The login of
    /// another user ends first.
    pub(crate) async fn log_in(
        self: &Arc<Self>,
        mut current: Option<Arc<Login>>,
        presented: &Presented,
        new: &NewLogin,
        now: SystemTime,
    ) -> Result<Stored, SessionError> {
        for _ in 0..TRIES {
            let is_one_more = self.is_counted(current.as_deref(), &new.user);
            if is_one_more {
                self.check_room(&new.user).await?;
            }
            let secret = NewSecret::random().map_err(SessionError::unavailable)?;
            let fresh = self.new_value(new.remember, &secret, now)?;
            let earlier = match current.take() {
                Some(earlier)
                    if self.end_unless_continued(&earlier, new).await.map_err(SessionError::unavailable)? =>
                {
                    continue;
                }
                earlier => earlier,
            };
            let mut value = earlier.as_ref().map_or_else(|| fresh.clone(), |earlier| Value::clone(&earlier.value));
            value.user = Some(new.user.clone());
            value.set_refresh(new.refresh.clone());
            (value.idle, value.absolute_end, value.remember) = (fresh.idle, fresh.absolute_end, new.remember);
            match &new.kept {
                Some(changes) if !value.data.change(|data| changes.apply_to(data)) => {
                    return Err(SessionError::of(SessionErrorKind::Filled));
                }
                Some(_) => {}
                None => value.data = StoredData::default(),
            }
            // Never earlier than a mark that this login was moved beyond.
            let since = earlier.as_ref().map_or(now, |earlier| earlier.record.since.max(now));
            if self.is_covered(&new.user, since).await.map_err(SessionError::unavailable)? {
                return Err(SessionError::logins_ended());
            }
            let Some(earlier) = earlier else {
                let stored = self.create(value, &secret, now).await.map_err(SessionError::unavailable)?;
                return self.settle(stored, is_one_more).await;
            };
            value.replace_cookie(secret.hash, now);
            let saved = self.save(&earlier, value, since, Some(now)).await.map_err(SessionError::unavailable)?;
            match saved {
                (Saved::As(_), Some(login)) => {
                    let stored = self.stored(login, &secret, now);
                    return self.settle(stored, is_one_more).await;
                }
                (Saved::Ended, _) => {}
                _ => {
                    let newest = self.load(earlier.sid(), now).await.map_err(SessionError::unavailable)?;
                    // The other request has ended all other logins: this one would be, too, if it had a record of its own.
                    if newest.as_ref().is_some_and(|newest| newest.was_kept_since(&earlier)) {
                        return Err(SessionError::logins_ended());
                    }
                    let goes_on = |newest: &Login| newest.continues(&earlier, presented, now);
                    current = newest.filter(goes_on).map(Arc::new);
                }
            }
        }
        Err(SessionError::of(SessionErrorKind::Busy))
    }

    /// Whether a login does not continue with the new one. It has ended then.
    async fn end_unless_continued(self: &Arc<Self>, login: &Login, new: &NewLogin) -> Result<bool, BoxError> {
        let why = if login.value.user.as_ref().is_some_and(|user| !user.is_same_as(&new.user)) {
            Ended::OtherUser
        } else if self.revocations.is_id_revoked("", login.sid()).await? {
            // Somebody has revoked the id alone. It lets nobody in any more.
            Ended::ById
        } else {
            return Ok(false);
        };
        self.end(login, why).await?;
        Ok(true)
    }

    /// Whether an end of all logins of the user covers a login that counts from `since`: the clock of this node is behind, or the
    /// password was being checked at that moment, and may have changed. So such a login is not moved beyond it: the user tries
    /// again.
    pub(crate) async fn is_covered(&self, user: &UserPart, since: SystemTime) -> Result<bool, BoxError> {
        Ok(self.revocations.is_user_revoked(&user.principal(), since).await?)
    }

    /// Ends a login that was just stored if it may not be.
    async fn settle(self: &Arc<Self>, stored: Stored, is_one_more: bool) -> Result<Stored, SessionError> {
        let stored = self.refuse_if_covered(stored).await?;
        if is_one_more { self.keep_limit(stored).await } else { Ok(stored) }
    }

    /// Ends a login that was just stored if an end of all logins has come in between.
    async fn refuse_if_covered(&self, stored: Stored) -> Result<Stored, SessionError> {
        let Login { record, value, .. } = &stored.login;
        let Some(user) = &value.user else { return Ok(stored) };
        match self.is_covered(user, record.since).await {
            Ok(true) => {
                self.records.end(&record.key).await.map_err(SessionError::unavailable)?;
                Err(SessionError::logins_ended())
            }
            Ok(false) => Ok(stored),
            // Each request asks again. The browser needs its new cookie: the old one opens nothing any more.
            Err(cause) => {
                tracing::warn!(cause = &*cause, "a new login was not compared with the ends of all logins");
                Ok(stored)
            }
        }
    }

    /// Changes a login and stores it, on the version that was read or, if there is a newer one, on the newest. `None` if it has
    /// ended. `change` returns false if there would be too much data. A change that hands out a new secret needs the current one.
    pub(crate) async fn change(
        &self,
        login: &Login,
        presented: &Presented,
        now: SystemTime,
        hands_out_secret: bool,
        since: impl Fn(&Login) -> SystemTime + Sync,
        change: impl Fn(&mut Value) -> bool + Sync,
    ) -> Result<Option<Changed>, SessionError> {
        let mut login = login.clone();
        for _ in 0..TRIES {
            let mut value = Value::clone(&login.value);
            if !change(&mut value) {
                return Err(SessionError::of(SessionErrorKind::Filled));
            }
            let (since, was_since) = (since(&login), login.record.since);
            match self.save(&login, value, since, None).await.map_err(SessionError::unavailable)? {
                (Saved::As(_), Some(stored)) => return Ok(Some(Changed { login: Box::new(stored), was_since })),
                (Saved::Ended, _) => return Ok(None),
                _ => match self.load(login.sid(), now).await.map_err(SessionError::unavailable)? {
                    Some(newest)
                        if newest.continues(&login, presented, now)
                            && !(hands_out_secret && newest.has_replaced(presented, now)) =>
                    {
                        login = newest;
                    }
                    // Another tab has logged in. Its browser has a fresh cookie.
                    Some(newest) if newest.has_replaced(presented, now) => {
                        return Err(SessionError::of(SessionErrorKind::Replaced));
                    }
                    _ => return Ok(None),
                },
            }
        }
        Err(SessionError::of(SessionErrorKind::Busy))
    }

    /// Replaces the secret of a login, after one more factor. It leaves the instant alone from which the login counts: what ends
    /// all logins of the user ends this one too.
    pub(crate) async fn step_up(
        &self,
        login: &Login,
        presented: &Presented,
        change: impl Fn(&mut UserPart) + Sync,
        now: SystemTime,
    ) -> Result<Option<Stored>, SessionError> {
        let secret = NewSecret::random().map_err(SessionError::unavailable)?;
        let changed = self.change(
            login,
            presented,
            now,
            true,
            |login| login.record.since,
            |value| {
                value.replace_cookie(secret.hash, now);
                if let Some(user) = &mut value.user {
                    change(user);
                }
                true
            },
        );
        Ok(changed.await?.map(|changed| self.stored(*changed.login, &secret, now)))
    }

    fn new_value(&self, remember: bool, secret: &NewSecret, now: SystemTime) -> Result<Value, SessionError> {
        let sid = random_sid().map_err(SessionError::unavailable)?;
        Ok(Value::new(&sid, now, self.settings.lifetime(remember), secret.hash))
    }

    async fn create(&self, value: Value, secret: &NewSecret, now: SystemTime) -> Result<Stored, BoxError> {
        let record = Record {
            key: Login::key(&value.sid),
            owner: owner_of(&value),
            indexes: Vec::new(),
            since: now,
            used_at: now,
            ends_at: value.ends_after_use(now),
            version: 1,
            value: value.encode()?.into(),
        };
        if !(*self.records).create(&record).await? {
            return Err("the store already has a login with a random id".into());
        }
        Ok(self.stored(Login::new(record, value), secret, now))
    }

    /// Saves once. The login that was stored, if it was. Its ends begin anew at the instant `used_at`, or stay.
    pub(crate) async fn save(
        &self,
        login: &Login,
        value: Value,
        since: SystemTime,
        used_at: Option<SystemTime>,
    ) -> Result<(Saved, Option<Login>), BoxError> {
        let mut record =
            Record { owner: owner_of(&value), since, value: value.encode()?.into(), ..Record::clone(&login.record) };
        let mut end = SavedEnd::Keep;
        if let Some(used_at) = used_at {
            (record.used_at, record.ends_at, end) = (used_at, value.ends_after_use(used_at), SavedEnd::Replace);
        }
        let saved = (*self.records).save(&record, end).await?;
        let stored = match saved {
            Saved::As(version) => {
                record.version = version;
                Some(Login::new(record, value))
            }
            Saved::Conflict | Saved::Ended => None,
        };
        Ok((saved, stored))
    }

    fn stored(&self, login: Login, secret: &NewSecret, now: SystemTime) -> Stored {
        let value = Secret::new(format!("{}.{}", login.sid(), secret.text.expose()));
        let left = login.value.absolute_end.duration_since(now).unwrap_or_default();
        let max_age = login.value.remember.then_some(left);
        Stored { login, cookie: CookieOut::Set { value, max_age } }
    }
}

fn owner_of(value: &Value) -> Option<RecordKey> {
    value.user.as_ref().map(UserPart::owner)
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core").field("settings", &self.settings).finish_non_exhaustive()
    }
}
