//! jwt-authorizer: a layer and an extractor, on axum 0.7.

use axum::{Json, Router, routing::get};
use http_common::{AUDIENCE, Alg, Claims, ISSUER, User, secret, start};
use jwt_authorizer::{Authorizer, IntoLayer as _, JwtAuthorizer, JwtClaims, Validation};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() {
    let builder = match Alg::chosen() {
        Alg::Hs256 => JwtAuthorizer::from_secret(&secret()),
        alg @ Alg::Es256 => JwtAuthorizer::from_ec_pem_text(&alg.public_pem()),
        alg @ Alg::Rs256 => JwtAuthorizer::from_rsa_pem_text(&alg.public_pem()),
    };
    let validation = Validation::new().iss(&[ISSUER]).aud(&[AUDIENCE]);
    let authorizer: Authorizer<Claims> = builder.validation(validation).build().await.unwrap();
    let app = Router::new().route("/me", get(me)).layer(authorizer.into_layer());
    axum::serve(TcpListener::from_std(start()).unwrap(), app).await.unwrap();
}

async fn me(JwtClaims(claims): JwtClaims<Claims>) -> Json<User> {
    Json(claims.into())
}
