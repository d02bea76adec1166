use std::{fmt, sync::Arc};

use auth_core::{Principal, PrincipalId, Refusal};
use auth_store::RecordKey;
use http::Extensions;
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    detached::detached,
    error::{SessionError, SessionErrorKind},
    events::{self, Ended},
    handle::Handle,
    info::LoginInfo,
    log_in::{LogIn, MAX_METHODS, cut},
    login::{Found, Login},
    return_to::ReturnTo,
    value::UserPart,
};

/// The name under which a session keeps where to go after the login.
const RETURN_TO: &str = "auth.return_to";

/// The session of the request: login, logout, and data that lives as long as it.
///
/// As an argument of an axum handler it is read from the store before the handler runs; if the store is down, the client reads
/// 503. For other servers, see [`of`](Self::of). It needs the [`SessionLayer`](crate::SessionLayer).
///
/// # What is stored when
/// [`login`](Self::login), [`logout`](Self::logout), [`step_up`](Self::step_up), [`end_login`](Self::end_login) and
/// [`end_others`](Self::end_others) act at once: if they return `Ok`, it is stored. What was [inserted](Self::insert) and
/// [removed](Self::remove) is stored in one save when the handler has answered, before the head of the response goes out. If that fails, the client reads 503 instead of the
/// handler's response. If another request has saved meanwhile, the inserts and removes are done again on the newest data, so
/// both changes are there. If they don't fit together, or if others save each time, the client reads 409 `session_conflict`; if another
/// tab has logged in, 409 `session_replaced`. If the login has ended meanwhile, they are dropped.
///
/// A visitor who is not logged in has no record until something is inserted. Such a session lives as long as a login without
/// "remember me".
///
/// # Security
/// A browser adds the cookie to requests of every page, and a foreign page could also log its visitor in as somebody else. So a
/// request whose method is not `GET`, `HEAD`, `OPTIONS` or `TRACE` changes nothing if a foreign page may have sent it: every method
/// that changes the session fails with [`CrossSite`](SessionErrorKind::CrossSite), 403 `cross_site`. Reading is free.
///
/// | The request comes from | |
/// |---|---|
/// | a page of the public origin, or of [`allow_origins`](crate::SessionsBuilder::allow_origins) | may change the session |
/// | a foreign page | may not, with or without a cookie |
/// | it does not say, and it has any cookie | may not: programs with cookies send `Origin` |
/// | it does not say, and it has no cookie: a program | may: it can log in |
/// | any, to a path that is [exempt](crate::SessionsBuilder::csrf_exempt) | may |
///
/// [`OriginPolicy::judge_write`](auth_core::OriginPolicy::judge_write) says how a page is known. The rule does not look at
/// requests with `GET`, so that a provider can send a user back with one, as OAuth does. A handler for `GET` that changes the session
/// has to find out by itself who caused the request: such a callback compares a `state` that it has bound to the browser.
///
/// # When the client disconnects
/// The server then drops the handler. What was inserted is lost. A login that was stored stays, but nobody has its cookie. A
/// logout, `end_login` and `end_others` that have begun are finished, on a tokio runtime.
pub struct Session<U> {
    handle: Handle<U>,
}

impl<U: Principal> Session<U> {
    /// The session of a request, by its extensions.
    ///
    /// # Errors
    /// 503 if the store is down. 500 if the layer is missing; the log says so.
    pub async fn of(extensions: &Extensions) -> Result<Self, Refusal> {
        let handle = Handle::of(extensions)?.clone();
        handle.load(handle.core().now()).await.map_err(Refusal::unavailable)?;
        Ok(Self { handle })
    }

    /// The public id of the session; `None` if there is none yet. It stays the same as long as the user does.
    #[must_use]
    pub fn sid(&self) -> Option<String> {
        self.handle.state().live().map(|login| login.sid().to_owned())
    }

    /// Whether somebody is logged in. It does not ask whether the user still exists: a chain does.
    #[must_use]
    pub fn is_logged_in(&self) -> bool {
        self.handle.state().live().is_some_and(|login| login.value.user.is_some())
    }

    /// Who is logged in, as the record of the login says; `None` for nobody. It does not ask whether the user still exists: a
    /// chain does.
    #[must_use]
    pub fn principal(&self) -> Option<PrincipalId> {
        let state = self.handle.state();
        state.live()?.value.user.as_ref().map(UserPart::principal)
    }

