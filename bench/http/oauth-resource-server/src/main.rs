//! oauth-resource-server: its layer and its extractor, with keys that it holds from the start. It excludes HMAC.

use std::sync::Arc;

use axum::{Json, Router, routing::get};
use http_common::{AUDIENCE, Alg, ISSUER, User, jwks, jwks_url, start};
use oauth_resource_server::{AuthorizedToken, KeyNaming, OAuthConfig, OAuthValidator, axum::AuthLayer};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() {
    let config = OAuthConfig {
        enabled: true,
        issuer: ISSUER.into(),
        jwks_uri: Some(jwks_url()),
        audience: AUDIENCE.into(),
        resource: "https://api.example/".into(),
        algorithms: vec![Alg::chosen().name().into()],
        principal_claims: vec!["name".into()],
        allow_unscoped_tokens: true,
        ..OAuthConfig::default()
    };
    let config = config.resolve(KeyNaming::Dotted("oauth")).unwrap().unwrap();
    let validator = Arc::new(OAuthValidator::builder(&config).initial_jwks(&jwks()).build().unwrap());
    let app = Router::new().route("/me", get(me)).layer(AuthLayer::builder().oauth(validator).build().unwrap());
    axum::serve(TcpListener::from_std(start()).unwrap(), app).await.unwrap();
}

async fn me(token: AuthorizedToken) -> Json<User> {
    Json(User { id: token.subject.unwrap_or_default(), name: token.principal.unwrap_or_default() })
}
