//! The logins of one user, and how many they may be.

use std::{cmp::Reverse, sync::Arc, time::SystemTime};

use auth_core::BoxError;
use auth_store::RecordKey;

use crate::{
    core::Core,
    error::{SessionError, SessionErrorKind},
    events::Ended,
    limit::{LoginLimit, LoginOverflow},
    login::{Login, Stored},
    secret,
    value::UserPart,
};

impl Core {
    /// The live logins of a user, the last used one first.
    pub(crate) async fn logins_of(&self, owner: &RecordKey) -> Result<Vec<Login>, BoxError> {
        let now = self.now();
        let mut logins = Vec::new();
        for record in self.records.owned(owner).await? {
            let Ok(login) = Login::read(record) else { continue };
            if login.value.user.is_some() && !login.is_over_at(now) {
                logins.push(login);
            }
        }
        logins.sort_by_key(|login| Reverse(login.record.used_at));
        Ok(logins)
    }

    /// Ends the login with this id. False if there is none, or if it is not one of `owner`. `None`: anybody's.
    pub(crate) async fn end_by_id(self: &Arc<Self>, sid: &str, owner: Option<&RecordKey>) -> Result<bool, BoxError> {
        if !secret::is_sid(sid) {
            return Ok(false);
        }
        let Some(login) = self.load(sid, self.now()).await? else { return Ok(false) };
        if owner.is_some() && login.record.owner.as_ref() != owner {
            return Ok(false);
        }
        self.end(&login, Ended::ById).await?;
        Ok(true)
    }

    /// Whether a login of this user on the record of `current` is one login more, which the limit counts.
    pub(crate) fn is_counted(&self, current: Option<&Login>, user: &UserPart) -> bool {
        let is_own = |own: &UserPart| own.is_same_as(user);
        self.settings.max_logins.is_some()
            && !current.is_some_and(|login| login.value.user.as_ref().is_some_and(is_own))
    }

    /// Refuses one login more, before anything has changed, if the user has as many as allowed.
    pub(crate) async fn check_room(&self, user: &UserPart) -> Result<(), SessionError> {
        match self.settings.max_logins {
            Some(LoginLimit { max, overflow: LoginOverflow::RefuseNew }) => {
                let at_most = max.saturating_sub(1);
                let others = self.usable(&user.owner(), at_most).await.map_err(SessionError::unavailable)?;
                if others.len() > at_most { Err(SessionError::of(SessionErrorKind::TooManyLogins)) } else { Ok(()) }
            }
            _ => Ok(()),
        }
    }

    /// Ends what is beyond the limit, now that one login more is stored. Each login is first stored and then looks, so of several at
    /// the same moment the last one to look sees all.
    pub(crate) async fn keep_limit(self: &Arc<Self>, stored: Stored) -> Result<Stored, SessionError> {
        let Some((limit, owner)) = self.settings.max_logins.zip(stored.login.record.owner.as_ref()) else {
            return Ok(stored);
        };
        let own = stored.login.sid();
        let logins = match self.usable(owner, limit.max).await {
            Ok(logins) => logins,
            // The browser needs its new cookie: the old one opens nothing any more.
            Err(cause) => {
                tracing::warn!(cause = &*cause, "a new login was not compared with the limit of logins");
                return Ok(stored);
            }
        };
        if !logins.iter().any(|login| login.sid() == own) {
            // Another one has looked before, and ended it.
            return Err(SessionError::of(SessionErrorKind::TooManyLogins));
        }
        let beyond = beyond(limit, logins, &stored.login);
        let ends_itself = beyond.iter().any(|login| login.sid() == own);
        for login in beyond.iter().filter(|login| login.sid() != own) {
            if let Err(cause) = self.end(login, Ended::Limit).await {
                tracing::warn!(sid = login.sid(), cause = &*cause, "a login beyond the limit was not ended");
            }
        }
        if ends_itself {
            // Nobody has its cookie yet, so nothing hangs on it.
            self.records.end(&stored.login.record.key).await.map_err(SessionError::unavailable)?;
            return Err(SessionError::of(SessionErrorKind::TooManyLogins));
        }
        Ok(stored)
    }

    /// The logins of a user that let somebody in. If there are at most so many, those that were revoked are among them.
    async fn usable(&self, owner: &RecordKey, at_most: usize) -> Result<Vec<Login>, BoxError> {
        let logins = self.logins_of(owner).await?;
        if logins.len() <= at_most {
            return Ok(logins);
        }
        let mut usable = Vec::new();
        for login in logins {
            if self.why_revoked(&login).await?.is_none() {
                usable.push(login);
            }
        }
        Ok(usable)
    }
}

/// Which of these logins, among them `own`, have to end.
fn beyond(limit: LoginLimit, mut logins: Vec<Login>, own: &Login) -> Vec<Login> {
    let excess = logins.len().saturating_sub(limit.max);
    match limit.overflow {
        LoginOverflow::RefuseNew => logins.sort_by(|one, other| place(other).cmp(&place(one))),
        LoginOverflow::EndOldest => {
            // One that began after the own one looks itself.
            logins.retain(|login| place(login) <= place(own));
            // The own one is the last to go: a use of another one must not keep its user out.
            let key = |login: &Login| (login.sid() == own.sid(), login.record.used_at);
            logins.sort_by(|one, other| (key(one), place(one)).cmp(&(key(other), place(other))));
        }
    }
    logins.truncate(excess);
    logins
}

/// The place of a login in the order in which they began. No two have the same.
fn place(login: &Login) -> (SystemTime, &str) {
    (login.value.user.as_ref().map_or(login.value.created, |user| user.logged_in), login.sid())
}
