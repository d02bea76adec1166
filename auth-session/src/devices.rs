//! Routes on which users see where they are logged in, and end it.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use auth_core::{
    AuthRequest, Authenticated, Chain, Challenge, ConfigError, Principal, Refusal, Requirement, Transport,
};
use axum::{
    Router,
    response::Response,
    routing::{delete, get},
};
use http::{HeaderValue, StatusCode, header, request::Parts};
use serde::Serialize;

use crate::{
    axum::{respond, with_status},
    error::SessionError,
    handle::Handle,
    info::LoginInfo,
    route_path,
    session::Session,
    sessions::Sessions,
};

/// Routes for the logins of the user: list them, end one, end all others (OWASP ASVS 5, 7.5.2). Clones share everything.
///
/// ```
/// # use std::time::Duration;
/// # use auth_core::{ConfigError, Principal};
/// # use auth_session::{Devices, Sessions};
/// # fn app<U: Principal>(sessions: Sessions<U>) -> Result<axum::Router, ConfigError> {
/// let devices = Devices::new(&sessions).path("/account/sessions")?.max_auth_age(Duration::from_secs(900));
/// Ok(axum::Router::new().merge(devices.routes()).layer(sessions.layer()))
/// # }
/// ```
///
/// For a page of your own, see [`Session::logins`] and [`Session::end_login`]. For clients that send tokens,
/// [`Sessions::logins`] and [`Sessions::end_of`] do the same for any user that a chain has accepted.
pub struct Devices<U>(Arc<Inner<U>>);

struct Inner<U> {
    sessions: Sessions<U>,
    chain: Chain<U>,
    path: Box<str>,
    to_end: Requirement,
}

impl<U: Principal> Devices<U> {
    /// Routes at `/sessions`, without a new login before an end.
    #[must_use]
    pub fn new(sessions: &Sessions<U>) -> Self {
        let chain = Chain::new().or(sessions.strategy()).revocation(sessions.revocations().clone());
        let chain = chain.fallback_challenge(Challenge::new("Session"));
        let (sessions, path, to_end) = (sessions.clone(), "/sessions".into(), Requirement::new());
        Self(Arc::new(Inner { sessions, chain, path, to_end }))
    }

    /// Sets the path of the list. The default is `/sessions`.
    ///
    /// # Errors
    /// If it is not a local path such as `/account/sessions`, or if it ends with a slash, or has a query, a fragment, braces, an
    /// asterisk, or a segment that is `.` or `..` or begins with a colon.
    pub fn path(self, path: &str) -> Result<Self, ConfigError> {
        route_path::check(path, "/account/sessions")?;
        Ok(self.set(|inner| inner.path = path.into()))
    }

    /// Ends other logins only for users who have proved who they are within this time, inclusive (ASVS 5, 7.5.2). Otherwise the
    /// client reads 401 `insufficient_user_authentication` with the `max_age` (RFC 9470), lets the user log in or
    /// [step up](Session::step_up), and tries again. The list and the end of the own login don't need it. The default is no limit.
    #[must_use]
    pub fn max_auth_age(self, age: Duration) -> Self {
        self.set(|inner| inner.to_end = Requirement::new().max_age(age))
    }

