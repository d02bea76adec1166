//! A chain behind layers of tower-http that change the type of the request body.
//!
//! ```text
//! SECRET=0123456789abcdef0123456789abcdef cargo run -p ws-adapter --example body_layers
//! ```

use std::{env, error::Error, time::Duration};

use auth_core::{Authenticated, Chain, Principal, PrincipalId};
use auth_jwt::Jwt;
use axum::{Router, routing::post};
use serde::Deserialize;
use tokio::net::TcpListener;
use tower::ServiceBuilder;
use tower_http::{
    decompression::RequestDecompressionLayer, limit::RequestBodyLimitLayer, timeout::RequestBodyTimeoutLayer,
};
use ws_adapter::AuthLayer;

#[derive(Deserialize)]
struct Claims {
    sub: String,
}

pub(crate) struct User {
    id: String,
}

impl Principal for User {
    fn principal_id(&self) -> Option<PrincipalId> {
        Some(PrincipalId::new("", &self.id))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    Ok(axum::serve(listener, app(chain(&env::var("SECRET")?)?)).await?)
}

pub(crate) fn chain(secret: &str) -> Result<Chain<User>, auth_core::ConfigError> {
    let jwt = Jwt::<Claims>::hs256(secret)?.verify(|claims: Claims| async move { Some(User { id: claims.sub }) });
    Ok(Chain::new().or(jwt))
}

pub(crate) fn app(chain: Chain<User>) -> Router {
    let layers = ServiceBuilder::new()
        .layer(RequestBodyTimeoutLayer::new(Duration::from_secs(10)))
        .layer(RequestDecompressionLayer::new())
        .layer(RequestBodyLimitLayer::new(64 * 1024))
        .layer(AuthLayer::new(chain));
    Router::new().route("/", post(count)).layer(layers)
}

async fn count(user: Authenticated<User>, body: String) -> String {
    format!("{} sends {} characters\n", user.id, body.chars().count())
}
