use std::{fmt, time::Duration};

use auth_core::Secret;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};

use super::cookie::RefreshCookie;
use crate::axum::with_status;

/// A pair of new tokens, for the client alone.
///
/// It is a response: [`to_response`](Self::to_response).
#[derive(Clone)]
pub struct IssuedTokens {
    pub(super) sid: Box<str>,
    pub(super) access: Secret,
    pub(super) expires_in: Duration,
    pub(super) refresh: Secret,
    /// Set if the refresh token goes into a cookie.
    pub(super) cookie: Option<RefreshCookie>,
    /// How long the browser keeps it, if it outlives the browser.
    pub(super) max_age: Option<Duration>,
}

impl IssuedTokens {
    /// The public id of the login.
    #[must_use]
    pub fn sid(&self) -> &str {
        &self.sid
    }

    /// The access token, a JSON Web Token.
    #[must_use]
    pub fn access_token(&self) -> &Secret {
        &self.access
    }

    /// How long the access token is good, in whole seconds.
    #[must_use]
    pub fn expires_in(&self) -> Duration {
        self.expires_in
    }

    /// The refresh token. With [`in_cookie`](crate::RefreshTokens::in_cookie), don't put it where a script reads it.
    #[must_use]
    pub fn refresh_token(&self) -> &Secret {
        &self.refresh
    }

    /// The answer for the client (RFC 6749, 5.1): 200 and JSON, with `Cache-Control: no-store`.
    ///
    /// ```json
    /// {"access_token": "…", "token_type": "Bearer", "expires_in": 600, "refresh_token": "…"}
    /// ```
    ///
    /// With [`in_cookie`](crate::RefreshTokens::in_cookie), `refresh_token` is in `Set-Cookie` instead.
    #[must_use]
    pub fn to_response(&self) -> Response {
        let mut body = serde_json::json!({
            "access_token": self.access.expose(),
            "token_type": "Bearer",
            "expires_in": self.expires_in.as_secs(),
        });
        let mut response = with_status(StatusCode::OK);
        match (&self.cookie, body.as_object_mut()) {
            (Some(cookie), _) => cookie.set(self.refresh.expose(), self.max_age, response.headers_mut()),
            (None, Some(body)) => _ = body.insert("refresh_token".into(), self.refresh.expose().into()),
            (None, None) => {}
        }
        *response.body_mut() = body.to_string().into();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }
}

impl IntoResponse for IssuedTokens {
    /// As [`to_response`](Self::to_response).
    fn into_response(self) -> Response {
        self.to_response()
    }
}

impl fmt::Debug for IssuedTokens {
    /// Omits the tokens.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuedTokens")
            .field("sid", &self.sid)
            .field("expires_in", &self.expires_in)
            .finish_non_exhaustive()
    }
}
