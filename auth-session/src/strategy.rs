use std::{fmt, sync::Arc, time::SystemTime};

use async_trait::async_trait;
use auth_core::{
    Accept, AuthRequest, BoxError, Carrier, Challenge, EndCheck, Extras, KnownCredential, Outcome, Principal,
    Rejection, Start, Strategy,
};

use crate::{
    core::Core,
    events::Ended,
    handle::{Handle, Shared},
    info::LoginInfo,
    login::{Found, Login},
    presented::Presented,
    value::UserPart,
};

/// Accepts the cookie of a login. Made by [`Sessions::strategy`](crate::Sessions::strategy); its name is `session`.
///
/// | The request has | Outcome | The browser's cookie |
/// |---|---|---|
/// | no cookie of our name, or an empty one | absent | |
/// | several with different values: one may be planted | 400 `invalid_request` | stays |
/// | one that is too long, malformed, unknown, expired or ended | absent; a 401 says `session_expired` | is removed |
/// | one whose secret a login in another tab replaced less than a minute ago | absent | stays |
/// | one of a session in which nobody has logged in | absent | stays |
/// | one of a user whom the application does not know any more | the login ends; absent, `session_expired` | is removed |
/// | a good one | accepted | |
/// | any, and the store or the users cannot be asked | 503 | stays |
///
/// The [`SessionLayer`](crate::SessionLayer) removes cookies; without it, they stay.
///
/// The evidence has the id of the login as its session and as its credential id, so a revocation of either ends what hangs on
/// it; the earlier of idle and absolute end, which an open socket looks up again; [`UserAuthentication`](auth_core::UserAuthentication) for a
/// [`Requirement`](auth_core::Requirement); and a [`LoginInfo`].
pub struct SessionStrategy<U> {
    shared: Shared<U>,
    end_check: Arc<dyn EndCheck>,
}

impl<U: Principal> SessionStrategy<U> {
    pub(crate) fn new(shared: Shared<U>) -> Self {
        let end_check = Arc::new(LoginEnd(Arc::clone(&shared.core)));
        Self { shared, end_check }
    }

    /// What the layer has read, unless the request has changed since or is over.
    fn handle<'r>(&self, request: &'r AuthRequest<'_>) -> Option<&'r Handle<U>> {
        let parts = request.parts();
        let is_current = |handle: &&Handle<U>| {
            !handle.is_closed() && handle.presented().is_in(&parts.headers, &self.shared.core.settings.cookie_name)
        };
        Handle::find(&parts.extensions).filter(is_current)
    }

    fn read(&self, request: &AuthRequest<'_>) -> Presented {
        Presented::read(&request.parts().headers, &self.shared.core.settings.cookie_name)
    }

    async fn decide(&self, handle: Option<&Handle<U>>, request: &AuthRequest<'_>) -> Result<Outcome<U>, BoxError> {
        let found = match handle {
            Some(handle) => handle.load(request.now()).await?,
            // Boxed, as everything here that is rare: the future is smaller.
            None => Box::pin(self.shared.core.find(&self.read(request), request.now())).await?,
        };
        match found {
            Found::Nobody | Found::Replaced => Ok(Outcome::Absent),
            Found::Several => {
                tracing::debug!("several session cookies have different values");
                Ok(Outcome::Reject(Rejection::invalid_request()))
            }
            Found::Gone => Ok(expired(request)),
            Found::Live(login) => self.decide_about(login, handle, request).await,
        }
    }

    async fn decide_about(
        &self,
        login: Arc<Login>,
        handle: Option<&Handle<U>>,
        request: &AuthRequest<'_>,
    ) -> Result<Outcome<U>, BoxError> {
        if login.is_over_at(request.now()) {
            return Ok(expired(request));
        }
        let Some(stored) = &login.value.user else { return Ok(Outcome::Absent) };
        let Some(user) = self.shared.users.find(&stored.id).await? else {
            Box::pin(self.shared.core.end(&login, Ended::UserGone)).await?;
            if let Some(handle) = handle {
                handle.set_gone();
            }
            return Ok(expired(request));
        };
        Ok(Outcome::Accept(self.accept(user, &login, stored)))
    }

    fn accept(&self, user: U, login: &Login, stored: &UserPart) -> Accept<U> {
        let known = login.known(|| known(login, stored));
        Accept::of_known(user, Carrier::Cookie, &known)
            .issued_at(login.record.since)
            .expires_at(login.ends_at())
            .end_check(Arc::clone(&self.end_check))
    }
}

/// What is the same for all requests with this login.
fn known(login: &Login, stored: &UserPart) -> KnownCredential {
    let info = LoginInfo::new(login).current(true);
    KnownCredential::new()
        .add_name(stored.principal())
        .session_id("", &login.value.sid)
        .credential_id("", &login.value.sid)
        .extra(info.authentication().clone())
        .extra(info)
}

fn expired<U>(request: &AuthRequest<'_>) -> Outcome<U> {
    request.explain_absence("session_expired");
    Outcome::Absent
}

#[async_trait]
impl<U: Principal> Strategy for SessionStrategy<U> {
    type User = U;

    fn name(&self) -> &str {
        "session"
    }

    fn challenges(&self, _: &mut Vec<Challenge>) {}

    fn is_ambient_only(&self) -> bool {
        true
    }

    async fn authenticate(&self, request: &AuthRequest<'_>) -> Result<Outcome<U>, BoxError> {
        self.start(request).finish().await
    }

    fn start<'a>(&'a self, request: &'a AuthRequest<'_>) -> Start<'a, U> {
        if request.is_explicit_only() {
            return Start::Done(Ok(Outcome::Absent));
        }
        let handle = self.handle(request);
        match handle {
            Some(handle) if matches!(handle.presented(), Presented::Nothing) => Start::Done(Ok(Outcome::Absent)),
            None if matches!(self.read(request), Presented::Nothing) => Start::Done(Ok(Outcome::Absent)),
            handle => match handle.and_then(|handle| handle.live_at_once(request.now())) {
                Some(login) => Start::Waits(Box::pin(self.decide_about(login, handle, request))),
                None => Start::Waits(Box::pin(self.decide(handle, request))),
            },
        }
    }
}

/// Tells an open connection when its login ends now.
struct LoginEnd(Arc<Core>);

#[async_trait]
impl EndCheck for LoginEnd {
    async fn ends_at(&self, extras: &Extras, used_at: SystemTime) -> Result<Option<SystemTime>, BoxError> {
        match extras.get::<LoginInfo>() {
            Some(login) => self.0.end_of(login.sid(), login.owner().as_ref(), used_at).await,
            None => Ok(None),
        }
    }

    fn latest_end(&self, extras: &Extras) -> Option<SystemTime> {
        // Another login on this record may move the absolute end.
        extras.get::<LoginInfo>()?.absolute_end().checked_add(self.0.settings.longest())
    }
}

impl<U> Clone for SessionStrategy<U> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone(), end_check: Arc::clone(&self.end_check) }
    }
}

impl<U> fmt::Debug for SessionStrategy<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionStrategy")
            .field("cookie", &self.shared.core.settings.cookie_name)
            .finish_non_exhaustive()
    }
}
