//! A check in a `from_fn`, as an application without an authentication framework writes it.

use std::sync::Arc;

use axum::{
    Extension, Json, Router,
    extract::{Request, State},
    http::{StatusCode, header::AUTHORIZATION},
    middleware::{Next, from_fn, from_fn_with_state},
    response::{IntoResponse as _, Response},
    routing::get,
};
use floors::{Claims, TightVerifier, User, jsonwebtoken10, jsonwebtoken11};

/// From a token to claims.
pub trait Check: Send + Sync + 'static {
    fn check(&self, token: &str) -> Option<Claims>;
}

impl Check for TightVerifier {
    fn check(&self, token: &str) -> Option<Claims> {
        self.verify(token)
    }
}

impl Check for jsonwebtoken10::ByHand {
    fn check(&self, token: &str) -> Option<Claims> {
        self.verify(token)
    }
}

impl Check for jsonwebtoken11::ByHand {
    fn check(&self, token: &str) -> Option<Claims> {
        self.verify(token)
    }
}

/// Attaches the same user to every request.
pub fn attaching() -> Router {
    routes().layer(from_fn(async |mut request: Request, next: Next| {
        request.extensions_mut().insert(User { id: "1001".into(), name: "admin".into() });
        next.run(request).await
    }))
}

/// Attaches the user of the token, or answers 401.
pub fn checking<C: Check>(check: C) -> Router {
    routes().layer(from_fn_with_state(Arc::new(check), authenticate::<C>))
}

async fn authenticate<C: Check>(State(check): State<Arc<C>>, mut request: Request, next: Next) -> Response {
    let Some(claims) = bearer(&request).and_then(|token| check.check(token)) else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    request.extensions_mut().insert(User::from(claims));
    next.run(request).await
}

fn bearer(request: &Request) -> Option<&str> {
    request.headers().get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

fn routes() -> Router {
    Router::new().route("/me", get(async |Extension(user): Extension<User>| Json(user)))
}
