//! An echo server to try the chain by hand: one chain, JWT or Basic, in front of a route, a WebSocket and Socket.IO.
//!
//! This is a program to read and to play with, not a library: nothing in it is meant to be reused.

#[cfg(doctest)]
mod docs;
mod page;
mod serve;
mod socketio;
mod start;
mod users;

use std::{sync::Arc, time::Duration};

use auth_basic::{Basic, BasicLogin};
use auth_core::{
    Authenticated, BoxError, Chain, Strategy,
    extract::{Extractor as _, bearer, cookie, payload_field, subprotocol},
};
use auth_jwt::{HmacSecret, Jwt, Signer};
use axum::{
    Json, Router,
    extract::{State, ws::Message},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{any, get, post},
};
use serde::Serialize;
use ws_adapter::{AuthLayer, AuthSocket, AuthWebSocketUpgrade, Shutdown, Timer};

pub use self::{
    serve::Server,
    start::{TUTORIAL_TOKEN, hints, warnings},
    users::{Claims, User, Users},
};

/// How long a token of `POST /api/token` is good.
const TOKEN_TTL: Duration = Duration::from_secs(900);

/// What the application is built from.
#[derive(Clone)]
#[non_exhaustive]
pub struct Settings {
    /// The HMAC secret of the tokens.
    pub secret: HmacSecret,
    /// The clock by which tokens are issued and judged, and sockets end.
    pub timer: Arc<dyn Timer>,
    /// Ends the sockets on the way out.
    pub shutdown: Shutdown,
    /// Whether a page that is refused at `/ws` sees a close code in the place of a failure without a reason.
    pub accept_then_close: bool,
}

impl Settings {
    /// Settings with this secret and the clock of the operating system.
    pub fn new(secret: impl Into<HmacSecret>) -> Self {
        // Both are for the tutorial's sake, whose secret is `secret`; `warnings` says so at the start.
        let secret = secret.into().dangerous_allow_short_secret();
        Self { secret, timer: Arc::new(auth_core::SystemClock), shutdown: Shutdown::new(), accept_then_close: false }
    }
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings").finish_non_exhaustive()
    }
}

/// The whole application.
///
/// # Errors
/// If the secret is empty.
pub fn app(settings: &Settings) -> Result<Router, BoxError> {
    let users = Arc::new(Users::new());
    let chain = |login| Ok::<_, BoxError>(Chain::new().or(jwt(settings, &users)?).or(basic(login, &users)));
    let layer = |chain| AuthLayer::new(chain).timer(settings.timer.clone()).shutdown(&settings.shutdown);
    let mut jwt_or_basic = layer(chain(Basic::new("demo"))?);
    if settings.accept_then_close {
        jwt_or_basic = jwt_or_basic.accept_then_close();
    }
    // Its clients send a login in `auth`; and where they are refused, the browser is not to ask for one by itself.
    let for_socket_io = layer(chain(Basic::new("demo").from_payload().without_browser_prompt())?);
    let basic_alone = layer(Chain::new().or(basic(Basic::new("demo"), &users)));

    // `route_layer`, so that a path which does not exist is a 404 and no question for a password.
    let protected = Router::new().route("/api/me", get(me)).route("/ws", any(echo)).route_layer(jwt_or_basic);
    let login =
        Router::new().route("/api/token", post(token)).with_state(Arc::new(signer(settings)?)).route_layer(basic_alone);
    let routes = Router::new().merge(page::routes()).merge(protected).merge(login);
    Ok(routes.route("/health", get(|| async { "ok" })).layer(socketio::layer(for_socket_io)))
}

/// Signs the tokens that this application accepts.
///
/// # Errors
/// If the secret is empty.
pub fn signer(settings: &Settings) -> Result<Signer, BoxError> {
    Ok(Signer::hs256(settings.secret.clone())?.clock(settings.timer.clone()))
}

fn jwt(settings: &Settings, users: &Arc<Users>) -> Result<impl Strategy<User = User> + use<>, BoxError> {
    let users = Arc::clone(users);
    Ok(Jwt::<Claims>::hs256(settings.secret.clone())?
        .extract(bearer().or(subprotocol("auth.bearer.")).or(payload_field("token")).or(cookie("jwt")))
        .realm("demo")
        .dangerous_allow_missing_exp()
        .verify(move |claims: Claims| {
            let users = Arc::clone(&users);
            async move { users.by_id(&claims.sub) }
        }))
}

fn basic(basic: Basic, users: &Arc<Users>) -> impl Strategy<User = User> + use<> {
    let users = Arc::clone(users);
    basic.verify(move |login: BasicLogin| {
        let users = Arc::clone(&users);
        async move { users.by_login(&login).await }
    })
}

#[derive(Serialize)]
struct Me {
    id: String,
    name: String,
    strategy: String,
}

async fn me(user: Authenticated<User>) -> Json<Me> {
    let strategy = user.evidence().strategy().to_owned();
    Json(Me { id: user.id.clone(), name: user.name.clone(), strategy })
}

#[derive(Serialize)]
struct Token<'t> {
    token: &'t str,
    expires_in: u64,
}

#[derive(Serialize)]
struct Subject<'u> {
    sub: &'u str,
    name: &'u str,
}

async fn token(State(signer): State<Arc<Signer>>, user: Authenticated<User>) -> Response {
    match signer.sign_for(&Subject { sub: &user.id, name: &user.name }, TOKEN_TTL) {
        Ok(token) => {
            let answer = Token { token: token.expose(), expires_in: TOKEN_TTL.as_secs() };
            ([("cache-control", "no-store")], Json(answer)).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "a token could not be signed");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

async fn echo(ws: AuthWebSocketUpgrade<User>) -> Response {
    ws.on_upgrade(answer)
}

async fn answer(mut socket: AuthSocket<User>) {
    while let Some(message) = socket.recv().await {
        let answer = match message {
            Message::Text(text) => Message::Text(format!("server response: {text}").into()),
            Message::Binary(bytes) => Message::Binary(bytes),
            Message::Ping(_) | Message::Pong(_) => continue,
            Message::Close(_) => break,
        };
        if socket.send(answer).await.is_err() {
            break;
        }
    }
}
