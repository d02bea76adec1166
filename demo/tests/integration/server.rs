//! The accept loop: its deadlines, and responses to unknown paths.

use std::time::Duration;

use demo::Server;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::support::*;

/// Whether the server drops a client that sends `start` and then nothing.
async fn lets_go_of(start: &[u8]) -> bool {
    let mut server = Server::default();
    server.header_deadline = Duration::from_millis(100);
    let demo = Demo::start_with(server).await;
    let mut stream = TcpStream::connect(demo.addr).await.unwrap();
    stream.write_all(start).await.unwrap();
    let mut rest = Vec::new();
    tokio::time::timeout(Duration::from_secs(30), stream.read_to_end(&mut rest)).await.is_ok()
}

#[tokio::test]
async fn client_that_never_finishes_its_head_is_cut_off() {
    assert!(lets_go_of(b"GET / HTTP/1.1\r\nhost: x\r\n").await);
}

#[tokio::test]
async fn silent_client_is_cut_off() {
    assert!(lets_go_of(b"").await);
}

#[tokio::test]
async fn client_that_starts_http2_and_stops_is_cut_off() {
    assert!(lets_go_of(b"PRI * HTTP/2.0\r\n").await);
    assert!(lets_go_of(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await);
}

#[tokio::test]
async fn socket_outlives_the_deadline_of_the_head() {
    let mut server = Server::default();
    server.header_deadline = Duration::from_secs(1);
    let demo = Demo::start_with(server).await;
    let mut client = demo.connect("authorization", BASIC).await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    futures_util::SinkExt::send(&mut client.0, "still here".into()).await.unwrap();
    assert!(client.next().await.unwrap().is_text());
}

#[tokio::test]
async fn path_that_does_not_exist_is_404_with_and_without_credentials() {
    let demo = Demo::start().await;
    for authorization in [None, Some(BASIC), Some(WRONG_BASIC), Some("Bearer a.b.c")] {
        assert_eq!(demo.get("/nope", authorization).await.status(), 404);
    }
}

#[tokio::test]
async fn handshake_in_progress_at_shutdown_is_closed_with_1012() {
    let mut demo = Demo::start().await;
    // The password is still being checked when the signal comes. Either the handshake is refused by then, or the socket is
    // closed properly.
    let (opened, ()) = tokio::join!(demo_connect(demo.addr), async {
        tokio::time::sleep(Duration::from_millis(5)).await;
        demo.stop();
    });
    if let Some(mut client) = opened {
        assert_eq!(client.closed().await, Some((1012, "restarting".into())));
    }
}

async fn demo_connect(addr: std::net::SocketAddr) -> Option<Client> {
    let mut request =
        tokio_tungstenite::tungstenite::client::IntoClientRequest::into_client_request(format!("ws://{addr}/ws"))
            .unwrap();
    request.headers_mut().insert("authorization", BASIC.parse().unwrap());
    tokio_tungstenite::connect_async(request).await.ok().map(|(socket, _)| Client(socket))
}
