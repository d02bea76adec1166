//! What is done with records. It knows no requests.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use auth_core::{BoxError, Clock, PrincipalId, Revocation, Secret};
use auth_store::{Record, RecordKey, Records, Revocations, Saved, SavedEnd};

use crate::{
    changes::Changes,
    detached::detached,
    events::{self, Ended},
    login::{Found, Login, Stored},
    presented::Presented,
    secret::{NewSecret, random_sid},
    settings::{CookieOut, LONGEST, Settings},
    value::{Match, UserPart, Value},
};

/// How often a save is tried again on the newest version. Each time, another one was saved.
const TRIES: usize = 32;

/// How far the current login is moved beyond the mark that ends all others. Stores keep nanoseconds.
const BEYOND: Duration = Duration::from_nanos(1);

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
}

/// What became of changes.
pub(crate) enum Changed {
    Stored(Box<Login>),
    /// The login has ended, or belongs to somebody else now. The changes are dropped.
    Ended,
}

impl Core {
    pub(crate) fn now(&self) -> SystemTime {
        self.clock.now()
    }

    /// The login of this cookie. If it is live, its use is noted.
    pub(crate) async fn find(&self, presented: &Presented, now: SystemTime) -> Result<Found, BoxError> {
        let (sid, hash) = match presented {
            Presented::Nothing => return Ok(Found::Nobody),
            Presented::Several => return Ok(Found::Several),
            Presented::Unreadable => return Ok(Found::Gone),
            Presented::Cookie { sid, hash } => (sid, hash),
        };
        let Some(mut login) = self.load(sid, now).await? else { return Ok(Found::Gone) };
        match login.compare(hash, now) {
            Match::Wrong => return Ok(Found::Gone),
            Match::Replaced => return Ok(Found::Replaced),
            Match::Current => {}
        }
        let is_live = !login.is_touch_due(now) || self.touch(&mut login, now).await;
        Ok(if is_live { Found::Live(Arc::new(login)) } else { Found::Gone })
    }

    /// The login with this id, if it has not ended.
    pub(crate) async fn load(&self, sid: &str, now: SystemTime) -> Result<Option<Login>, BoxError> {
        let Some(record) = self.records.load(&Login::key(sid)).await? else { return Ok(None) };
        match Login::read(record) {
            Ok(login) => Ok((!login.is_over_at(now)).then_some(login)),
            Err(cause) => {
                tracing::error!(sid, cause = &*cause, "a stored login is unreadable, and counts as ended");
                Ok(None)
            }
        }
    }

