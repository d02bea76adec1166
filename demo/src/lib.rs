//! An echo server for trying the chain by hand: one chain, JWT, Basic or the session of a login, in front of a route, a WebSocket
//! and Socket.IO.
//!
//! This is a program to read and play with. It is not a library.

#[cfg(doctest)]
mod docs;
mod keys;
mod limits;
mod login;
mod logout;
mod page;
mod register;
#[path = "../examples/hardened_server/server.rs"]
mod serve;
mod settings;
mod socketio;
mod start;
mod tokens;
mod users;

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use auth_basic::{Basic, BasicLogin};
use auth_core::{
    Authenticated, BoxError, Chain, Strategy,
    extract::{Extractor as _, bearer, cookie, socketio_auth, subprotocol},
};
use auth_jwt::Jwt;
use auth_session::Devices;
use auth_store::{Revocations, TicketGrant, Tickets};
use axum::{
    Json, Router,
    extract::{State, ws::Message},
    response::Response,
    routing::{any, get, post},
};
use serde::Serialize;
use ws_adapter::{AuthLayer, AuthSocket, AuthWebSocketUpgrade, Connections, Protected, Sockets, Timer};

pub use self::{
    limits::Limits,
    serve::Server,
    settings::Settings,
    start::{TUTORIAL_TOKEN, hints, warnings},
    tokens::sign,
    users::{Claims, User, Users},
};

/// The whole application. It needs a tokio runtime, where it listens for revocations of other nodes.
///
/// # Errors
/// If the secret is empty, or a limit cannot be.
pub fn app(settings: &Settings) -> Result<Router, BoxError> {
    let users = settings.users.clone();
    let revocations = Revocations::new(settings.store.clone()).clock(settings.timer.clone());
    let tickets = Tickets::new(settings.store.clone(), "/ws")?.clock(settings.timer.clone());
    let sessions = login::sessions(settings, &users, revocations.clone())?;
    let connections = Connections::new();
    connections.follow(revocations.clone());

    // Forms and Basic count the same failures.
    let throttle = limits::throttle(settings)?;
    let basic = |basic: Basic| self::basic(basic.throttle(throttle.clone(), settings.client_address), &users);

    let chain = |challenge| {
        let chain = Chain::new().or(jwt(settings, &users)?).or(basic(challenge));
        let chain = chain.or(ticket(&tickets, &users)).or(sessions.strategy());
        Ok::<_, BoxError>(chain.revocation(revocations.clone()))
    };
    let sockets = Sockets::new().connections(&connections).shutdown(&settings.shutdown);
    let sockets = sockets.client_address(settings.client_address);
    let unset = |chain| AuthLayer::new(chain).timer(settings.timer.clone());
    let layer = |chain| unset(chain).sockets(sockets.clone());
    let told = if settings.accept_then_close { sockets.clone().accept_then_close() } else { sockets.clone() };
    let jwt_or_basic = unset(chain(Basic::new("demo"))?).sockets(told);
    // Socket.IO clients send a login in `auth`. If it is refused, the browser must not ask for another one.
    let for_socket_io = layer(chain(Basic::new("demo").from_socketio_auth().without_browser_prompt())?);
    let basic_alone = layer(Chain::new().or(basic(Basic::new("demo"))).revocation(revocations.clone()));

    let log_out = logout::LogOut { revocations, sessions: sessions.clone(), timer: settings.timer.clone() };
    // Closed by default. A path that does not exist is a 404, without a password prompt.
    let protected = Protected::new(jwt_or_basic.clone())
        .route("/api/me", get(me).with_state(settings.timer.clone()))
        .route("/api/ws-ticket", tickets.route::<User, _>())
        .route("/api/logout", post(logout::log_out).with_state(log_out))
        .route("/ws", any(echo))
        .public(page::routes())
        .public(Router::new().route("/health", get(|| async { "ok" })));
    let says_who_it_is_later = Protected::new(jwt_or_basic.first_message()).route("/ws-first-message", any(echo));
    let tokens = tokens::tokens(settings, &sessions, throttle.clone())?;
    let login =
        Protected::new(basic_alone).route("/api/token", post(tokens::issue)).public(tokens.routes()).with_state(tokens);
    let session_alone = login::session_alone(settings, &sessions);
    let is_logged_in = get(me).with_state(settings.timer.clone()).layer(session_alone);
    let routes = protected.into_router().merge(says_who_it_is_later).merge(login);
    let local = login::local(settings, &sessions, throttle.clone())?;
    let routes =
        routes.route("/api/session", is_logged_in).merge(local.routes()).merge(register::route(register::Register {
            local,
            users,
            throttle: throttle.realm("register"),
            address: settings.client_address,
        }));
    let routes = routes.merge(Devices::new(&sessions).path("/api/sessions")?.routes());
    Ok(routes.layer(socketio::layer(for_socket_io)).layer(sessions.layer()))
}

fn jwt(settings: &Settings, users: &Users) -> Result<impl Strategy<User = User> + use<>, BoxError> {
    let users = users.clone();
    Ok(Jwt::<Claims>::hs256(settings.hmac_secret())?
        .extract(bearer().or(subprotocol("auth.bearer.")).or(socketio_auth("token")).or(cookie("jwt")))
        .realm("demo")
        .dangerous_allow_missing_exp()
        .verify(move |claims: Claims| {
            let users = users.clone();
            async move { users.by_id(&claims.sub).await }
        }))
}

fn basic(basic: Basic, users: &Users) -> impl Strategy<User = User> + use<> {
    let users = users.clone();
    basic.verify(move |login: BasicLogin| {
        let users = users.clone();
        async move { users.by_login(&login).await }
    })
}

fn ticket(tickets: &Tickets, users: &Users) -> impl Strategy<User = User> + use<> {
    let users = users.clone();
    tickets.strategy().verify(move |grant: TicketGrant| {
        let users = users.clone();
        async move { users.by_id(grant.principal().subject()).await }
    })
}

#[derive(Serialize)]
struct Me {
    id: String,
    name: String,
    strategy: String,
    /// In seconds; omitted if the credential never ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_in: Option<u64>,
}

async fn me(State(timer): State<Arc<dyn Timer>>, user: Authenticated<User>) -> Json<Me> {
    let evidence = user.evidence();
    let left = |end: SystemTime| end.duration_since(timer.now()).as_ref().map_or(0, Duration::as_secs);
    Json(Me {
        id: user.id.clone(),
        name: user.name.clone(),
        strategy: evidence.strategy().to_owned(),
        expires_in: evidence.expires_at().map(left),
    })
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
