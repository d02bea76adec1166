//! A server with the deadlines and limits that `axum::serve` leaves out, and a graceful end for its WebSockets.
//!
//! ```text
//! SECRET=0123456789abcdef0123456789abcdef cargo run -p demo --example hardened_server
//! ```
//!
//! Copy `server.rs` into your program, and set its limits to what your clients need.

#[expect(unreachable_pub, reason = "the demo exports it")]
mod server;

use std::{env, error::Error};

use auth_core::{
    Authenticated, Chain, Principal, PrincipalId,
    extract::{Extractor as _, bearer, subprotocol},
};
use auth_jwt::Jwt;
use axum::{
    response::Response,
    routing::{any, get},
};
use serde::Deserialize;
use server::Server;
use tokio::{net::TcpListener, signal::ctrl_c};
use ws_adapter::{AuthLayer, AuthWebSocketUpgrade, Protected, Shutdown, Sockets};

#[derive(Deserialize)]
struct Claims {
    sub: String,
}

struct User {
    id: String,
}

impl Principal for User {
    fn principal_id(&self) -> Option<PrincipalId> {
        Some(PrincipalId::new("", &self.id))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let jwt = Jwt::<Claims>::hs256(env::var("SECRET")?)?
        .extract(bearer().or(subprotocol("auth.bearer.")))
        .verify(|claims: Claims| async move { Some(User { id: claims.sub }) });
    let shutdown = Shutdown::new();
    let layer = AuthLayer::new(Chain::new().or(jwt)).sockets(Sockets::new().shutdown(&shutdown));
    let app = Protected::new(layer)
        .route("/me", get(async |user: Authenticated<User>| user.id.clone()))
        .route("/ws", any(echo))
        .into_router();
    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    Server::default().run(listener, app, shutdown, async { drop(ctrl_c().await) }).await;
    Ok(())
}

async fn echo(ws: AuthWebSocketUpgrade<User>) -> Response {
    ws.on_upgrade(|mut socket| async move {
        while let Some(message) = socket.recv().await {
            if socket.send(message).await.is_err() {
                break;
            }
        }
    })
}
