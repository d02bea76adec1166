//! Extractors for axum handlers.

use std::{error::Error, fmt};

use axum_core::{
    body::Body,
    extract::{FromRequestParts, OptionalFromRequestParts},
    response::{IntoResponse, Response},
};
use http::{Extensions, request::Parts};

use crate::{Anonymous, Authenticated, Refusal};

/// # Security
/// A missing layer is an error: 500, and a log line that names the user type. Two forms of argument hide the 500:
///
/// - `Result<Authenticated<U>, _>` is `Err`, just as without a user under an optional layer. The log line shows that the layer
///   is missing, and so does the status 500 of [`AuthenticatedRejection::refusal`].
/// - `Option<Extension<Authenticated<U>>>` is `None`, without a log line: axum reads the extensions itself. Take
///   `Option<Authenticated<U>>` instead.
impl<U: Send + Sync + 'static, S: Sync> FromRequestParts<S> for Authenticated<U> {
    type Rejection = AuthenticatedRejection;

    /// The evidence of the innermost layer for this user type.
    ///
    /// # Errors
    /// The refusal of the chain, if an optional layer let the request through without a user. 500, if the layer is missing.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        found(&parts.extensions).cloned()
    }
}

/// If the layer is missing, this is an error: 500, and a log line. So `None` always means that nobody is logged in.
impl<U: Send + Sync + 'static, S: Sync> OptionalFromRequestParts<S> for Authenticated<U> {
    type Rejection = AuthenticatedRejection;

    /// The evidence of the innermost layer for this user type; `None` if an optional layer let the request through without a
    /// user.
    ///
    /// # Errors
    /// 500, if the layer is missing.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Self::Rejection> {
        match found::<U>(&parts.extensions) {
            Ok(user) => Ok(Some(user.clone())),
            Err(_) if parts.extensions.get::<Anonymous<U>>().is_some() => Ok(None),
            Err(rejection) => Err(rejection),
        }
    }
}

fn found<U: Send + Sync + 'static>(extensions: &Extensions) -> Result<&Authenticated<U>, AuthenticatedRejection> {
    Authenticated::from_extensions(extensions).map_err(|refusal| {
        if extensions.get::<Anonymous<U>>().is_some() {
            return AuthenticatedRejection(refusal);
        }
        // Logged here, since a handler that takes a `Result` may drop the refusal.
        tracing::error!(
            user = std::any::type_name::<U>(),
            "a handler asks for `Authenticated` of this user type, but no `AuthLayer` of such a chain is around its route"
        );
        AuthenticatedRejection(refusal.logged())
    })
}

/// Why a handler cannot get an [`Authenticated`].
///
/// *Rejection* is axum's word for the failure of an extractor. In this project the word means what a strategy says of its
/// credential ([`Rejection`](crate::Rejection)); what a client reads is a [`Refusal`], and this type holds one.
#[derive(Debug)]
pub struct AuthenticatedRejection(Refusal);

impl AuthenticatedRejection {
    /// The refusal that is answered.
    #[must_use]
    pub fn refusal(&self) -> &Refusal {
        &self.0
    }
}

impl fmt::Display for AuthenticatedRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for AuthenticatedRejection {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

impl IntoResponse for AuthenticatedRejection {
    fn into_response(self) -> Response {
        self.0.into_response()
    }
}

impl IntoResponse for Refusal {
    /// For handlers that decide themselves: `user.evidence().require_scope("chat:write")?`.
    fn into_response(self) -> Response {
        self.log(None);
        let mut response = self.to_response().map(Body::from);
        response.extensions_mut().insert(self);
        response
    }
}
