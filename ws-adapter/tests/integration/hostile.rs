//! Hostile requests: the server never answers 5xx, never hangs and keeps serving others.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use crate::support::*;

/// Values of `Authorization` that fuzzers and attackers try first.
fn values() -> Vec<Vec<u8>> {
    let long = |c: &str, n: usize| c.repeat(n).into_bytes();
    let mut values: Vec<Vec<u8>> = [
        "",
        " ",
        "Bearer",
        "Bearer ",
        "Bearer  ",
        "Bearer\tx",
        "bearer ..",
        "Bearer .",
        "Bearer ...",
        "Bearer a.b.c",
        "Bearer e30.e30.",
        "Bearer eyJhbGciOiJub25lIn0.e30.",
        "Bearer a b",
        "Bearer =",
        "Bearer \"x\"",
        "Bearer a,b",
        "Basic",
        "Basic ",
        "Basic =",
        "Basic ====",
        "Basic Og==",
        "Basic AA==",
        "Basic *",
        "Basic YQ",
        "Digest x=y",
        "Negotiate",
        ",",
        "Bearer\u{1}",
        "Basic \u{e9}",
    ]
    .iter()
    .map(|text| text.as_bytes().to_vec())
    .collect();
    values.push(b"Bearer \xff\xfe".to_vec());
    values.push([b"Bearer ".to_vec(), long("x", 8193)].concat());
    values.push([b"Bearer ".to_vec(), long("a.", 4000)].concat());
    values.push([b"Bearer ".to_vec(), long(".", 8000)].concat());
    values.push([b"Basic ".to_vec(), long("YWFh", 1025)].concat());
    values.push(long("x", 60_000));
    values
}

/// The status of the response to a raw request head.
async fn status_of(server: &Server, head: &[u8]) -> u16 {
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    stream.write_all(head).await.unwrap();
    let mut line = [0; 12];
    timeout(Duration::from_secs(2), stream.read_exact(&mut line)).await.expect("no answer within 2 s").unwrap();
    String::from_utf8_lossy(&line[9..]).parse().unwrap()
}

const PLAIN: &str = "GET /me HTTP/1.1\r\nhost: x\r\n";
const HANDSHAKE: &str = "GET /ws HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
                         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

async fn refuses_all(name: &str, values: Vec<Vec<u8>>) {
    let server = Server::start(app(layer(jwt_or_basic()))).await;
    for value in values {
        for head in [PLAIN, HANDSHAKE] {
            let head = [head.as_bytes(), name.as_bytes(), b": ", &value, b"\r\n\r\n"].concat();
            let status = status_of(&server, &head).await;
            assert!((400..500).contains(&status), "{status} for {:?}", String::from_utf8_lossy(&head));
        }
    }
    assert_eq!(server.get("/me", &[("authorization", &bearer_of("ann"))]).await.body, "ann");
}

#[tokio::test]
async fn hostile_authorization_is_refused_with_4xx() {
    refuses_all("authorization", values()).await;
}

#[tokio::test]
async fn hostile_cookies_are_refused_with_4xx() {
    let jars = ["jwt", "jwt=", "jwt=\"", "jwt=\"\"", "jwt=a; jwt=b", ";;;=;", "jwt=a b", "jwt=..", "=jwt"];
    refuses_all("cookie", jars.iter().map(|jar| jar.as_bytes().to_vec()).collect()).await;
}

#[tokio::test]
async fn hostile_subprotocols_are_refused_with_4xx() {
    let lists = [
        "",
        ",",
        ",,,",
        "auth.bearer.",
        "auth.bearer., x",
        "auth.bearer.!, x",
        "auth.bearer.YQ==, x",
        "auth.bearer.YQ, auth.bearer.YQ, x",
        "x, auth.bearer.//8",
        "auth.bearer._w, x",
        "AUTH.BEARER.YQ, x",
    ];
    let mut lists: Vec<Vec<u8>> = lists.iter().map(|list| list.as_bytes().to_vec()).collect();
    lists.push(["auth.bearer.".as_bytes(), &b"A".repeat(50_000), b", x"].concat());
    refuses_all("sec-websocket-protocol", lists).await;
}

#[tokio::test]
async fn hostile_origins_are_refused_with_4xx() {
    let origins =
        ["", "null", "x", "http://", "http://[", "http://x:99999", "http://x:-1", "http://\u{e9}", "a://b", "//x"];
    refuses_all("origin", origins.iter().map(|origin| origin.as_bytes().to_vec()).collect()).await;
}
