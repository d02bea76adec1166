//! axum-jwt-auth: an extractor with a local key.

use std::sync::Arc;

use axum::{Json, Router, extract::FromRef, routing::get};
use axum_jwt_auth::{Decoder, LocalDecoder};
use http_common::{AUDIENCE, Alg, Claims, ISSUER, User, secret, start};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use tokio::net::TcpListener;

#[derive(Clone, FromRef)]
struct App {
    decoder: Decoder<Claims>,
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
    let decoder = LocalDecoder::builder().keys(vec![key]).validation(validation).build().unwrap();
    let app = Router::new().route("/me", get(me)).with_state(App { decoder: Arc::new(decoder) });
    axum::serve(TcpListener::from_std(start()).unwrap(), app).await.unwrap();
}

async fn me(user: axum_jwt_auth::Claims<Claims>) -> Json<User> {
    Json(user.claims.into())
}
