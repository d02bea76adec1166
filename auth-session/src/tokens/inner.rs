//! What all parts of one `RefreshTokens` share.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use auth_jwt::Signer;
use serde_json::{Map, Value as Json};

use super::{cookie::RefreshCookie, guard::Guard, issued::IssuedTokens, keys::RefreshKeys};
use crate::{
    error::SessionError,
    login::Login,
    secret::random_sid,
    sessions::Sessions,
    value::{UserPart, Value},
};

/// Claims that only we write.
const OURS: [&str; 10] = ["iss", "sub", "sid", "jti", "iat", "nbf", "exp", "auth_time", "amr", "acr"];

pub(super) type Claims<U> = Arc<dyn Fn(&U) -> Result<Json, serde_json::Error> + Send + Sync>;

pub(super) struct Inner<U> {
    pub(super) sessions: Sessions<U>,
    pub(super) signer: Signer,
    pub(super) keys: RefreshKeys,
    pub(super) path: Box<str>,
    pub(super) in_cookie: bool,
    /// Whole seconds.
    pub(super) access_ttl: Duration,
    pub(super) claims: Option<Claims<U>>,
    pub(super) guard: Option<Guard>,
}

impl<U: auth_core::Principal> Inner<U> {
    /// How the refresh token goes into a cookie, if it does.
    pub(super) fn cookie(&self) -> Option<RefreshCookie> {
        let is_secure = self.sessions.core().settings.is_secure;
        self.in_cookie.then(|| RefreshCookie::new(&self.path, is_secure))
    }

    /// What the application says about the user.
    pub(super) fn claims_of(&self, user: &U) -> Result<Map<String, Json>, SessionError> {
        let Some(claims) = &self.claims else { return Ok(Map::new()) };
        match claims(user).map_err(SessionError::not_json)? {
            Json::Object(mut claims) => {
                claims.retain(|name, _| !OURS.contains(&name.as_str()));
                Ok(claims)
            }
            _ => Err(SessionError::not_json(serde::ser::Error::custom("the claims are not an object"))),
        }
    }

    /// The tokens of a login. `None` if it ends in less than a second.
    pub(super) fn issue(
        &self,
        login: &Login,
        generation: u64,
        claims: Map<String, Json>,
        now: SystemTime,
    ) -> Result<Option<IssuedTokens>, SessionError> {
        let Value { user, sid, absolute_end, remember, .. } = &**login.value;
        let Some(user) = user else { return Ok(None) };
        // Rounded down: no access token outlives its login.
        let left = Duration::from_secs(login.ends_at().duration_since(now).unwrap_or_default().as_secs());
        let expires_in = self.access_ttl.min(left);
        if expires_in.is_zero() {
            return Ok(None);
        }
        let claims = complete(claims, user, sid, now, expires_in)?;
        let access = self.signer.sign(&claims).map_err(SessionError::unavailable)?;
        let refresh = self.keys.sign(sid, generation).ok_or_else(|| SessionError::unavailable("there is no key"))?;
        let max_age = remember.then(|| absolute_end.duration_since(now).unwrap_or_default());
        Ok(Some(IssuedTokens { sid: (&**sid).into(), access, expires_in, refresh, cookie: self.cookie(), max_age }))
    }
}

/// Adds our claims. Times are those of the sessions' clock.
fn complete(
    mut claims: Map<String, Json>,
    user: &UserPart,
    sid: &str,
    now: SystemTime,
    expires_in: Duration,
) -> Result<Map<String, Json>, SessionError> {
    let unix_secs = |at: SystemTime| at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let iat = unix_secs(now);
    let mut set = |name: &str, value: Json| claims.insert(name.to_owned(), value);
    // Not the subject alone: users of two issuers may have the same.
    set("sub", (&*user.id).into());
    set("sid", sid.into());
    set("jti", random_sid().map_err(SessionError::unavailable)?.into());
    set("iat", iat.into());
    set("exp", iat.saturating_add(expires_in.as_secs()).into());
    set("auth_time", unix_secs(user.auth_time).into());
    if !user.amr.is_empty() {
        set("amr", user.amr.clone().into());
    }
    if let Some(class) = &user.acr {
        set("acr", class.as_str().into());
    }
    Ok(claims)
}

impl<U> Clone for Inner<U> {
    fn clone(&self) -> Self {
        Self {
            sessions: self.sessions.clone(),
            signer: self.signer.clone(),
            keys: self.keys.clone(),
            path: self.path.clone(),
            in_cookie: self.in_cookie,
            access_ttl: self.access_ttl,
            claims: self.claims.clone(),
            guard: self.guard.clone(),
        }
    }
}
