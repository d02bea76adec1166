//! What hostile peers cost, in a process of its own: other tests need memory too.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "../common/mod.rs"]
mod common;
#[path = "../integration/support.rs"]
#[allow(dead_code, clippy::expect_used, clippy::indexing_slicing, reason = "shared with the other tests")]
mod support;

use std::time::Duration;

use axum::{Router, routing::any};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::{WebSocketStream, tungstenite::client::IntoClientRequest as _};
use ws_adapter::{AuthLayer, AuthWebSocketUpgrade};

use crate::support::{Server, User, clock, jwt_or_basic};

/// `ann:password`: a credential without an end.
const FOREVER: &str = "Basic YW5uOnBhc3N3b3Jk";

/// Opens a socket whose client takes little before it reads.
async fn narrow(server: &Server) -> WebSocketStream<TcpStream> {
    let url = server.url("/ws");
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let addr = url.trim_start_matches("http://").split('/').next().unwrap();
    let stream = socket.connect(addr.parse().unwrap()).await.unwrap();
    let mut request = url.replacen("http", "ws", 1).into_client_request().unwrap();
    request.headers_mut().insert("authorization", FOREVER.parse().unwrap());
    tokio_tungstenite::client_async(request, stream).await.unwrap().0
}

/// Many of them: each may cost what one buffer does, and not what may wait of messages.
#[tokio::test]
async fn peers_that_ping_and_read_nothing_cost_a_buffer_each() {
    for reads in [true, false] {
        let handler = any(move |ws: AuthWebSocketUpgrade<User>| async move {
            ws.on_upgrade(move |mut socket| async move {
                if !reads {
                    std::future::pending::<()>().await;
                }
                while socket.recv().await.is_some() {}
            })
        });
        let layer = AuthLayer::new(jwt_or_basic()).timer(clock());
        let server = Server::start(Router::new().route("/ws", handler).layer(layer)).await;
        let mut frame = vec![0x89, 0x80 | 125, 0, 0, 0, 0];
        frame.extend([b'x'; 125]);
        let burst = frame.repeat(1000);
        let mut clients = Vec::new();
        for _ in 0..48 {
            clients.push(narrow(&server).await);
        }
        let before = resident();
        for client in &mut clients {
            let flood = async { while tokio::io::AsyncWriteExt::write_all(client.get_mut(), &burst).await.is_ok() {} };
            let _ = tokio::time::timeout(Duration::from_millis(300), flood).await;
        }
        let grown = resident().saturating_sub(before);
        assert!(grown < 24 * 1024, "{reads}: it has grown by {grown} KiB");
    }
}

/// What is resident of this process, in KiB; nothing where there is no such file.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap_or_default().to_owned();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).unwrap_or_default()
}
