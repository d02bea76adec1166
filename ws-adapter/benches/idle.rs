//! The cost of an idle WebSocket, behind the chain and in a bare axum server.
//!
//! `cargo bench -p ws-adapter --bench idle -- 10000`. Each server is a separate process. Its memory is read with a fifth of these
//! sockets, and again with all of them. The slope between the two is the cost of one socket: what a server costs without
//! sockets does not count. Linux only. Each process needs this many file descriptors (`ulimit -n`).
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a benchmark is not a library"
)]

use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    ops::Range,
    process::{Child, Command, Stdio},
    time::{Duration, Instant, SystemTime},
};

use auth_core::{Chain, Principal, PrincipalId};
use auth_jwt::{Jwt, Signer};
use axum::{Router, extract::ws::WebSocketUpgrade, response::Response, routing::any};
use serde_json::json;
use tokio::{net::TcpListener, runtime::Runtime};
use tokio_tungstenite::{connect_async, tungstenite::client::IntoClientRequest as _};
use ws_adapter::{AuthLayer, AuthWebSocketUpgrade, Connections, Sockets};

const SECRET: &str = "a secret of at least thirty-two bytes";
/// How many handshakes run at the same time.
const AT_A_TIME: usize = 64;

struct User(String);

impl Principal for User {
    fn principal_id(&self) -> Option<PrincipalId> {
        Some(PrincipalId::new("", &self.0))
    }
}

fn main() {
    let mut args = std::env::args().skip(1);
    match args.next().as_deref() {
        Some("serve") => Runtime::new().unwrap().block_on(serve(&args.next().unwrap())),
        first => measure(first.and_then(|count| count.parse().ok()).unwrap_or(1000)),
    }
}

async fn serve(kind: &str) {
    let app = match kind {
        "bare" => Router::new().route("/ws", any(bare)),
        "bare-4k" => Router::new().route("/ws", any(bare_with_small_buffers)),
        _ => Router::new().route("/ws", any(behind_the_chain)).layer(layer(kind)),
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap());
    axum::serve(listener, app).await.unwrap();
}

/// The defaults. With `no-ping`, nothing wakes an idle socket.
fn layer(kind: &str) -> AuthLayer<User> {
    let jwt = Jwt::<serde_json::Value>::hs256(SECRET).unwrap();
    let jwt = jwt.verify(|claims: serde_json::Value| async move { claims["sub"].as_str().map(|sub| User(sub.into())) });
    let sockets = Sockets::new().connections(&Connections::new());
    AuthLayer::new(Chain::new().or(jwt)).sockets(if kind == "no-ping" { sockets.without_ping() } else { sockets })
}

async fn bare(ws: WebSocketUpgrade) -> Response {
    ws.on_upgrade(|mut socket| async move {
        while let Some(Ok(message)) = socket.recv().await {
            let _ = socket.send(message).await;
        }
    })
}

async fn bare_with_small_buffers(ws: WebSocketUpgrade) -> Response {
    bare(ws.read_buffer_size(4 * 1024).write_buffer_size(4 * 1024)).await
}

async fn behind_the_chain(ws: AuthWebSocketUpgrade<User>) -> Response {
    ws.on_upgrade(|mut socket| async move {
        while let Some(message) = socket.recv().await {
            let _ = socket.send(message).await;
        }
    })
}

fn measure(sockets: usize) {
    let few = sockets / 5;
    println!(
        "idle sockets of as many users, with tokens of an hour; memory a socket, by the slope from {few} to {sockets}:"
    );
    let runtime = Runtime::new().unwrap();
    for kind in ["bare", "bare-4k", "auth", "no-ping"] {
        let server = Server::start(kind);
        let first = runtime.block_on(open(server.addr, 0..few));
        let before = server.memory_at_rest();
        let started = Instant::now();
        let rest = runtime.block_on(open(server.addr, few..sockets));
        let took = started.elapsed();
        let each = (server.memory_at_rest() - before) as f64 * 1024.0 / (sockets - few) as f64;
        let busy = server.cpu_over(Duration::from_secs(10));
        println!("{kind:>8}: {each:6.0} bytes, opened in {took:.1?}, idle for 10 s with {busy} ms of processor time");
        drop((first, rest));
    }
}

type Socket = tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

async fn open(addr: SocketAddr, users: Range<usize>) -> Vec<Socket> {
    let signer = Signer::hs256(SECRET).unwrap();
    let exp = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() + 3600;
    let mut sockets = Vec::with_capacity(users.len());
    let numbers: Vec<usize> = users.collect();
    for some in numbers.chunks(AT_A_TIME) {
        let opening = some.iter().map(|number| {
            let claims = json!({ "sub": format!("user {number}"), "jti": format!("token {number}"), "exp": exp });
            let mut request = format!("ws://{addr}/ws").into_client_request().unwrap();
            let authorization = format!("Bearer {}", signer.sign(&claims).unwrap().expose());
            request.headers_mut().insert("authorization", authorization.parse().unwrap());
            tokio::spawn(async move { connect_async(request).await.unwrap().0 })
        });
        for opening in opening.collect::<Vec<_>>() {
            sockets.push(opening.await.unwrap());
        }
    }
    sockets
}

struct Server {
    process: Child,
    addr: SocketAddr,
}

impl Server {
    fn start(kind: &str) -> Self {
        let program = std::env::current_exe().unwrap();
        let mut process = Command::new(program).args(["serve", kind]).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { process, addr: line.trim().parse().unwrap() }
    }

    /// The resident memory, in KiB, once the server has handled what came.
    fn memory_at_rest(&self) -> usize {
        std::thread::sleep(Duration::from_secs(2));
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).expect("Linux only");
        let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// The processor time that it uses in this time, in milliseconds.
    fn cpu_over(&self, time: Duration) -> u64 {
        let before = self.cpu();
        std::thread::sleep(time);
        self.cpu() - before
    }

    fn cpu(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id())).expect("Linux only");
        // User and system time are the 12th and 13th fields after the name, in hundredths of a second. The name may hold spaces.
        let rest: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        (rest[11].parse::<u64>().unwrap() + rest[12].parse::<u64>().unwrap()) * 10
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