    /// Notes a use. False if the login has ended meanwhile. A store that fails here has just answered: the request goes on.
    async fn touch(&self, login: &mut Login, now: SystemTime) -> bool {
        let ends_at = login.value.ends_after_use(now);
        match self.records.touch(&login.record.key, now, ends_at).await {
            Ok(true) => {
                login.record.used_at = login.record.used_at.max(now);
                login.record.ends_at = login.record.ends_at.max(ends_at);
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
            if !self.records.touch(&login.record.key, used_at, ends_at).await? {
                return Ok(None);
            }
            login.record.ends_at = login.record.ends_at.max(ends_at);
        }
        Ok((!login.is_over_at(now)).then(|| login.ends_at()))
    }

    /// Stores a record of nobody with this data.
    pub(crate) async fn start(&self, changes: &Changes, now: SystemTime) -> Result<Stored, BoxError> {
        let secret = NewSecret::random()?;
        let mut value = Value::new(&random_sid()?, now, self.settings.lifetime(false), secret.hash);
        changes.apply_to(&mut value.data);
        self.create(value, &secret, now).await
    }

    /// Logs a user in. The login of `current` continues under a new secret if it is nobody's or the user's own. The login of
    /// another user ends first.
    pub(crate) async fn log_in(
        self: &Arc<Self>,
        mut current: Option<Arc<Login>>,
        presented: &Presented,
        new: &NewLogin,
        now: SystemTime,
    ) -> Result<Stored, BoxError> {
        for _ in 0..TRIES {
            let secret = NewSecret::random()?;
            let mut value = Value::new(&random_sid()?, now, self.settings.lifetime(new.remember), secret.hash);
            (value.user, value.remember) = (Some(new.user.clone()), new.remember);
            let Some(login) = current.take() else {
                if let Some(changes) = &new.kept {
                    changes.apply_to(&mut value.data);
                }
                return self.create(value, &secret, now).await;
            };
            if login.value.user.as_ref().is_some_and(|user| !user.is_same_as(&new.user)) {
                self.end(&login, Ended::OtherUser).await?;
                continue;
            }
            // Somebody has revoked the id alone. It lets nobody in any more.
            if self.revocations.is_id_revoked("", login.sid()).await? {
                self.end(&login, Ended::ById).await?;
                continue;
            }
            let mut next = login.value.clone();
            next.user = value.user;
            (next.idle, next.absolute_end, next.remember) = (value.idle, value.absolute_end, value.remember);
            match &new.kept {
                Some(changes) => changes.apply_to(&mut next.data),
                None => next.data.clear(),
            }
            next.replace_cookie(secret.hash, now);
            // Never earlier than a mark that this login was moved beyond.
            let since = login.record.since.max(now);
            match self.save(&login, next, since, Some(now)).await? {
                (Saved::As(_), Some(login)) => return Ok(self.stored(login, &secret, now)),
                (Saved::Ended, _) => {}
                _ => {
                    let newest = self.load(login.sid(), now).await?;
                    let goes_on = |newest: &Login| newest.continues(&login, presented.hash(), now);
                    current = newest.filter(goes_on).map(Arc::new);
                }
            }
        }
        Err("a login was saved too often at the same time".into())
    }

    /// Changes a login and stores it, on the version that was read or, if there is a newer one, on the newest.
    pub(crate) async fn change(
        &self,
        login: &Login,
        presented: &Presented,
        now: SystemTime,
        since: impl Fn(&Login) -> SystemTime + Sync,
        change: impl Fn(&mut Value) + Sync,
    ) -> Result<Changed, BoxError> {
        let mut login = login.clone();
        for _ in 0..TRIES {
            let mut value = login.value.clone();
            change(&mut value);
            let since = since(&login);
            match self.save(&login, value, since, None).await? {
                (Saved::As(_), Some(stored)) => return Ok(Changed::Stored(Box::new(stored))),
                (Saved::Ended, _) => return Ok(Changed::Ended),
                _ => match self.load(login.sid(), now).await? {
                    Some(newest) if newest.continues(&login, presented.hash(), now) => login = newest,
                    _ => return Ok(Changed::Ended),
                },
            }
        }
        Err("a login was saved too often at the same time".into())
    }

    /// Replaces the secret of a login, after one more factor.
    pub(crate) async fn step_up(
        &self,
        login: &Login,
        presented: &Presented,
        change: impl Fn(&mut UserPart) + Sync,
        now: SystemTime,
    ) -> Result<Option<Stored>, BoxError> {
        let secret = NewSecret::random()?;
        let changed = self.change(
            login,
            presented,
            now,
            |login| login.record.since.max(now),
            |value| {
                value.replace_cookie(secret.hash, now);
                if let Some(user) = &mut value.user {
                    change(user);
                }
            },
        );
        Ok(match changed.await? {
            Changed::Stored(login) => Some(self.stored(*login, &secret, now)),
            Changed::Ended => None,
        })
    }

    /// Ends a login on all nodes: the revocation first, then the record. It continues if the client disconnects.
    pub(crate) async fn end(self: &Arc<Self>, login: &Login, why: Ended) -> Result<(), BoxError> {
        let (core, sid, key) = (Arc::clone(self), login.value.sid.clone(), login.record.key.clone());
        // Another request may have logged in on this record meanwhile, for longer than it was made for.
        let now = self.now();
        let last = now.checked_add(self.settings.longest()).unwrap_or(now).max(login.value.absolute_end);
        detached(async move {
            let own = std::iter::once("");
            let issuers = own.chain(core.settings.token_issuers.iter().map(String::as_str));
            let all: Vec<_> = issuers.map(|issuer| Revocation::session(issuer, &*sid).ends_at(last)).collect();
            core.revocations.revoke_all(&all).await?;
            if core.records.end(&key).await? {
                events::ended(&sid, why);
            }
            Ok(())
        })
        .await
    }

    /// Ends all logins of a user that began up to now. `kept` was moved beyond it, and lives on.
    pub(crate) async fn end_all(
        self: &Arc<Self>,
        user: &PrincipalId,
        until: SystemTime,
        kept: Option<Box<str>>,
    ) -> Result<(), BoxError> {
        let (core, user) = (Arc::clone(self), user.clone());
        detached(async move {
            core.revocations.revoke(&Revocation::user(user.clone(), until)).await?;
            // Nodes may have other settings, and earlier ones may have been longer.
            let keep_until = until.checked_add(LONGEST).unwrap_or(until);
            core.records.end_owned(&RecordKey::owner(&user), until, keep_until).await?;
            events::all_ended(kept.as_deref());
            Ok(())
        })
        .await
    }

    /// Moves a login beyond the mark that ends all of its user up to `until`.
    pub(crate) async fn move_beyond(
        &self,
        login: &Login,
        presented: &Presented,
        until: SystemTime,
    ) -> Result<Changed, BoxError> {
        let beyond = until.checked_add(BEYOND).unwrap_or(until);
        self.change(login, presented, until, |login| login.record.since.max(beyond), |_| {}).await
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
            value: value.encode()?,
        };
        if !self.records.create(&record).await? {
            return Err("the store already has a login with a random id".into());
        }
        Ok(self.stored(Login { record, value }, secret, now))
    }

    /// Saves once. The login that was stored, if it was. Its ends begin anew at the instant `used_at`, or stay.
    async fn save(
        &self,
        login: &Login,
        value: Value,
        since: SystemTime,
        used_at: Option<SystemTime>,
    ) -> Result<(Saved, Option<Login>), BoxError> {
        let mut record = Record { owner: owner_of(&value), since, value: value.encode()?, ..login.record.clone() };
        let mut end = SavedEnd::Keep;
        if let Some(used_at) = used_at {
            (record.used_at, record.ends_at, end) = (used_at, value.ends_after_use(used_at), SavedEnd::Replace);
        }
        let saved = self.records.save(&record, end).await?;
        let stored = match saved {
            Saved::As(version) => {
                record.version = version;
                Some(Login { record, value })
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
    value.user.as_ref().map(|user| RecordKey::owner(&user.principal()))
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core").field("settings", &self.settings).finish_non_exhaustive()
    }
}
