//! An authentication chain as tower middleware, for HTTP routes and WebSocket handshakes alike.
//!
//! It is for servers on axum, tower or hyper that authenticate with a chain of `auth-core`. It is not a strategy and
//! holds no chain logic: who is let in is decided there. It does not limit rates or provide TLS.
//!
#![cfg_attr(feature = "axum", doc = "```no_run")]
#![cfg_attr(not(feature = "axum"), doc = "```ignore")]
//! use std::convert::Infallible;
//!
//! use auth_basic::{Basic, BasicLogin};
//! use auth_core::{Authenticated, Chain, Principal, PrincipalId, extract::{Extractor as _, bearer, subprotocol}};
//! use auth_jwt::Jwt;
//! use axum::{response::Response, routing::{any, get}};
//! use serde::Deserialize;
//! use ws_adapter::{AuthLayer, AuthWebSocketUpgrade, Protected};
//!
//! #[derive(Deserialize)]
//! struct Claims {
//!     sub: String,
//! }
//!
//! struct User {
//!     id: String,
//! }
//!
//! impl Principal for User {
//!     fn principal_id(&self) -> Option<PrincipalId> {
//!         Some(PrincipalId::new("", &self.id))
//!     }
//! }
//!
//! async fn me(user: Authenticated<User>) -> String {
//!     user.id.clone()
//! }
//!
//! async fn echo(ws: AuthWebSocketUpgrade<User>) -> Response {
//!     ws.on_upgrade(|mut socket| async move {
//!         while let Some(message) = socket.recv().await {
//!             if socket.send(message).await.is_err() {
//!                 break;
//!             }
//!         }
//!     })
//! }
//!
//! # async fn check(_: &BasicLogin) -> bool { false }
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let jwt = Jwt::<Claims>::hs256(std::env::var("SECRET")?)?
//!         .extract(bearer().or(subprotocol("auth.bearer.")))
//!         .verify(|claims: Claims| async move { Some(User { id: claims.sub }) });
//!     let basic = Basic::new("example").verify(|login: BasicLogin| async move {
//!         let right = check(&login).await;
//!         Ok::<_, Infallible>(right.then(|| User { id: login.username().to_owned() }))
//!     });
//!     let chain = Chain::new().or(jwt).or(basic);
//!
//!     // Closed by default: what is added here is behind the chain.
//!     let app = Protected::new(AuthLayer::new(chain))
//!         .route("/me", get(me))
//!         .route("/ws", any(echo))
//!         .into_router();
//!     let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
//!     Ok(axum::serve(listener, app).await?)
//! }
//! ```
//!
//! On a plain `Router`, routes that are added after the layer are open, silently; [`Protected`] does not have this trap. [`AuthLayer`]
//! documents the order of decisions; [`AuthSocket`] and [`Close`], what ends an open socket. A refusal
//! is the same HTTP answer for a route and for a handshake, and an [`OnRefusal`] hook may change it. Open connections are found,
//! counted, limited and closed through [`Connections`], which follows revocations of this node and of others.
//!
//! # Features
//!
//! | Feature | Adds |
//! |---|---|
//! | `axum` (default) | [`Protected`], [`AuthWebSocketUpgrade`], [`AuthSocket`], [`FirstMessageLayer`] with its [`FirstMessageCodec`]s, [`Connections`], [`Shutdown`], and the extractors of `auth-core` |
//! | `connections` | [`Connections`], [`Sockets`], [`Close`], [`Shutdown`], and [`adapter`]: what adapters of other protocols build on; part of `axum` |
//! | `metrics` | counters of decisions, refusals, refreshes and closes, and gauges of what is open; the repository's `docs/websocket.md` lists them |
//!
//! # Panics in strategies
//!
//! A panic of a strategy or callback is answered with 500 and the server goes on, unless the program is built with
//! `panic = "abort"`, where nothing can be caught.

#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(
    not(feature = "connections"),
    allow(unreachable_pub, reason = "some helpers are public for adapters, behind `connections`")
)]

mod http;
mod layer;
mod telemetry;
#[cfg(feature = "axum")]
mod waker;

#[cfg(feature = "connections")]
pub mod adapter;
#[cfg(feature = "connections")]
mod close;
#[cfg(feature = "connections")]
mod connections;
#[cfg(feature = "connections")]
mod few;
#[cfg(feature = "connections")]
mod lifetime;
#[cfg(feature = "connections")]
mod own_memory;
#[cfg(feature = "axum")]
mod protected;
#[cfg(feature = "connections")]
mod shutdown;
#[cfg(feature = "axum")]
mod websocket;

#[cfg(feature = "connections")]
pub use auth_core::ClientAddress;
pub use auth_core::Timer;

#[cfg(feature = "connections")]
pub use self::{
    close::{Close, CloseCodes},
    connections::{Attempt, AttemptLimiter, AttemptPlace, ConnectionId, Connections, Overflow, Sockets},
    shutdown::Shutdown,
};
pub use self::{
    http::{
        Auth, Bodies, DefaultOnRefusal, OnRefusal, Read, Require, RequireFuture, RequireLayer, ResponseBody,
        ResponseFuture, Untouched, require_scope,
    },
    layer::AuthLayer,
};
#[cfg(feature = "axum")]
pub use self::{
    protected::{Protected, guard::Guard},
    websocket::{
        AuthSocket, AuthV1, AuthWebSocketUpgrade, Decoded, FirstMessage, FirstMessageCodec, FirstMessageFuture,
        FirstMessageLayer, GraphqlTransportWs, RefreshError, RefreshErrorKind, UpgradeRejection,
    },
};
