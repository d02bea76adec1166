//! The tight verifier in a `from_fn`: the least that a correct check by hand costs.

mod verifier;

use std::sync::Arc;

use axum::{
    Extension, Json, Router,
    extract::{Request, State},
    http::{StatusCode, header},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse as _, Response},
    routing::get,
};
use http_common::{Alg, User, start};
use tokio::net::TcpListener;

use self::verifier::Verifier;

#[tokio::main]
async fn main() {
    let app = Router::new()
        .route("/me", get(async |Extension(user): Extension<User>| Json(user)))
        .layer(from_fn_with_state(Arc::new(Verifier::new(Alg::chosen())), authenticate));
    axum::serve(TcpListener::from_std(start()).unwrap(), app).await.unwrap();
}

async fn authenticate(State(verifier): State<Arc<Verifier>>, mut request: Request, next: Next) -> Response {
    let header = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = header.and_then(|value| value.strip_prefix("Bearer "));
    let Some(claims) = token.and_then(|token| verifier.verify(token)) else {
        return (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Bearer")]).into_response();
    };
    request.extensions_mut().insert(User::from(claims));
    next.run(request).await
}
