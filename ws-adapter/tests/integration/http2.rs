//! Sockets over HTTP/2: extended CONNECT (RFC 8441), frame by frame.

use bytes::Bytes;
use h2::{
    client::{self, SendRequest},
    ext::Protocol,
};
use http::{Request, Response};
use test_support::raw::{TEXT, frame};
use tokio::net::TcpStream;

use std::time::Duration;

use auth_core::{
    Chain, Revocation,
    extract::{Extractor as _, bearer, payload_field},
};
use ws_adapter::{AuthLayer, Close, Connections, Sockets};

use crate::support::*;

/// An HTTP/2 connection on which the server has enabled extended CONNECT.
async fn connection(server: &Server) -> SendRequest<Bytes> {
    let stream = TcpStream::connect(server.addr).await.unwrap();
    let (sender, connection) = client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    // The setting comes with the server's first frame, so it is known after one request.
    let mut sender = sender.ready().await.unwrap();
    let (response, _) = sender.send_request(Request::get(server.url("/")).body(()).unwrap(), true).unwrap();
    response.await.unwrap();
    assert!(sender.is_extended_connect_protocol_enabled());
    sender
}

async fn connect(server: &Server, headers: &[(&str, &str)]) -> (Response<h2::RecvStream>, h2::SendStream<Bytes>) {
    let mut request = Request::connect(server.url("/ws"))
        .extension(Protocol::from_static("websocket"))
        .header("sec-websocket-version", "13");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut sender = connection(server).await.ready().await.unwrap();
    let (response, stream) = sender.send_request(request.body(()).unwrap(), false).unwrap();
    (response.await.unwrap(), stream)
}

async fn server() -> Server {
    Server::start(app(layer(jwt_or_basic()))).await
}

#[tokio::test]
async fn good_token_opens_a_socket_that_echoes() {
    let server = server().await;
    let (response, mut stream) = connect(&server, &[("authorization", &bearer_of("ann"))]).await;
    assert_eq!(response.status(), 200);
    // A final text frame of two bytes, masked with zeroes (RFC 6455, 5.2).
    stream.send_data(Bytes::from_static(b"\x81\x82\0\0\0\0hi"), false).unwrap();
    let mut body = response.into_body();
    assert_eq!(body.data().await.unwrap().unwrap(), &b"\x81\x02hi"[..]);
}

/// Waiting for the end of the stream, or reading from it, would break the socket.
#[tokio::test]
async fn extended_connect_has_no_body_whatever_its_type() {
    let chain = Chain::new().or(jwt_from(bearer().or(payload_field("token"))));
    let server = Server::start(app(reading(chain))).await;
    for content_type in ["application/json", "application/x-www-form-urlencoded"] {
        let headers = [("authorization", &*bearer_of("ann")), ("content-type", content_type)];
        let (response, mut stream) = connect(&server, &headers).await;
        assert_eq!(response.status(), 200);
        stream.send_data(Bytes::from_static(b"\x81\x82\0\0\0\0hi"), false).unwrap();
        assert_eq!(response.into_body().data().await.unwrap().unwrap(), &b"\x81\x02hi"[..]);
    }
}

#[tokio::test]
async fn subprotocol_token_opens_a_socket_and_is_never_echoed() {
    let server = server().await;
    let (response, _stream) = connect(&server, &[("sec-websocket-protocol", &protocols(&token("ann", 60)))]).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["sec-websocket-protocol"], "auth.v1");
}

#[tokio::test]
async fn without_credentials_answers_401_with_every_challenge() {
    let server = server().await;
    let (response, _stream) = connect(&server, &[]).await;
    assert_eq!(response.status(), 401);
    let challenges: Vec<_> = response.headers().get_all("www-authenticate").iter().collect();
    assert_eq!(challenges, JWT_OR_BASIC);
}

#[tokio::test]
async fn foreign_origin_answers_403() {
    let server = server().await;
    let headers = [("origin", "https://evil.example"), ("authorization", &*bearer_of("ann"))];
    assert_eq!(connect(&server, &headers).await.0.status(), 403);
}

#[tokio::test]
async fn own_origin_comes_from_the_authority_in_http2() {
    let server = server().await;
    let origin = format!("http://{}", server.addr);
    let cookie = format!("jwt={}", token("ann", 60));
    assert_eq!(connect(&server, &[("origin", &origin), ("cookie", &cookie)]).await.0.status(), 200);
    assert_eq!(connect(&server, &[("cookie", &cookie)]).await.0.status(), 403);
}

/// The code and the reason of a close frame.
fn closed(frame: &[u8]) -> (u16, &str) {
    assert_eq!(frame[0], 0x88, "{frame:?}");
    (u16::from_be_bytes([frame[2], frame[3]]), std::str::from_utf8(&frame[4..]).unwrap())
}

#[tokio::test]
async fn socket_ends_with_its_credential_and_with_a_revocation() {
    let (clock, connections) = (clock(), Connections::new());
    let layer = AuthLayer::new(jwt_or_basic()).timer(clock.clone()).sockets(Sockets::new().connections(&connections));
    let server = Server::start(app(layer)).await;
    let authorization = |id: &str| format!("Bearer {}", token_with_id("ann", 60, id));
    let (one, _stream) = connect(&server, &[("authorization", &authorization("one"))]).await;
    let (two, _stream) = connect(&server, &[("authorization", &authorization("two"))]).await;
    let (mut one, mut two) = (one.into_body(), two.into_body());
    connections.close(&Revocation::credential("", "one"), &Close::REVOKED);
    assert_eq!(closed(&one.data().await.unwrap().unwrap()), (4403, "revoked"));
    clock.advance(Duration::from_secs(60));
    assert_eq!(closed(&two.data().await.unwrap().unwrap()), (4401, "token_expired"));
}

#[tokio::test]
async fn first_message_authenticates_over_http2() {
    let server = Server::start(app_behind_first_message()).await;
    let (response, mut stream) = connect(&server, &[]).await;
    assert_eq!(response.status(), 200);
    let mut body = response.into_body();
    stream.send_data(frame(TEXT, presented(&token("ann", 60)).as_bytes()).into(), false).unwrap();
    assert_eq!(body.data().await.unwrap().unwrap()[2..], br#"{"type":"auth_ok","ttl":60}"#[..]);
    stream.send_data(frame(TEXT, b"hi").into(), false).unwrap();
    assert_eq!(body.data().await.unwrap().unwrap(), &b"\x81\x02hi"[..]);
}

fn app_behind_first_message() -> axum::Router {
    axum::Router::new().route("/ws", axum::routing::any(echo)).layer(layer(jwt_or_basic()).first_message())
}
