//! The extractor for axum handlers, and errors that are responses.

use auth_core::{Principal, Refusal};
use axum::{
    body::Body,
    extract::FromRequestParts,
    http::{HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};

use crate::{Session, SessionError};

impl<U: Principal, S: Sync> FromRequestParts<S> for Session<U> {
    type Rejection = Refusal;

    /// The session of the request.
    ///
    /// # Errors
    /// 503 if the store is down. 500 if the [`SessionLayer`](crate::SessionLayer) is missing; the log says so.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        Self::of(&parts.extensions).await
    }
}

impl IntoResponse for SessionError {
    /// The answer of [`Refusal`]. A 503 is logged with its cause.
    fn into_response(self) -> Response {
        respond(Refusal::from(self))
    }
}

/// An answer without a body, which is not cached.
pub(crate) fn with_status(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The answer to a refusal, which is logged. A 401 must carry a challenge (RFC 9110, 15.5.2); browsers show nothing for this one.
pub(crate) fn respond(refusal: Refusal) -> Response {
    let is_unauthorized = refusal.status() == StatusCode::UNAUTHORIZED && refusal.challenges().is_empty();
    let mut response = refusal.into_response();
    if is_unauthorized {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Session"));
    }
    response
}
