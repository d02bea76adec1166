//! authkestra: its guard with one JWT strategy, and its extractor. It takes keys only from a URL, so no HS256, and no EC key.

use std::sync::Arc;

use authkestra_axum::{Auth, Guard};
use authkestra_resource::jwt::{JwtStrategy, ValidationConfig};
use axum::{Json, Router, extract::FromRef, routing::get};
use http_common::{AUDIENCE, Alg, Claims, ISSUER, User, jwks_url, start};
use jsonwebtoken::Algorithm;
use tokio::net::TcpListener;

#[derive(Clone, FromRef)]
struct App {
    guard: Arc<Guard<Claims>>,
}

#[tokio::main]
async fn main() {
    assert_eq!(Alg::chosen(), Alg::Rs256, "authkestra takes keys only from a URL, and no EC key");
    let config = ValidationConfig::builder().jwks_url(jwks_url()).issuer(ISSUER).audience(AUDIENCE);
    let strategy = JwtStrategy::new(config.algorithms(vec![Algorithm::RS256]).build());
    let guard = Arc::new(Guard::builder().strategy(strategy).build());
    let app = Router::new().route("/me", get(me)).with_state(App { guard });
    axum::serve(TcpListener::from_std(start()).unwrap(), app).await.unwrap();
}

async fn me(Auth(claims): Auth<Claims>) -> Json<User> {
    Json(claims.into())
}
