//! What hostile peers cost. It is a separate process, because other tests use memory too.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "../integration/support.rs"]
#[allow(dead_code, unused_imports, reason = "shared with the other tests")]
mod support;

use std::time::Duration;

use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpSocket, TcpStream},
    time::timeout,
};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, tungstenite::client::IntoClientRequest as _};
use ws_adapter::AuthLayer;

use crate::support::{FOREVER, Server, app, clock, jwt_or_basic, silent};

/// Opens a socket whose client has a small receive buffer.
async fn narrow(server: &Server) -> WebSocketStream<TcpStream> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let stream = socket.connect(server.addr).await.unwrap();
    let mut request = format!("ws://{}/ws", server.addr).into_client_request().unwrap();
    request.headers_mut().insert("authorization", FOREVER.parse().unwrap());
    tokio_tungstenite::client_async(request, stream).await.unwrap().0
}

#[tokio::test]
async fn peer_that_pings_without_reading_cannot_fill_the_memory() {
    let server = Server::start(app(AuthLayer::new(jwt_or_basic()).timer(clock()))).await;
    let mut client = server.open(FOREVER).await;
    assert!(client.echoes("open").await);
    let MaybeTlsStream::Plain(stream) = client.0.get_mut() else { panic!("TLS") };
    let burst = pings();
    let before = resident();
    // 60 MB of pings; the client does not read the pongs.
    for _ in 0..460 {
        let written = timeout(Duration::from_secs(2), stream.write_all(&burst)).await;
        if !matches!(written, Ok(Ok(()))) {
            break;
        }
    }
    let grown = resident().saturating_sub(before);
    assert!(grown < 24 * 1024, "it has grown by {grown} KiB");
}

/// Many such peers: each may cost one buffer, but not the limit of waiting messages.
#[tokio::test]
async fn peers_that_ping_without_reading_cost_one_buffer_each() {
    for reads in [true, false] {
        let layer = AuthLayer::new(jwt_or_basic()).timer(clock());
        let server = Server::start(silent(reads).layer(layer)).await;
        let burst = pings();
        let mut clients = Vec::new();
        for _ in 0..48 {
            clients.push(narrow(&server).await);
        }
        let before = resident();
        for client in &mut clients {
            let flood = async { while client.get_mut().write_all(&burst).await.is_ok() {} };
            let _ = timeout(Duration::from_millis(300), flood).await;
        }
        let grown = resident().saturating_sub(before);
        assert!(grown < 24 * 1024, "{reads}: it has grown by {grown} KiB");
    }
}

/// A thousand pings with the longest payload.
fn pings() -> Vec<u8> {
    let mut frame = vec![0x89, 0x80 | 125, 0, 0, 0, 0];
    frame.extend([b'x'; 125]);
    frame.repeat(1000)
}

/// The resident memory of this process, in KiB; 0 on systems without `/proc`.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap_or_default().to_owned();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).unwrap_or_default()
}
