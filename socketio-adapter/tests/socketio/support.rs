//! One application with users, tokens and two namespaces, and a server for it.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use auth_basic::Basic;
use auth_core::{
    Chain, ManualClock, Outcome, Principal, PrincipalId, Rejection, Strategy,
    extract::{Extractor as _, bearer, cookie, socketio_auth, subprotocol},
};
use axum::{Router, routing::get};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use socketio_adapter::{AuthSocketIo, SocketIoAuth, SocketUser};
use socketioxide::extract::{Data, SocketRef};
use test_support::users::{check_password, jwt_from, protocols};
use ws_adapter::{AuthLayer, ClientAddress, Connections, Sockets};

pub(crate) use test_support::{
    server::{Server, close},
    users::{START, User, token, token_with_id},
};

use crate::{client::Socket, common::eventually};

/// The user type of `/admin`.
pub(crate) struct Admin(pub(crate) User);

impl Principal for Admin {
    fn principal_id(&self) -> Option<PrincipalId> {
        self.0.principal_id()
    }
}

pub(crate) fn bearer_of(sub: &str) -> String {
    format!("Bearer {}", token(sub, 600))
}

pub(crate) fn basic_of(name: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{name}:{password}")))
}

/// The subprotocols of a page that sends its token among them.
pub(crate) fn protocols_of(sub: &str) -> String {
    protocols(&token(sub, 600))
}

/// An `auth` object with a token.
pub(crate) fn auth_of(sub: &str) -> String {
    format!(r#"{{"token":"{}"}}"#, token(sub, 600))
}

/// An `auth` object with a token of `sub` that ends `secs` after the start.
pub(crate) fn auth_for(sub: &str, secs: i64) -> String {
    format!(r#"{{"token":"{}"}}"#, token(sub, secs))
}

pub(crate) fn auth_with_id(sub: &str, secs: u64, id: &str) -> String {
    format!(r#"{{"token":"{}"}}"#, token_with_id(sub, secs, id))
}

pub(crate) fn jwt_or_basic() -> Chain<User> {
    Chain::new().or(jwt()).or(basic())
}

pub(crate) fn jwt() -> impl Strategy<User = User> {
    jwt_from(bearer().or(subprotocol("auth.bearer.")).or(socketio_auth("token")).or(cookie("jwt")))
}

pub(crate) fn basic() -> impl Strategy<User = User> {
    Basic::new("test").from_socketio_auth().verify(check_password)
}

fn admins() -> Chain<Admin> {
    jwt_or_basic().and_then(|accept| {
        let is_admin = accept.user().0 == "admin";
        Ok(if is_admin { Outcome::Accept(accept.map_user(Admin)) } else { Outcome::Reject(Rejection::forbidden()) })
    })
}

/// How often handlers have run, in all namespaces.
#[derive(Clone, Default)]
pub(crate) struct Calls(Arc<AtomicUsize>);

impl Calls {
    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

pub(crate) struct App<U = User> {
    pub(crate) clock: ManualClock,
    pub(crate) io: AuthSocketIo<U>,
    pub(crate) calls: Calls,
    pub(crate) server: Server,
}

/// The server that most tests ask.
pub(crate) async fn app() -> App {
    app_with(|layer| layer, |auth| auth).await
}

pub(crate) async fn app_with(
    configure: impl FnOnce(AuthLayer<User>) -> AuthLayer<User>,
    limit: impl FnOnce(SocketIoAuth<User>) -> SocketIoAuth<User>,
) -> App {
    app_behind(configure, limit, |router| router).await
}

/// Knows its clients by `x-forwarded-for`.
pub(crate) async fn app_behind_proxy(
    connections: &Connections,
    limit: impl FnOnce(SocketIoAuth<User>) -> SocketIoAuth<User>,
) -> App {
    let proxied = ClientAddress::behind_proxies(1);
    app_with(|layer| layer.sockets(Sockets::new().connections(connections).client_address(proxied)), limit).await
}

/// With what is further out.
pub(crate) async fn app_behind(
    configure: impl FnOnce(AuthLayer<User>) -> AuthLayer<User>,
    limit: impl FnOnce(SocketIoAuth<User>) -> SocketIoAuth<User>,
    further_out: impl FnOnce(Router) -> Router,
) -> App {
    let clock = ManualClock::new(*START);
    let layer = configure(AuthLayer::new(jwt_or_basic()).timer(clock.clone()));
    let (socket_io, io) = limit(SocketIoAuth::new(layer)).build();
    let calls = Calls::default();
    let counter = calls.clone();
    io.ns("/", async move |socket: SocketRef, user: SocketUser<User>| {
        counter.add();
        let welcome = user.0.clone();
        socket.on("message", async move |socket: SocketRef, user: SocketUser<User>, Data(text): Data<String>| {
            counter.add();
            socket.emit("message", &format!("{}: {text}", user.0)).unwrap();
        });
        // From here on no message is lost.
        let _ = socket.emit("welcome", &welcome);
    });
    let counter = calls.clone();
    io.ns_with("/admin", admins(), async move |socket: SocketRef, admin: SocketUser<Admin>| {
        counter.add();
        socket.emit("welcome", &format!("admin {}", admin.0.0)).unwrap();
    });
    let router = Router::new().route("/socket.iox", get(async || "the application")).layer(socket_io);
    App { clock, io, calls, server: Server::start(further_out(router)).await }
}

/// A client in the one namespace of its own, whose socket a handler keeps, that leaves it.
pub(crate) async fn left_and_kept(app: &App) -> (Socket, Arc<Mutex<Option<SocketRef>>>) {
    let kept = Arc::new(Mutex::new(None));
    app.io.ns("/kept", {
        let kept = Arc::clone(&kept);
        async move |socket: SocketRef| drop(kept.lock().unwrap().replace(socket))
    });
    let mut socket = Socket::open(app, &[("authorization", &basic_of("ann", "password"))]).await.unwrap();
    assert_eq!(socket.connect("/kept", "").await, Ok(()));
    eventually(|| kept.lock().unwrap().is_some()).await;
    socket.send("41/kept,").await;
    (socket, kept)
}
