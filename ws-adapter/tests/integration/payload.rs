//! Request bodies with a credential.

use std::time::Duration;

use auth_core::{Chain, extract::payload_field};
use axum::{
    Router,
    body::{Body, Bytes},
    routing::post,
};
use reqwest::Method;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use ws_adapter::{AuthLayer, Bodies, Read};

use crate::support::*;

const JSON: (&str, &str) = ("content-type", "application/json");
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

fn in_body() -> AuthLayer<User, Read> {
    reading(Chain::new().or(jwt_from(payload_field("access_token"))))
}

async fn server<M: Bodies<Body>>(layer: AuthLayer<User, M>) -> Server {
    Server::start(Router::new().route("/", post(|body: Bytes| async move { body })).layer(layer)).await
}

async fn answer_to(content_type: (&str, &str), body: String) -> Answer {
    server(in_body()).await.send(Method::POST, "/", &[content_type], body).await
}

#[tokio::test]
async fn token_in_json_is_accepted_and_the_handler_gets_the_body() {
    let body = format!("{{ \"access_token\" : \"{}\", \"text\": \"\\u00e9\" }}\n", token("ann", 60));
    let answer = answer_to(JSON, body.clone()).await;
    assert_eq!((answer.status, answer.body), (200, body));
}

#[tokio::test]
async fn token_in_a_form_is_accepted_and_the_handler_gets_the_body() {
    let body = format!("a=%20&access_token={}&b", token("ann", 60));
    let answer = answer_to(FORM, body.clone()).await;
    assert_eq!((answer.status, answer.body), (200, body));
}

#[tokio::test]
async fn body_without_the_field_has_no_credential() {
    assert!(answer_to(JSON, "{}".into()).await.is(401, "missing_credentials"));
    assert!(answer_to(FORM, "a=1".into()).await.is(401, "missing_credentials"));
    assert!(answer_to(JSON, String::new()).await.is(401, "missing_credentials"));
}

#[tokio::test]
async fn body_that_does_not_match_its_type_answers_400() {
    assert!(answer_to(JSON, "{".into()).await.is(400, "invalid_body"));
    assert!(answer_to(FORM, "access_token=%FF".into()).await.is(400, "invalid_body"));
}

#[tokio::test]
async fn body_of_another_type_has_no_credential() {
    assert!(answer_to(("content-type", "text/plain"), "access_token=x".into()).await.is(401, "missing_credentials"));
}

#[tokio::test]
async fn field_that_is_repeated_or_not_a_string_answers_400() {
    assert!(answer_to(JSON, "{\"access_token\":1}".into()).await.is(400, "invalid_request"));
    assert!(answer_to(JSON, "{\"access_token\":\"a\",\"access_token\":\"a\"}".into()).await.is(400, "invalid_request"));
    assert!(answer_to(FORM, "access_token=a&access_token=a".into()).await.is(400, "invalid_request"));
}

fn json_of_length(len: usize) -> String {
    let start = format!("{{\"access_token\":\"{}\",\"pad\":\"", token("ann", 60));
    let pad = "x".repeat(len - start.len() - 2);
    format!("{start}{pad}\"}}")
}

#[tokio::test]
async fn body_is_read_up_to_16_kib() {
    assert_eq!(answer_to(JSON, json_of_length(16 * 1024)).await.status, 200);
    assert!(answer_to(JSON, json_of_length(16 * 1024 + 1)).await.is(413, "payload_too_large"));
}

#[tokio::test]
async fn body_limit_can_be_set() {
    let server = server(in_body().max_payload(1000)).await;
    assert_eq!(server.send(Method::POST, "/", &[JSON], json_of_length(1000)).await.status, 200);
    assert_eq!(server.send(Method::POST, "/", &[JSON], json_of_length(1001)).await.status, 413);
}

/// Sends the head of a request with `framing`, then `body`, and returns the status line.
async fn raw(server: &Server, framing: &str, body: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    let head = format!("POST / HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n{framing}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    let mut line = [0; 12];
    stream.read_exact(&mut line).await.unwrap();
    String::from_utf8_lossy(&line).into_owned()
}

#[tokio::test]
async fn chunked_body_is_limited_too() {
    let server = server(in_body()).await;
    let body = json_of_length(16 * 1024 + 1);
    let chunked = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    assert_eq!(raw(&server, "transfer-encoding: chunked", chunked.as_bytes()).await, "HTTP/1.1 413");
}

#[tokio::test]
async fn body_that_cannot_be_read_answers_400() {
    let server = server(in_body()).await;
    assert_eq!(raw(&server, "transfer-encoding: chunked", b"no length\r\n").await, "HTTP/1.1 400");
}

#[tokio::test]
async fn body_that_does_not_come_answers_408() {
    let server = server(in_body().payload_timeout(Duration::from_millis(50))).await;
    assert_eq!(raw(&server, "content-length: 10", b"{").await, "HTTP/1.1 408");
}

#[tokio::test]
async fn body_is_not_read_if_no_strategy_needs_it() {
    let server = server(layer(jwt_or_basic())).await;
    let headers = [("authorization", &*bearer_of("ann")), JSON];
    let body = "x".repeat(100_000);
    let answer = server.send(Method::POST, "/", &headers, body.clone()).await;
    assert_eq!((answer.status, answer.body), (200, body));
}

#[tokio::test]
async fn body_of_a_handshake_is_read_only_if_announced() {
    let server = server(in_body().payload_timeout(Duration::from_millis(50))).await;
    let upgrade = "connection: upgrade\r\nupgrade: websocket";
    assert_eq!(raw(&server, upgrade, b"").await, "HTTP/1.1 401");
    assert_eq!(raw(&server, &format!("{upgrade}\r\ncontent-length: 5"), b"").await, "HTTP/1.1 408");
}
