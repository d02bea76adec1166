//! An application with users, tokens and a store that can fail.

use auth_basic::Basic;
use auth_core::{
    Authenticated, Chain, Principal, Strategy,
    extract::{Extractor as _, bearer, cookie, subprotocol},
};
use axum::{Router, body::Body, response::Response, routing::any};
use test_support::users::check_password;
use ws_adapter::{AuthLayer, AuthWebSocketUpgrade, Bodies, Read};

pub(crate) use test_support::{
    server::{Answer, Client, Server, close, presented},
    users::{START, User, clock, jwt_from, principal, protocols, real_token, signed, token, token_with_id},
};

/// `ann:password`: a credential that never ends.
pub(crate) const FOREVER: &str = "Basic YW5uOnBhc3N3b3Jk";

pub(crate) fn bearer_of(sub: &str) -> String {
    format!("Bearer {}", token(sub, 60))
}

pub(crate) fn jwt() -> impl Strategy<User = User> {
    jwt_from(bearer().or(subprotocol("auth.bearer.")).or(cookie("jwt")))
}

pub(crate) fn basic() -> impl Strategy<User = User> {
    Basic::new("test").verify(check_password)
}

pub(crate) fn jwt_or_basic() -> Chain<User> {
    Chain::new().or(jwt()).or(basic())
}

pub(crate) const JWT_OR_BASIC: [&str; 2] = ["Bearer realm=\"test\"", "Basic realm=\"test\", charset=\"UTF-8\""];

/// A layer whose clock stands at [`START`].
pub(crate) fn layer<U: Principal>(chain: Chain<U>) -> AuthLayer<U> {
    AuthLayer::new(chain).timer(clock())
}

/// As [`layer`], for a chain that reads bodies.
pub(crate) fn reading<U: Principal>(chain: Chain<U>) -> AuthLayer<U, Read> {
    AuthLayer::reading_bodies(chain).timer(clock())
}

pub(crate) async fn me(user: Authenticated<User>) -> String {
    user.0.clone()
}

pub(crate) async fn echo(ws: AuthWebSocketUpgrade<User>) -> Response {
    ws.on_upgrade(|mut socket| async move {
        while let Some(message) = socket.recv().await {
            if socket.send(message).await.is_err() {
                break;
            }
        }
    })
}

/// The routes of most tests: `/me` and `/ws` behind one layer.
pub(crate) fn app<M: Bodies<Body>>(layer: AuthLayer<User, M>) -> Router {
    Router::new().route("/me", any(me)).route("/ws", any(echo)).layer(layer)
}

/// A route whose handler sends nothing. `reads` says whether it reads.
pub(crate) fn silent(reads: bool) -> Router {
    let handler = any(move |ws: AuthWebSocketUpgrade<User>| async move {
        ws.on_upgrade(move |mut socket| async move {
            if !reads {
                std::future::pending::<()>().await;
            }
            while socket.recv().await.is_some() {}
        })
    });
    Router::new().route("/ws", handler)
}

pub(crate) fn expired() -> Option<(u16, String)> {
    Some((4401, "token_expired".into()))
}

/// A counter shared with a handler.
pub(crate) type Counter = std::sync::Arc<std::sync::atomic::AtomicUsize>;
