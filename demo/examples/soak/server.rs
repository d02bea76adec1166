//! The server: one chain and one registry in front of every kind of connection.

use std::{
    convert::Infallible,
    io::{BufRead as _, Write as _, stdin, stdout},
    time::{Duration, SystemTime},
};

use auth_basic::{Basic, BasicLogin};
use auth_core::{
    BoxError, Chain, Principal, PrincipalId, Revocation,
    extract::{Extractor as _, bearer, socketio_auth},
};
use auth_jwt::Jwt;
use auth_store::{MemoryStore, Revocations};
use axum::{Router, extract::ws::Message, response::Response, routing::any};
use demo::Server;
use serde::Deserialize;
use serde_json::json;
use socketio_adapter::{AuthSocketIo, SocketIoAuth, SocketUser};
use socketioxide::{
    extract::{Data, SocketRef},
    handler::ConnectHandler,
};
use tokio::{net::TcpListener, runtime::Handle};
use ws_adapter::{AuthLayer, AuthWebSocketUpgrade, ClientAddress, Connections, Overflow, Shutdown, Sockets};

/// The clients know it too. The server listens only on the loopback.
pub(crate) const SECRET: &str = "a secret of at least thirty-two bytes";
/// The password of all users.
pub(crate) const PASSWORD: &str = "password";

struct User(String);

impl Principal for User {
    fn principal_id(&self) -> Option<PrincipalId> {
        Some(PrincipalId::new("", &self.0))
    }
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
}

/// Serves until standard input ends.
pub(crate) async fn serve(max_pending: usize) -> Result<(), BoxError> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_env_filter("error").init();
    let revocations = Revocations::new(MemoryStore::new());
    let connections = Connections::new().per_user(10, Overflow::CloseOldest).max_pending(max_pending);
    connections.follow(revocations.clone());
    let sockets = Sockets::new()
        .connections(&connections)
        .client_address(ClientAddress::behind_proxies(1))
        // A Basic login never expires. Silent clients must be noticed before the soak test checks.
        .ping(Duration::from_secs(10), Duration::from_secs(10));
    let layer = AuthLayer::new(chain(&revocations)?).sockets(sockets);
    let (socket_io, io) = SocketIoAuth::new(layer.clone()).build();
    for namespace in ["/", "/one", "/two"] {
        io.ns(namespace, (async || {}).with(prepare));
    }
    let app = Router::new()
        .route("/ws", any(echo))
        .layer(layer.clone())
        .merge(Router::new().route("/first", any(echo)).layer(layer.first_message()))
        .layer(socket_io);

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    answer(&format!("{}", listener.local_addr()?))?;
    let runtime = Handle::current();
    std::thread::spawn(move || listen(&runtime, &connections, &io, &revocations));
    Server::default().run(listener, app, Shutdown::new(), std::future::pending()).await;
    Ok(())
}

fn chain(revocations: &Revocations) -> Result<Chain<User>, BoxError> {
    let jwt = Jwt::<Claims>::hs256(SECRET)?
        .extract(bearer().or(socketio_auth("token")))
        .verify(|claims: Claims| async move { Some(User(claims.sub)) });
    // No password hash: the test is about connections.
    let basic = Basic::new("soak").from_socketio_auth().verify(|login: BasicLogin| async move {
        Ok::<_, Infallible>((login.password().expose() == PASSWORD).then(|| User(login.username().to_owned())))
    });
    Ok(Chain::new().or(jwt).or(basic).revocation(revocations.clone()))
}

async fn echo(ws: AuthWebSocketUpgrade<User>) -> Response {
    ws.on_upgrade(|mut socket| async move {
        while let Some(message) = socket.recv().await {
            if matches!(message, Message::Text(_) | Message::Binary(_)) && socket.send(message).await.is_err() {
                break;
            }
        }
    })
}

async fn prepare(socket: SocketRef) -> Result<(), Infallible> {
    socket.on("message", async |socket: SocketRef, _: SocketUser<User>, Data(text): Data<String>| {
        // If the client does not read, its buffer fills up and it loses messages.
        let _ = socket.emit("message", &text);
    });
    Ok(())
}

/// Reads `status`, or `revoke` with the name of a user, one per line. The end of the input ends the process.
fn listen(runtime: &Handle, connections: &Connections, io: &AuthSocketIo<User>, revocations: &Revocations) {
    for line in stdin().lock().lines().map_while(Result::ok) {
        if let Some(user) = line.strip_prefix("revoke ") {
            let revocation = Revocation::user(PrincipalId::new("", user), SystemTime::now());
            runtime.block_on(revocations.revoke(&revocation)).expect("the store is in memory");
        } else {
            let status = json!({
                "connections": connections.count(),
                "pending": connections.pending(),
                "entries": connections.entries(),
                "transports": io.open(),
                "transport_entries": io.entries(),
            });
            let _ = answer(&status.to_string());
        }
    }
    std::process::exit(0);
}

fn answer(line: &str) -> std::io::Result<()> {
    let mut out = stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}
