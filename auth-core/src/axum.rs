//! Extractors for axum handlers.

use std::{error::Error, fmt};

use axum_core::{
    body::Body,
    extract::{FromRequestParts, OptionalFromRequestParts},
    response::{IntoResponse, Response},
};
use http::{StatusCode, request::Parts};

use crate::{Anonymous, Authenticated, Refusal};

/// # Security
/// Under no layer this is an error: 500, and a line in the log that names the user type. Two forms of argument hide the 500:
///
/// - `Result<Authenticated<U>, _>` is `Err` then, as it is for nobody under an optional layer. Only the line in the log shows
///   that the layer is missing. Look at [`AuthenticatedRejection::refusal`]: its status is 500 then.
/// - `Option<Extension<Authenticated<U>>>` is `None` then, and there is no line in the log: axum looks into the extensions by
///   itself. Take `Option<Authenticated<U>>`, which is an error under no layer.
impl<U: Send + Sync + 'static, S: Sync> FromRequestParts<S> for Authenticated<U> {
    type Rejection = AuthenticatedRejection;

    /// The evidence of the innermost layer for this user type.
    ///
    /// # Errors
    /// The refusal of the chain where an optional layer let the request on with nobody; 500 where no layer was.
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        match <Self as OptionalFromRequestParts<S>>::from_request_parts(parts, state).await? {
            Some(user) => Ok(user),
            None => Err(AuthenticatedRejection(
                parts
                    .extensions
                    .get::<Anonymous<U>>()
                    .map_or_else(missing_layer::<U>, |nobody| nobody.refusal().clone()),
            )),
        }
    }
}

/// Under no layer `Option<Authenticated<U>>` is an error: 500, and a line in the log. It is never `None` by mistake.
impl<U: Send + Sync + 'static, S: Sync> OptionalFromRequestParts<S> for Authenticated<U> {
    type Rejection = AuthenticatedRejection;

    /// The evidence of the innermost layer for this user type; `None` where an optional layer let the request on with
    /// nobody.
    ///
    /// # Errors
    /// 500 where no layer was: that is no answer to "who is it?".
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Self::Rejection> {
        let user = parts.extensions.get::<Self>().cloned();
        if user.is_none() && parts.extensions.get::<Anonymous<U>>().is_none() {
            return Err(AuthenticatedRejection(missing_layer::<U>()));
        }
        Ok(user)
    }
}

fn missing_layer<U>() -> Refusal {
    tracing::error!(
        user = std::any::type_name::<U>(),
        "a handler asks for `Authenticated` of this user type, but no `AuthLayer` of such a chain is around its route"
    );
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error").logged()
}

/// Why [`Authenticated`] could not be given to a handler.
#[derive(Debug)]
pub struct AuthenticatedRejection(Refusal);

impl AuthenticatedRejection {
    /// What is answered.
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