    /// The value under this name. `None` if there is none, or if it is not a `T`; the log tells these two apart.
    #[must_use]
    pub fn get<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        let state = self.handle.state();
        let data = state.live().map(|login| login.data());
        let json = state.changes.get(name, data)?.clone();
        match serde_json::from_value(json) {
            Ok(value) => Some(value),
            Err(_) => {
                tracing::warn!(name, wanted = std::any::type_name::<T>(), "a value of a session has another type");
                None
            }
        }
    }

    /// Keeps a value under this name. All data of a session has at most 16 KiB, as JSON. After the response, a change is lost, and
    /// the log says so.
    ///
    /// # Errors
    /// [`TooLarge`](SessionErrorKind::TooLarge) or [`NotJson`](SessionErrorKind::NotJson).
    /// [`Replaced`](SessionErrorKind::Replaced): another tab has just replaced the cookie.
    /// [`CrossSite`](SessionErrorKind::CrossSite): see [the type](Self#security). Nothing has changed then.
    ///
    /// # Security
    /// A visitor who is not logged in gets a record for it. Where anybody can cause that, anybody can fill the store; limit such
    /// requests.
    pub fn insert<T: Serialize>(&self, name: &str, value: T) -> Result<(), SessionError> {
        self.handle.check_change()?;
        self.warn_if_late(name);
        let json = serde_json::to_value(value).map_err(SessionError::not_json)?;
        let mut guard = self.handle.state();
        let state = &mut *guard;
        let data = match &state.found {
            Some(Found::Live(login)) => Some(login.data()),
            _ => None,
        };
        state.changes.insert(name, json, data)
    }

    /// Removes the value under this name, if there is one.
    ///
    /// # Errors
    /// [`Replaced`](SessionErrorKind::Replaced) or [`CrossSite`](SessionErrorKind::CrossSite). Nothing has changed then.
    pub fn remove(&self, name: &str) -> Result<(), SessionError> {
        self.handle.check_change()?;
        self.warn_if_late(name);
        let mut guard = self.handle.state();
        let state = &mut *guard;
        let is_kept = state.live().is_some_and(|login| login.data().contains_key(name));
        if is_kept || state.changes.get(name, None).is_some() {
            state.changes.remove(name);
        }
        Ok(())
    }

    /// Keeps where to go after the login. Returns false, and keeps nothing, if it is not a local path: see [`ReturnTo`].
    ///
    /// # Errors
    /// As for [`insert`](Self::insert).
    pub fn set_return_to(&self, target: &str) -> Result<bool, SessionError> {
        match ReturnTo::parse(target) {
            Some(target) => self.insert(RETURN_TO, target.as_str()).map(|()| true),
            None => Ok(false),
        }
    }

    /// Where to go after the login.
    #[cfg(feature = "password")]
    pub(crate) fn return_to(&self) -> Option<ReturnTo> {
        ReturnTo::parse(&self.get::<String>(RETURN_TO)?)
    }

    /// Where to go after the login, once: it is removed. Call it before the login, which drops the data. `None` if there is none,
    /// and if the request may not change the session.
    #[must_use]
    pub fn take_return_to(&self) -> Option<ReturnTo> {
        let target: Option<String> = self.get(RETURN_TO);
        self.remove(RETURN_TO).ok()?;
        ReturnTo::parse(&target?)
    }

    /// Logs the user in: `session.login(&user).remember(true).await?`. Only call it when the user has proved who it is.
    ///
    /// | The visitor has | |
    /// |---|---|
    /// | no session, or one that has ended | a new one, with a new id |
    /// | a session of nobody | it goes on under a new secret, without its data unless [`keep_data`](LogIn::keep_data) |
    /// | an own login | the same: a second login replaces the secret, and all ends begin anew |
    /// | the login of another user | that one ends on all nodes; a new one, with a new id |
    ///
    /// The cookie from before opens nothing afterwards (ASVS 7.2.4). A request with it that was already on its way is not
    /// logged in, but leaves the new cookie alone.
    ///
    /// # Errors
    /// [`Unavailable`](SessionErrorKind::Unavailable): the store is down, or [`SessionUsers::id`](crate::SessionUsers::id)
    /// failed. Nobody is logged in, and the response has no new cookie. Also after the response, such as over an open socket.
    /// [`LoginsEnded`](SessionErrorKind::LoginsEnded): all logins of the user have just ended, perhaps by a clock that is ahead of
    /// this one. Ask the user to log in again.
    /// [`TooManyLogins`](SessionErrorKind::TooManyLogins): see [`max_logins`](crate::SessionsBuilder::max_logins).
    /// [`Filled`](SessionErrorKind::Filled): other requests have filled the session whose data is kept.
    /// [`Busy`](SessionErrorKind::Busy): others saved it each time. Try again.
    /// [`CrossSite`](SessionErrorKind::CrossSite): see [the type](Self#security).
    pub fn login<'s>(&'s self, user: &'s U) -> LogIn<'s, U> {
        LogIn::new(&self.handle, user)
    }

    /// Notes that the user has just proved who it is once more, by these methods (RFC 8176): `["otp"]`. They are added to those
    /// of the login; `acr` takes the place of the earlier one. It replaces the secret of the cookie, not the id of the login.
    ///
    /// # Errors
    /// [`NotLoggedIn`](SessionErrorKind::NotLoggedIn), [`Unavailable`](SessionErrorKind::Unavailable),
    /// [`CrossSite`](SessionErrorKind::CrossSite), [`Replaced`](SessionErrorKind::Replaced): another tab has just replaced the cookie,
    /// or [`Busy`](SessionErrorKind::Busy): try again.
    pub async fn step_up(&self, amr: &[&str], acr: Option<&str>) -> Result<(), SessionError> {
        self.handle.check_site()?;
        if self.handle.is_closed() {
            return Err(SessionError::late());
        }
        let _turn = self.handle.turn().await;
        let (core, now) = (self.handle.core(), self.handle.core().now());
        let login = self.logged_in()?;
        let change = |user: &mut UserPart| {
            user.auth_time = now;
            for method in amr {
                if !user.amr.iter().any(|known| known == method) && user.amr.len() < MAX_METHODS {
                    user.amr.push(cut(method));
                }
            }
            if let Some(class) = acr {
                user.acr = Some(cut(class));
            }
        };
        let stepped = if let Some(why) = core.why_revoked(&login).await.map_err(SessionError::unavailable)? {
            core.end(&login, why).await.map_err(SessionError::unavailable)?;
            None
        } else {
            core.step_up(&login, self.handle.presented(), change, now).await?
        };
        match stepped {
            Some(stored) => {
                events::logged_in(stored.login.sid(), stored.login.value.remember, true);
                self.handle.state().set_stored(stored, true);
                Ok(())
            }
            None => {
                self.handle.set_gone();
                Err(SessionError::of(SessionErrorKind::NotLoggedIn))
            }
        }
    }

    /// Ends the session on all nodes: first what hangs on it (open sockets, tokens with its id), then the record, then the
    /// browser's cookie. Its data is gone. Without a session it does nothing, and is `Ok`.
    ///
    /// # Errors
    /// [`Unavailable`](SessionErrorKind::Unavailable): don't tell the user that it is logged out.
    /// [`Replaced`](SessionErrorKind::Replaced): another tab has just replaced the cookie.
    /// [`Ambiguous`](SessionErrorKind::Ambiguous): there are several cookies, and the user's own may be any of them.
    /// [`CrossSite`](SessionErrorKind::CrossSite): see [the type](Self#security).
    pub async fn logout(&self) -> Result<(), SessionError> {
        self.handle.check_site()?;
        let _turn = self.handle.turn().await;
        let found = self.handle.state().found.clone();
        match found {
            Some(Found::Live(login)) => {
                let ended = self.handle.core().end(&login, Ended::Logout);
                ended.await.map_err(SessionError::unavailable)?;
            }
            Some(Found::Replaced) => return Err(SessionError::of(SessionErrorKind::Replaced)),
            Some(Found::Several) => return Err(SessionError::of(SessionErrorKind::Ambiguous)),
            // There is nothing to end, and perhaps a cookie to remove.
            Some(Found::Nobody) => return Ok(()),
            Some(Found::Gone) | None => {}
        }
        self.handle.state().set_gone(Found::Nobody);
        Ok(())
    }

    /// The logins of the user who is logged in, the last used one first. [`is_current`](LoginInfo::is_current) tells which one is this
    /// session. For a page on which users see where they are logged in.
    ///
    /// # Errors
    /// [`NotLoggedIn`](SessionErrorKind::NotLoggedIn), [`Replaced`](SessionErrorKind::Replaced) or
    /// [`Unavailable`](SessionErrorKind::Unavailable).
    pub async fn logins(&self) -> Result<Vec<LoginInfo>, SessionError> {
        let (own, owner) = self.usable().await?;
        let logins = self.handle.core().logins_of(&owner).await.map_err(SessionError::unavailable)?;
        Ok(logins.iter().map(|login| LoginInfo::new(login).current(login.sid() == own.sid())).collect())
    }

    /// Ends one login of the user who is logged in, by its public id, on all nodes: first what hangs on it (open sockets, tokens with
    /// its id), then the record. The own one is [logged out](Self::logout), and the browser forgets the cookie.
    ///
    /// # Errors
    /// [`NoSuchLogin`](SessionErrorKind::NoSuchLogin): the user has no such login. A login of somebody else, an unknown one, one
    /// that has ended and a malformed id are the same. [`NotLoggedIn`](SessionErrorKind::NotLoggedIn), also if this login has ended
    /// or was revoked meanwhile. [`Replaced`](SessionErrorKind::Replaced). [`Unavailable`](SessionErrorKind::Unavailable): don't tell the user that
    /// the login has ended. [`CrossSite`](SessionErrorKind::CrossSite): see [the type](Self#security).
    pub async fn end_login(&self, sid: &str) -> Result<(), SessionError> {
        self.handle.check_site()?;
        if sid == self.logged_in()?.sid() {
            return self.logout().await;
        }
        let (_, owner) = self.usable().await?;
        match self.handle.core().end_by_id(sid, Some(&owner)).await.map_err(SessionError::unavailable)? {
            true => Ok(()),
            false => Err(SessionError::of(SessionErrorKind::NoSuchLogin)),
        }
    }

    /// Ends all other logins of the user, and all tokens that were issued to the user up to now. For use after a change of the
    /// password (ASVS 7.4.3). This login lives on; its open sockets close too, and may open again at once.
    ///
    /// # Errors
    /// [`NotLoggedIn`](SessionErrorKind::NotLoggedIn). [`Unavailable`](SessionErrorKind::Unavailable) or
    /// [`Busy`](SessionErrorKind::Busy): some may not have ended; try again. [`Replaced`](SessionErrorKind::Replaced): another tab has
    /// just replaced the cookie; none has ended. [`CrossSite`](SessionErrorKind::CrossSite): see [the type](Self#security).
    pub async fn end_others(&self) -> Result<(), SessionError> {
        self.handle.check_site()?;
        let session = self.share();
        detached(async move { session.end_others_to_the_end().await }).await
    }

    /// The same session.
    pub(crate) fn share(&self) -> Self {
        Self { handle: self.handle.clone() }
    }

    async fn end_others_to_the_end(&self) -> Result<(), SessionError> {
        let _turn = self.handle.turn().await;
        let core = self.handle.core();
        let login = self.logged_in()?;
        let until = core.now();
        let user = login.value.user.as_ref().map(UserPart::principal);
        match (core.move_beyond(&login, self.handle.presented(), until).await?, user) {
            (Some(stored), Some(user)) => {
                let kept = Some(stored.sid().into());
                self.handle.state().found = Some(Found::Live(stored.into()));
                core.end_all(&user, until, kept).await.map_err(SessionError::unavailable)
            }
            (_, user) => {
                self.handle.set_gone();
                // This login has ended meanwhile. The others still have to.
                if let Some(user) = user {
                    core.end_all(&user, until, None).await.map_err(SessionError::unavailable)?;
                }
                Err(SessionError::of(SessionErrorKind::NotLoggedIn))
            }
        }
    }

    /// Whether the request may change the session.
    #[cfg(feature = "password")]
    pub(crate) fn check_site(&self) -> Result<(), SessionError> {
        self.handle.check_site()
    }

    fn warn_if_late(&self, name: &str) {
        if self.handle.is_closed() {
            tracing::warn!(name, "a session was changed after the response, and the change is lost");
        }
    }

    /// The login, if it still lets its user in, and what owns its record. A handler may have no chain before it, and may keep a
    /// session for long: a login that has ended or was revoked must neither see nor end others.
    async fn usable(&self) -> Result<(Arc<Login>, RecordKey), SessionError> {
        let (core, login) = (self.handle.core(), self.logged_in()?);
        let newest = core.load(login.sid(), core.now()).await.map_err(SessionError::unavailable)?;
        if let Some(newest) = newest
            && let Some(owner) = newest.record.owner.clone()
            && login.record.owner.as_ref() == Some(&owner)
            && core.why_revoked(&newest).await.map_err(SessionError::unavailable)?.is_none()
        {
            return Ok((login, owner));
        }
        self.handle.set_gone();
        Err(SessionError::of(SessionErrorKind::NotLoggedIn))
    }

    fn logged_in(&self) -> Result<Arc<Login>, SessionError> {
        let state = self.handle.state();
        match &state.found {
            Some(Found::Live(login)) if login.value.user.is_some() => Ok(login.clone()),
            Some(Found::Replaced) => Err(SessionError::of(SessionErrorKind::Replaced)),
            _ => Err(SessionError::of(SessionErrorKind::NotLoggedIn)),
        }
    }
}

impl<U> fmt::Debug for Session<U> {
    /// Omits the data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}