    /// The routes. They need the [`SessionLayer`](crate::SessionLayer) around them, and no other.
    ///
    /// | Request | Answer |
    /// |---|---|
    /// | `GET /sessions` | 200 and the list |
    /// | `DELETE /sessions/{sid}` | 204: that login has ended, with its open sockets. For the own one it is a logout |
    /// | `DELETE /sessions` | 204: all others have ended, as by [`Session::end_others`]: the own open sockets close too, and may open again |
    ///
    /// ```json
    /// [{"sid": "Vd2jcJkSXU2mIOgWxU2ZmQ", "label": "Firefox on Linux", "created_at": 1800000000, "used_at": 1800003600,
    ///   "ends_at": 1800007200, "current": true, "remembered": false}]
    /// ```
    ///
    /// The last used one is first. `created_at` is when the user logged in, and `used_at` is noted once a minute. Times are Unix seconds,
    /// rounded down; `label` is `null` if there is none. No answer is cached.
    ///
    /// | Refusal | When |
    /// |---|---|
    /// | 401 `missing_credentials`, `session_expired`, `revoked` | nobody is logged in, as a chain says it. After `DELETE /sessions` also if this login has ended meanwhile: the others have ended too |
    /// | 400 `invalid_request` | the request has several session cookies with different values |
    /// | 401 `insufficient_user_authentication` | the login is older than [`max_auth_age`](Self::max_auth_age) |
    /// | 403 `cross_site` | a `DELETE` that a foreign page may have sent, see [`Session`](Session#security) |
    /// | 404 `login_not_found` | the user has no such login: unknown, ended, malformed, or somebody else's |
    /// | 503 `unavailable` | the store or the users are down. Nothing has ended, or it is unknown whether it has: try again |
    /// | those of [`Session::end_others`] | 409 `session_conflict`, `session_replaced` |
    ///
    /// # Security
    /// A login is enough. Where a second factor follows the password by [`Session::step_up`], who has the password alone could list the
    /// other logins and end them: use [`Session::logins`] and [`Session::end_login`] in handlers behind a requirement of yours. The list
    /// is as long as the user has logins: see [`SessionsBuilder::max_logins`](crate::SessionsBuilder::max_logins).
    pub fn routes<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        let Inner { path, .. } = &*self.0;
        let (list, end, end_others) = (self.clone(), self.clone(), self.clone());
        let list = move |parts: Parts| {
            let devices = list.clone();
            async move { devices.list(&parts).await.unwrap_or_else(respond) }
        };
        let end = move |parts: Parts| {
            let devices = end.clone();
            async move { devices.end(&parts).await.unwrap_or_else(respond) }
        };
        let end_others = move |parts: Parts| {
            let devices = end_others.clone();
            async move { devices.end_others(&parts).await.unwrap_or_else(respond) }
        };
        Router::new().route(path, get(list).delete(end_others)).route(&format!("{path}/{{sid}}"), delete(end))
    }

    async fn list(&self, parts: &Parts) -> Result<Response, Refusal> {
        let (_, session) = self.authenticate(parts).await?;
        let logins = session.logins().await?;
        let listed: Vec<_> = logins.iter().map(Listed::of).collect();
        let json = serde_json::to_string(&listed).map_err(SessionError::not_json)?;
        let mut response = with_status(StatusCode::OK);
        *response.body_mut() = json.into();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Ok(response)
    }

    async fn end(&self, parts: &Parts) -> Result<Response, Refusal> {
        check_site::<U>(parts)?;
        // Raw: an id needs no encoding, so an encoded id is unknown.
        let sid = parts.uri.path().rsplit('/').next().unwrap_or_default();
        let session = self.session(parts).await?;
        // A logout must always be possible, also of a login that is half ended, or of a user who is gone.
        if session.is_logged_in() && session.sid().is_some_and(|own| own == sid) {
            session.logout().await?;
            return Ok(with_status(StatusCode::NO_CONTENT));
        }
        let (user, session) = self.authenticate(parts).await?;
        user.evidence().require(&self.0.to_end)?;
        session.end_login(sid).await?;
        Ok(with_status(StatusCode::NO_CONTENT))
    }

    async fn end_others(&self, parts: &Parts) -> Result<Response, Refusal> {
        check_site::<U>(parts)?;
        let (user, session) = self.authenticate(parts).await?;
        user.evidence().require(&self.0.to_end)?;
        session.end_others().await?;
        Ok(with_status(StatusCode::NO_CONTENT))
    }

    /// Who is logged in, by the cookie, and the session. It asks what a chain asks: whether the user still exists, and whether the
    /// login was revoked.
    async fn authenticate(&self, parts: &Parts) -> Result<(Authenticated<U>, Session<U>), Refusal> {
        // First, so that a missing layer is a 500.
        let session = self.session(parts).await?;
        let request = AuthRequest::new(parts, Transport::Http, self.0.sessions.now());
        Ok((self.0.chain.authenticate(&request).await?, session))
    }

    /// The session of the request. It must be one of our own logins: an application may have two [`Sessions`] for one user type.
    async fn session(&self, parts: &Parts) -> Result<Session<U>, Refusal> {
        if !Arc::ptr_eq(Handle::<U>::of(&parts.extensions)?.core(), self.0.sessions.core()) {
            tracing::error!("the `SessionLayer` around the routes of `Devices` is that of other `Sessions`");
            let refusal = Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error");
            return Err(refusal.with_detail("the session layer is that of other sessions"));
        }
        Session::of(&parts.extensions).await
    }

    /// The same with one setting changed. Clones stay as they are.
    fn set(mut self, set: impl FnOnce(&mut Inner<U>)) -> Self {
        set(Arc::make_mut(&mut self.0));
        self
    }
}

/// Refuses what a foreign page may have sent, before it costs anything.
fn check_site<U: 'static>(parts: &Parts) -> Result<(), Refusal> {
    Handle::<U>::of(&parts.extensions)?.check_site().map_err(Refusal::from)
}

/// A login in the list.
#[derive(Serialize)]
struct Listed<'l> {
    sid: &'l str,
    label: Option<&'l str>,
    created_at: u64,
    used_at: u64,
    ends_at: u64,
    current: bool,
    remembered: bool,
}

impl<'l> Listed<'l> {
    fn of(login: &'l LoginInfo) -> Self {
        Self {
            sid: login.sid(),
            label: login.label(),
            created_at: unix_secs(login.logged_in_at()),
            used_at: unix_secs(login.used_at()),
            ends_at: unix_secs(login.ends_at()),
            current: login.is_current(),
            remembered: login.is_remembered(),
        }
    }
}

fn unix_secs(at: SystemTime) -> u64 {
    at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

impl<U> Clone for Inner<U> {
    fn clone(&self) -> Self {
        Self {
            sessions: self.sessions.clone(),
            chain: self.chain.clone(),
            path: self.path.clone(),
            to_end: self.to_end.clone(),
        }
    }
}

impl<U> Clone for Devices<U> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<U> fmt::Debug for Devices<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Devices").field("path", &self.0.path).field("to_end", &self.0.to_end).finish_non_exhaustive()
    }
}
