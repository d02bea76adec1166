//! The tight verifier in a `from_fn`: the least that a correct check by hand costs.

mod public;

use std::sync::Arc;

use axum::{
    Extension, Json, Router,
    extract::{Request, State},
    http::{StatusCode, header},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse as _, Response},
    routing::get,
};
use floors::{Algorithm, Claims, Key, TightVerifier, User};
use http_common::{Alg, private_key, secret, start};
use tokio::net::TcpListener;

use self::public::PublicVerifier;

enum Verifier {
    Hmac(TightVerifier),
    Public(PublicVerifier),
}

impl Verifier {
    fn new() -> Self {
        let public =
            |algorithm, alg| Self::Public(PublicVerifier::new(&Key::from_private_bytes(algorithm, &private_key(alg))));
        match Alg::chosen() {
            Alg::Hs256 => Self::Hmac(TightVerifier::new(&Key::hmac(secret().into()))),
            alg @ Alg::Es256 => public(Algorithm::Es256, alg),
            alg @ Alg::Rs256 => public(Algorithm::Rs256, alg),
        }
    }

    fn verify(&self, token: &str) -> Option<Claims> {
        match self {
            Self::Hmac(verifier) => verifier.verify(token),
            Self::Public(verifier) => verifier.verify(token),
        }
    }
}

#[tokio::main]
async fn main() {
    let app = Router::new()
        .route("/me", get(async |Extension(user): Extension<User>| Json(user)))
        .layer(from_fn_with_state(Arc::new(Verifier::new()), authenticate));
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
