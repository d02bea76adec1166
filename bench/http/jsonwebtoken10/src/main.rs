//! `jsonwebtoken` by hand, in a `from_fn`. Three packages build this file: each with another version or backend.

use std::sync::Arc;

use axum::{
    Extension, Json, Router,
    extract::{Request, State},
    http::{StatusCode, header},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse as _, Response},
    routing::get,
};
use http_common::{AUDIENCE, Alg, Claims, ISSUER, User, secret, start};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use tokio::net::TcpListener;

struct Keys {
    key: DecodingKey,
    validation: Validation,
}

#[tokio::main]
async fn main() {
    let (algorithm, key) = match Alg::chosen() {
        Alg::Hs256 => (Algorithm::HS256, DecodingKey::from_secret(secret().as_bytes())),
        alg @ Alg::Es256 => (Algorithm::ES256, DecodingKey::from_ec_pem(alg.public_pem().as_bytes()).unwrap()),
        alg @ Alg::Rs256 => (Algorithm::RS256, DecodingKey::from_rsa_pem(alg.public_pem().as_bytes()).unwrap()),
    };
    let mut validation = Validation::new(algorithm);
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[AUDIENCE]);
    let app = Router::new()
        .route("/me", get(|Extension(user): Extension<User>| async { Json(user) }))
        .layer(from_fn_with_state(Arc::new(Keys { key, validation }), check));
    axum::serve(TcpListener::from_std(start()).unwrap(), app).await.unwrap();
}

async fn check(State(keys): State<Arc<Keys>>, mut request: Request, next: Next) -> Response {
    let header = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = header.and_then(|value| value.strip_prefix("Bearer "));
    let Some(Ok(token)) = token.map(|token| decode::<Claims>(token, &keys.key, &keys.validation)) else {
        return (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Bearer")]).into_response();
    };
    request.extensions_mut().insert(User::from(token.claims));
    next.run(request).await
}
