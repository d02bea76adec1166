//! The keys of an issuer, published on a route and fetched while they rotate.

use std::time::Duration;

use auth_core::{Authenticated, Chain};
use auth_jwt::{Algorithm, Jwt, KeySet, Signer, SigningKey, SigningKeys};
use axum::{Router, routing::get};
use reqwest::Client;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use ws_adapter::AuthLayer;

fn p256() -> SigningKey {
    SigningKey::from_pem(Algorithm::ES256, include_bytes!("../../../auth-jwt/tests/keys/p256.pem")).unwrap()
}

fn ed25519() -> SigningKey {
    SigningKey::from_pem(Algorithm::EdDSA, include_bytes!("../../../auth-jwt/tests/keys/ed25519.pem")).unwrap()
}

async fn serve(app: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    origin
}

/// The issuer publishes its keys, and protects one of its own routes with them.
async fn issuer(keys: SigningKeys) -> String {
    let jwt = Jwt::<Value>::key_source(keys.clone()).verify(|claims: Value| async move { Some(claims.to_string()) });
    let app = Router::new()
        .route("/me", get(async |user: Authenticated<String>| user.user().clone()))
        .layer(AuthLayer::new(Chain::new().or(jwt)))
        .route("/jwks.json", get(async move || keys.to_response()));
    serve(app).await
}

fn token(keys: &SigningKeys) -> String {
    let claims = json!({ "sub": "ann" });
    Signer::rotating(keys).sign_for(&claims, Duration::from_secs(60)).unwrap().expose().to_owned()
}

async fn published(origin: &str) -> KeySet {
    let response = Client::new().get(format!("{origin}/jwks.json")).send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/jwk-set+json");
    assert_eq!(response.headers()["cache-control"], "public, max-age=300");
    KeySet::from_jwks(&response.text().await.unwrap()).unwrap()
}

#[tokio::test]
async fn route_publishes_current_keys_and_the_issuer_accepts_their_tokens() {
    let keys = SigningKeys::new(p256()).unwrap();
    let origin = issuer(keys.clone()).await;
    let first = token(&keys);
    let status = async |token: &str| {
        Client::new().get(format!("{origin}/me")).bearer_auth(token).send().await.unwrap().status().as_u16()
    };
    assert_eq!((published(&origin).await.keys().len(), status(&first).await), (1, 200));

    let old = keys.kids().remove(0);
    let new = keys.add(ed25519()).unwrap();
    keys.activate(&new).unwrap();
    let second = token(&keys);
    assert_eq!(published(&origin).await.keys().len(), 2);
    assert_eq!([status(&first).await, status(&second).await], [200, 200]);

    keys.retire(&old).unwrap();
    assert_eq!(published(&origin).await.keys()[0].kid(), Some(new.as_str()));
    assert_eq!([status(&first).await, status(&second).await], [401, 200]);
}
