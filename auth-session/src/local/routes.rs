use auth_basic::Password;
use auth_core::{Principal, Refusal};
use axum::{Router, extract::Request, response::Response, routing::post};
use http::{HeaderMap, HeaderValue, StatusCode, header::SET_COOKIE, request::Parts};

use super::{
    LocalLogin, answer,
    body::{self, Typed},
    label,
};
use crate::{
    body::{Kind, read},
    events,
    handle::Handle,
    return_to::ReturnTo,
    session::Session,
};

impl<U: Principal> LocalLogin<U> {
    /// The routes, both `POST`. They need the [`SessionLayer`](crate::SessionLayer) around them.
    ///
    /// `/login` takes a form with `username`, `password`, and perhaps `remember` (`on`, `true` or `1`) and `returnTo`; or JSON,
    /// `{"username": "…", "password": "…", "remember": true}`. At most 16 KiB, within 10 s.
    ///
    /// | | A form is answered with | JSON with |
    /// |---|---|---|
    /// | the password is right | 303 to `returnTo`, or to where the session says, or to [`after_login`](Self::after_login) | 200 `{"returnTo": "/inbox"}` if the session says where to go, else 204 |
    /// | unknown user, wrong password | 303 to the [failure path](Self::failure), `?error=invalid_credentials` | 401 `invalid_credentials` |
    /// | a field is missing or repeated, not UTF-8, not JSON | 303, `?error=invalid_request` | 400 `invalid_request` |
    /// | too many failures, with a [`throttle`](Self::throttle) | 303, `?error=too_many_attempts&retryAfter=60` | 429 `too_many_attempts` |
    /// | the store or the users are down, too many logins at once | 303, `?error=unavailable` | 503 `unavailable` |
    /// | the user has [too many logins](crate::SessionsBuilder::max_logins) | 303, `?error=too_many_logins` | 409 `too_many_logins` |
    /// | all logins of the user have just ended | 303, `?error=session_conflict` | 409 `session_conflict` |
    /// | it is not from a page of ours | 403 `cross_site` | the same |
    /// | too large, too slow, another media type | 413, 408, 415 | the same |
    ///
    /// `/logout` takes any body, and reads none. It answers 303 to [`after_logout`](Self::after_logout) if the client sends a form or
    /// accepts HTML, and else 204; also without a session. 503 if the store is down: the user is not logged out then.
    ///
    /// Requests of foreign pages are refused before the password is looked at: see [`Session`](crate::Session#security).
    pub fn routes<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        let (login, logout) = (self.clone(), self.clone());
        let log_in = move |request: Request| {
            let local = login.clone();
            async move { local.log_in(request).await }
        };
        let log_out = move |request: Request| {
            let local = logout.clone();
            async move { local.log_out(request).await }
        };
        let inner = self.inner();
        Router::new().route(inner.login_path.as_str(), post(log_in)).route(inner.logout_path.as_str(), post(log_out))
    }

    async fn log_in(&self, request: Request) -> Response {
        let (parts, body) = request.into_parts();
        let checked = match check_site::<U>(&parts) {
            Ok(()) => Kind::of(&parts.headers),
            Err(refusal) => Err(refusal),
        };
        let kind = match checked {
            Ok(kind) => kind,
            Err(refusal) => return refused(refusal),
        };
        let bytes = match read(body, body::MAX_LEN).await {
            Ok(bytes) => bytes,
            Err(refusal) => return refused(refusal),
        };
        let Some(typed) = body::parse(kind, &bytes) else {
            return self.fail(kind, Refusal::new(StatusCode::BAD_REQUEST, "invalid_request"), None);
        };
        let (kept, device) = match self.decide(&parts, &typed).await {
            Ok(logged_in) => logged_in,
            Err(refusal) => return self.fail(kind, refusal, typed.return_to.as_ref()),
        };
        let mut response = if kind == Kind::Json {
            answer::logged_in(kept.as_ref())
        } else {
            let target = typed.return_to.or(kept);
            answer::see_other(target.as_ref().unwrap_or(&self.inner().after_login).as_str())
        };
        if let Some(device) = device {
            response.headers_mut().append(SET_COOKIE, device);
        }
        response
    }

    /// The user, if the password is right, for a route of your own. With a [`throttle`](Self::throttle), it counts as the route of the
    /// login does: by account, by the address of this request, and by its device cookie. It sets no cookie.
    ///
    /// # Errors
    /// What the client may read: 401 `invalid_credentials`, 429 `too_many_attempts`, or 503 `unavailable`.
    pub async fn verify_request(&self, parts: &Parts, username: &str, password: &Password) -> Result<U, Refusal> {
        let guard = self.inner().guard.as_ref();
        let permit = match guard {
            Some(guard) => Some(guard.take(parts, &self.inner().users.account(username)).await?),
            None => None,
        };
        let verified = self.verify(username, password).await;
        match permit {
            Some(permit) if matches!(verified, Ok(None)) => permit.failed().await,
            // Nobody has learned anything from an outage.
            Some(permit) => permit.succeeded().await,
            None => {}
        }
        let user = verified.map_err(Refusal::unavailable)?;
        user.ok_or_else(|| Refusal::new(StatusCode::UNAUTHORIZED, "invalid_credentials"))
    }

    /// Logs the user in. Returns where the session says to go, which is taken: the client reads it once; and the cookie of the device.
    async fn decide(&self, parts: &Parts, typed: &Typed) -> Result<(Option<ReturnTo>, Option<HeaderValue>), Refusal> {
        let session = Session::<U>::of(&parts.extensions).await?;
        // A change of the password meanwhile ends the login that the old one has proved.
        let asked_at = self.inner().sessions.now();
        let user = self.verify_request(parts, &typed.username, &typed.password).await?;
        let account = || self.inner().users.account(&typed.username);
        let device = self.inner().guard.as_ref().and_then(|guard| guard.cookie(&parts.headers, &account()));
        let kept = session.return_to();
        let mut login = session.login(&user).remember(typed.remember).amr(["pwd"]).proved_at(asked_at);
        if let Some(label) = label::of(&parts.headers) {
            login = login.label(&label);
        }
        if self.inner().keeps_data {
            login = login.keep_data();
        }
        login.await?;
        if kept.is_some() {
            // Where data is kept, it is still there.
            drop(session.take_return_to());
        }
        Ok((kept, device))
    }

    async fn log_out(&self, request: Request) -> Response {
        let (parts, _) = request.into_parts();
        if let Err(refusal) = check_site::<U>(&parts) {
            return crate::axum::respond(refusal);
        }
        let done = match Session::<U>::of(&parts.extensions).await {
            Ok(session) => session.logout().await.map_err(Refusal::from),
            Err(refusal) => Err(refusal),
        };
        match done {
            Ok(()) if is_page(&parts.headers) => answer::see_other(self.inner().after_logout.as_str()),
            Ok(()) => answer::no_content(),
            Err(refusal) => crate::axum::respond(refusal),
        }
    }

    fn fail(&self, kind: Kind, refusal: Refusal, return_to: Option<&ReturnTo>) -> Response {
        events::login_failed(refusal.code());
        answer::failed(kind, refusal, &self.inner().failure, return_to)
    }
}

/// Refuses what a foreign page may have sent, before it costs anything.
fn check_site<U: 'static>(parts: &Parts) -> Result<(), Refusal> {
    Handle::<U>::of(&parts.extensions)?.check_site().map_err(Refusal::from)
}

fn is_page(headers: &HeaderMap) -> bool {
    matches!(Kind::of(headers), Ok(Kind::Form)) || answer::is_page(headers)
}

/// A refusal before anything was asked.
fn refused(refusal: Refusal) -> Response {
    events::login_failed(refusal.code());
    crate::axum::respond(refusal)
}
