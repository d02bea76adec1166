//! The deadlines of the accept loop.

use std::time::Duration;

use demo::Server;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::support::*;

/// Whether the server lets go of a client that sends `start` and then nothing.
async fn lets_go_of(start: &[u8]) -> bool {
    let mut server = Server::default();
    server.header_deadline = Duration::from_millis(100);
    let demo = Demo::start_with(server).await;
    let mut stream = TcpStream::connect(demo.addr).await.unwrap();
    stream.write_all(start).await.unwrap();
    let mut rest = Vec::new();
    tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut rest)).await.is_ok()
}

#[tokio::test]
async fn client_that_never_ends_its_head_is_cut_off() {
    assert!(lets_go_of(b"GET / HTTP/1.1\r\nhost: x\r\n").await);
}

#[tokio::test]
async fn client_that_says_nothing_is_cut_off() {
    assert!(lets_go_of(b"").await);
}

#[tokio::test]
async fn client_that_begins_http_2_and_stops_is_cut_off() {
    assert!(lets_go_of(b"PRI * HTTP/2.0\r\n").await);
    assert!(lets_go_of(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await);
}

#[tokio::test]
async fn socket_outlives_the_deadline_of_the_head() {
    let mut server = Server::default();
    server.header_deadline = Duration::from_millis(100);
    let demo = Demo::start_with(server).await;
    let mut client = demo.connect("authorization", BASIC).await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    futures_util::SinkExt::send(&mut client.0, "still here".into()).await.unwrap();
    assert!(client.next().await.unwrap().is_text());
}
