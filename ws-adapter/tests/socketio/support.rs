//! One application with users, tokens and two namespaces, and a server for it.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc, LazyLock, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use auth_basic::{Basic, BasicLogin};
use auth_core::{
    BoxError, Chain, ManualClock, Outcome, Principal, PrincipalId, Rejection, Strategy,
    extract::{Extractor as _, bearer, cookie, socketio_auth, subprotocol},
};
use auth_jwt::{Jwt, Signer};
use axum::{Router, routing::get};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde::{Deserialize, Serialize};
use socketioxide::extract::{Data, SocketRef};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use ws_adapter::{
    AuthLayer, ClientAddress, Connections, Sockets,
    socketio::{AuthSocketIo, SocketIoAuth, SocketUser},
};

use crate::{client::Socket, common::eventually};

const SECRET: &[u8] = b"a secret of at least thirty-two bytes";

/// The instant at which the tests take place; they move it by hand.
pub(crate) static START: LazyLock<SystemTime> =
    LazyLock::new(|| SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000));

#[derive(Clone, Debug)]
pub(crate) struct User(pub(crate) String);

impl Principal for User {
    fn principal_id(&self) -> Option<PrincipalId> {
        Some(PrincipalId::new("", &self.0))
    }
}

/// The user type of `/admin`.
pub(crate) struct Admin(pub(crate) User);

impl Principal for Admin {
    fn principal_id(&self) -> Option<PrincipalId> {
        self.0.principal_id()
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Claims {
    sub: String,
    exp: u64,
}

/// A token of `sub` that ends `secs` after the start; it may be negative.
pub(crate) fn token(sub: &str, secs: i64) -> String {
    let start = START.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let claims = Claims { sub: sub.into(), exp: start.checked_add_signed(secs).unwrap() };
    Signer::hs256(SECRET).unwrap().sign(&claims).unwrap().expose().to_owned()
}

/// The same with an id, by which it can be revoked.
pub(crate) fn token_with_id(sub: &str, secs: u64, id: &str) -> String {
    let start = START.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let claims = serde_json::json!({ "sub": sub, "iat": start, "exp": start + secs, "jti": id });
    Signer::hs256(SECRET).unwrap().sign(&claims).unwrap().expose().to_owned()
}

pub(crate) fn bearer_of(sub: &str) -> String {
    format!("Bearer {}", token(sub, 600))
}

pub(crate) fn basic_of(name: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{name}:{password}")))
}

/// The subprotocols of a page that sends its token among them.
pub(crate) fn protocols_of(sub: &str) -> String {
    format!("auth.v1, auth.bearer.{}", URL_SAFE_NO_PAD.encode(token(sub, 600)))
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

pub(crate) fn close(code: u16, reason: &str) -> Option<(u16, String)> {
    Some((code, reason.to_owned()))
}

/// `broken` and `hanging` are users at whom the store fails in these ways; `nobody` is none.
async fn find(name: String) -> Result<Option<User>, BoxError> {
    // Once over the executor, as a real store would.
    tokio::task::yield_now().await;
    match name.as_str() {
        "broken" => Err("the store is down".into()),
        "hanging" => std::future::pending().await,
        "nobody" => Ok(None),
        _ => Ok(Some(User(name))),
    }
}

pub(crate) fn jwt_or_basic() -> Chain<User> {
    Chain::new().or(jwt()).or(basic())
}

pub(crate) fn jwt() -> impl Strategy<User = User> {
    Jwt::<Claims>::hs256(SECRET)
        .unwrap()
        .realm("test")
        .extract(bearer().or(subprotocol("auth.bearer.")).or(socketio_auth("token")).or(cookie("jwt")))
        .verify(|claims: Claims| find(claims.sub))
}

pub(crate) fn basic() -> impl Strategy<User = User> {
    let login = |login: BasicLogin| async move {
        let known = login.password().expose() == "password";
        Ok::<_, Infallible>(known.then(|| User(login.username().to_owned())))
    };
    Basic::new("test").from_socketio_auth().verify(login)
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

/// A server on a free port, which ends with the test.
pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    task: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start(app: Router) -> Self {
        crate::common::keep_events();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { addr, task }
    }

    /// What is answered to a request line that no HTTP client would send.
    pub(crate) async fn raw(&self, line: &str) -> String {
        let mut stream = TcpStream::connect(self.addr).await.unwrap();
        let request = format!("{line} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", self.addr);
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}
