//! Portcullis: a chain of one strategy in its layer. `REMEMBER` is the number of signatures to remember.

use std::env;

use http_common::{AUDIENCE, Alg, Claims, ISSUER, User, secret, start};
use portcullis::{jwt::Algorithm, prelude::*};
use serde::Serialize;
use tokio::net::TcpListener;

#[derive(Clone, Serialize)]
#[serde(transparent)]
struct Me(User);

impl Principal for Me {
    fn principal_id(&self) -> Option<PrincipalId> {
        None
    }
}

#[tokio::main]
async fn main() {
    let jwt = match Alg::chosen() {
        Alg::Hs256 => Jwt::<Claims>::hs256(secret()).unwrap(),
        alg @ Alg::Es256 => Jwt::key(VerifyingKey::from_pem(Algorithm::ES256, alg.public_pem().as_bytes()).unwrap()),
        alg @ Alg::Rs256 => Jwt::key(VerifyingKey::from_pem(Algorithm::RS256, alg.public_pem().as_bytes()).unwrap()),
    };
    let jwt = match env::var("REMEMBER") {
        Ok(count) => jwt.cache_signatures(count.parse().unwrap()).unwrap(),
        Err(_) => jwt,
    };
    let jwt = jwt.issuer(ISSUER).audience(AUDIENCE).verify(|claims: Claims| async { Some(Me(claims.into())) });
    let app = Router::new().route("/me", get(me)).layer(AuthLayer::new(Chain::new().or(jwt)));
    axum::serve(TcpListener::from_std(start()).unwrap(), app).await.unwrap();
}

async fn me(user: Authenticated<Me>) -> Json<Me> {
    Json(user.user().clone())
}
