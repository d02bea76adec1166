//! How much a client may send.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_tungstenite::tungstenite::Message;
use ws_adapter::{ClientAddress, Connections};

use crate::{
    client::{Polling, Socket},
    common::eventually,
    support::*,
};

#[tokio::test]
async fn third_wrong_connect_closes_the_transport() {
    let app = app().await;
    let wrong = r#"{"token":"a.b.c"}"#;
    let mut socket = Socket::open(&app, &[]).await.unwrap();
    for _ in 0..3 {
        assert_eq!(socket.connect("/", wrong).await, Err("unauthorized:invalid_credentials".into()));
    }
    assert_eq!(socket.end().await.1, close(4401, "invalid_credentials"));
    let polling = Polling::open(&app, &[]).await.unwrap();
    for _ in 0..3 {
        assert_eq!(polling.post(&format!("40{wrong}")).await.status, 200);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    eventually(|| app.io.open() == 0).await;
    assert_eq!(app.calls.count(), 0);
}

#[tokio::test]
async fn transports_that_wait_for_a_connect_are_limited() {
    let app = app_with(|layer| layer.connections(&Connections::new().max_pending(2)), |auth| auth).await;
    let mut first = Socket::open(&app, &[]).await.unwrap();
    let second = Polling::open(&app, &[]).await.unwrap();
    assert!(Polling::open(&app, &[]).await.err().unwrap().is(429, "too_many_connections"));
    assert!(Socket::open(&app, &[]).await.unwrap_err().is(429, "too_many_connections"));
    // Who brings a credential is let in all the same.
    Polling::open(&app, &[("authorization", &bearer_of("ann"))]).await.unwrap();

    assert_eq!(first.connect("/", &auth_of("ann")).await, Ok(()));
    Polling::open(&app, &[]).await.unwrap();
    assert_eq!(Polling::open(&app, &[]).await.err().unwrap().status, 429);
    app.clock.advance(Duration::from_secs(10));
    eventually(|| app.io.open() == 1).await;
    Polling::open(&app, &[]).await.unwrap();
    Polling::open(&app, &[]).await.unwrap();
    assert!(second.poll().await.is(400, "unknown_session"));
}

#[tokio::test]
async fn transports_of_one_address_that_wait_for_a_connect_are_limited() {
    let connections = Connections::new().max_pending_per_address(2);
    let proxied = ClientAddress::behind_proxies(1);
    let app = app_with(|layer| layer.connections(&connections).client_address(proxied), |auth| auth).await;
    let (one, other) = ([("x-forwarded-for", "192.0.2.1")], [("x-forwarded-for", "192.0.2.2")]);
    let mut first = Socket::open(&app, &one).await.unwrap();
    let second = Polling::open(&app, &one).await.unwrap();
    assert!(Polling::open(&app, &one).await.err().unwrap().is(429, "too_many_connections"));
    assert!(Socket::open(&app, &one).await.unwrap_err().is(429, "too_many_connections"));
    let _third = Socket::open(&app, &other).await.unwrap();
    // Who brings a credential does not wait.
    Polling::open(&app, &[one[0], ("authorization", &bearer_of("ann"))]).await.unwrap();

    assert_eq!(first.connect("/", &auth_of("ann")).await, Ok(()));
    let _fourth = Socket::open(&app, &one).await.unwrap();
    assert_eq!(second.post("1").await.status, 200);
    let _fifth = Socket::open(&app, &one).await.unwrap();
    assert_eq!(Socket::open(&app, &one).await.unwrap_err().status, 429);
    assert_eq!(connections.pending(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn opening_many_at_once_gets_round_no_limit() {
    for _ in 0..5 {
        let connections = Connections::new().max_pending(5);
        let app = app_with(|layer| layer.connections(&connections), |auth| auth).await;
        let opened = join_all((0..60).map(|_| Polling::open(&app, &[]))).await;
        assert_eq!(opened.iter().filter(|opened| opened.is_ok()).count(), 5);
        for refused in opened.iter().filter_map(|opened| opened.as_ref().err()) {
            assert!(refused.is(429, "too_many_connections"), "{refused:?}");
        }
        assert_eq!(app.io.entries(), [5, 5]);
        assert_eq!(connections.entries(), [0, 0, 5]);
    }
}

#[tokio::test]
async fn transport_that_its_client_closes_waits_no_more() {
    let app = app_with(|layer| layer.connections(&Connections::new().max_pending(2)), |auth| auth).await;
    for close in ["1", "1", "40{}\u{1e}1", "42[\"message\",\"hi\"]", "x"] {
        let first = Polling::open(&app, &[]).await.unwrap();
        let second = Polling::open(&app, &[]).await.unwrap();
        assert_eq!(app.io.open(), 2);
        first.post(close).await;
        second.post(close).await;
        assert_eq!(app.io.open(), 0, "{close}");
        assert!(first.poll().await.is(400, "unknown_session"));
        assert!(first.post("3").await.is(400, "unknown_session"));
        assert!(first.upgrade().await.unwrap_err().is(400, "unknown_session"));
    }
}

#[tokio::test]
async fn two_polls_at_once_close_the_transport() {
    let app = app().await;
    let polling = Polling::open(&app, &[]).await.unwrap();
    // The first one brings the ping of engine.io.
    assert_eq!(polling.poll().await.body, "2");
    let waiting = tokio::spawn({
        let polling = polling.clone();
        async move { polling.poll().await }
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(polling.poll().await.status, 400);
    assert_eq!(waiting.await.unwrap().status, 200);
    assert_eq!(app.io.open(), 0);
    assert!(polling.poll().await.is(400, "unknown_session"));
}

#[tokio::test]
async fn auth_is_at_most_16_kib_long() {
    let app = app().await;
    let padded = |len: usize| {
        let auth = auth_of("ann");
        let padding = "x".repeat(len - auth.len() - r#","p":"""#.len());
        format!(r#"{},"p":"{padding}"}}"#, auth.strip_suffix('}').unwrap())
    };
    assert_eq!(padded(16 * 1024).len(), 16 * 1024);
    let mut socket = Socket::open(&app, &[]).await.unwrap();
    let too_long = socket.connect("/", &padded(16 * 1024 + 1)).await;
    assert_eq!(too_long, Err("unauthorized:invalid_credentials".into()));
    assert_eq!(socket.connect("/", &padded(16 * 1024)).await, Ok(()));
    let polling = Polling::open(&app, &[]).await.unwrap();
    let too_long = polling.connect("/", &padded(16 * 1024 + 1)).await;
    assert_eq!(too_long, Err("unauthorized:invalid_credentials".into()));
    assert_eq!(polling.connect("/", &padded(16 * 1024)).await, Ok(()));
}

#[tokio::test]
async fn message_of_more_than_64_kib_closes_either_transport() {
    let app = app().await;
    let text = |len: usize| "x".repeat(len);
    let mut socket = Socket::open(&app, &[]).await.unwrap();
    assert_eq!(socket.connect("/", &auth_of("ann")).await, Ok(()));
    socket.echoes(&text(60 * 1024), &format!("ann: {}", text(60 * 1024))).await;
    socket.send(&format!(r#"42["message","{}"]"#, text(64 * 1024))).await;
    socket.end().await;
    let polling = Polling::open(&app, &[]).await.unwrap();
    assert_eq!(polling.connect("/", &auth_of("ann")).await, Ok(()));
    polling.echoes(&text(60 * 1024), &format!("ann: {}", text(60 * 1024))).await;
    assert_eq!(polling.post(&format!(r#"42["message","{}"]"#, text(64 * 1024))).await.status, 413);
    eventually(|| app.io.open() == 0).await;
    assert_eq!(app.calls.count(), 4);
}

#[tokio::test]
async fn attachments_of_more_than_64_kib_close_the_transport() {
    use futures_util::SinkExt as _;
    let app = app().await;
    let mut socket = Socket::open(&app, &[]).await.unwrap();
    assert_eq!(socket.connect("/", &auth_of("ann")).await, Ok(()));
    let placeholders: Vec<_> = (0..3).map(|n| format!(r#"{{"_placeholder":true,"num":{n}}}"#)).collect();
    socket.send(&format!(r#"453-["message",{}]"#, placeholders.join(","))).await;
    for _ in 0..3 {
        // Sent to a server that has had enough by then.
        let _ = socket.0.send(Message::binary(vec![0; 40 * 1024])).await;
    }
    socket.end().await;
    eventually(|| app.io.open() == 0).await;
}

#[tokio::test]
async fn body_that_trickles_in_is_given_up() {
    let app = app_with(|layer| layer, |auth| auth.post_timeout(Duration::from_millis(100))).await;
    let polling = Polling::open(&app, &[]).await.unwrap();
    let mut stream = tokio::net::TcpStream::connect(app.server.addr).await.unwrap();
    let target = format!("/socket.io/?EIO=4&transport=polling&sid={}", polling.sid);
    let head = format!("POST {target} HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\nconnection: close\r\n\r\n40");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 408");
}

#[tokio::test]
async fn body_that_trickles_in_does_not_outlive_its_transport() {
    let app = app().await;
    for ends_by_itself in [false, true] {
        let polling = Polling::open(&app, &[]).await.unwrap();
        let mut stream = tokio::net::TcpStream::connect(app.server.addr).await.unwrap();
        let target = format!("/socket.io/?EIO=4&transport=polling&sid={}", polling.sid);
        let head = format!("POST {target} HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\nconnection: close\r\n\r\n40");
        stream.write_all(head.as_bytes()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        if ends_by_itself {
            assert_eq!(polling.post("1").await.status, 200);
        } else {
            app.io.close_all();
        }
        let mut answer = String::new();
        let answered = stream.read_to_string(&mut answer);
        tokio::time::timeout(Duration::from_secs(1), answered).await.unwrap().unwrap();
        assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("unknown_session"), "{answer}");
    }
}

#[tokio::test]
async fn hostile_packets_are_no_fault_of_the_server() {
    let app = app().await;
    for packet in [
        "",
        "4",
        "9",
        "4{",
        "40/",
        "44",
        "45",
        "451-",
        "4299999999999999999999",
        "40{\"token\":",
        "b",
        "\u{1e}",
        "43",
        "5",
        "0",
    ] {
        let polling = Polling::open(&app, &[("authorization", &bearer_of("ann"))]).await.unwrap();
        let answer = polling.post(packet).await;
        assert!(answer.status < 500, "{packet}: {answer:?}");
        let mut socket = Socket::open(&app, &[("authorization", &bearer_of("ann"))]).await.unwrap();
        socket.send(packet).await;
    }
    let mut socket = Socket::open(&app, &[("authorization", &bearer_of("ann"))]).await.unwrap();
    assert_eq!(socket.connect("/", "").await, Ok(()));
    socket.echoes("hi", "ann: hi").await;
}
