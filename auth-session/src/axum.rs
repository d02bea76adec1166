//! The extractor for axum handlers, and errors that are responses.

use auth_core::{Principal, Refusal};
use axum::{
    extract::FromRequestParts,
    http::request::Parts,
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
        Refusal::from(self).into_response()
    }
}
