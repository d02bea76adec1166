use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use demo::TUTORIAL_TOKEN;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio_tungstenite::tungstenite::Message;

use crate::support::*;

#[tokio::test]
async fn text_gets_a_server_response_and_binary_is_echoed() {
    let demo = Demo::start().await;
    let mut client = demo.connect("authorization", &format!("Bearer {TUTORIAL_TOKEN}")).await.unwrap();
    client.0.send(Message::text("hello")).await.unwrap();
    assert_eq!(client.next().await, Some(Message::text("server response: hello")));
    client.0.send(Message::binary(vec![0, 255])).await.unwrap();
    assert_eq!(client.next().await, Some(Message::binary(vec![0, 255])));
}

#[tokio::test]
async fn basic_and_a_subprotocol_token_open_a_socket() {
    let demo = Demo::start().await;
    assert!(demo.connect("authorization", BASIC).await.is_ok());
    let offered = format!("auth.v1, auth.bearer.{}", URL_SAFE_NO_PAD.encode(TUTORIAL_TOKEN));
    assert!(demo.connect("sec-websocket-protocol", &offered).await.is_ok());
}

#[tokio::test]
async fn other_handshakes_are_refused_before_the_upgrade() {
    let demo = Demo::start().await;
    assert_eq!(demo.connect("x-nothing", "x").await.unwrap_err(), 401);
    assert_eq!(demo.connect("authorization", "Bearer a.b.c").await.unwrap_err(), 401);
    assert_eq!(demo.connect("authorization", WRONG_BASIC).await.unwrap_err(), 401);
    assert_eq!(demo.connect("authorization", "Bearer").await.unwrap_err(), 400);
    assert_eq!(demo.connect("origin", "https://evil.example").await.unwrap_err(), 403);
    assert_eq!(demo.connect("origin", "null").await.unwrap_err(), 403);
}

#[tokio::test]
async fn idle_socket_closes_when_its_two_second_token_expires() {
    let demo = Demo::start().await;
    let mut client = demo.connect("authorization", &demo.bearer(2)).await.unwrap();
    demo.advance(2);
    assert_eq!(client.closed().await, Some((4401, "token_expired".into())));
}

#[tokio::test]
async fn busy_socket_closes_when_its_two_second_token_expires() {
    let demo = Demo::start().await;
    let client = demo.connect("authorization", &demo.bearer(2)).await.unwrap();
    let (mut sender, mut receiver) = client.0.split();
    let flood = tokio::spawn(async move { while sender.send(Message::text("x")).await.is_ok() {} });
    for _ in 0..100 {
        receiver.next().await.unwrap().unwrap();
    }
    demo.advance(2);
    let close = loop {
        if let Message::Close(frame) = receiver.next().await.unwrap().unwrap() {
            break frame.unwrap();
        }
    };
    assert_eq!((u16::from(close.code), close.reason.as_str()), (4401, "token_expired"));
    flood.abort();
}

#[tokio::test]
async fn shutdown_closes_sockets_with_1012_and_ends() {
    let mut demo = Demo::start().await;
    let mut client = demo.connect("authorization", BASIC).await.unwrap();
    demo.stop();
    assert_eq!(client.closed().await, Some((1012, "restarting".into())));
    drop(client);
    tokio::time::timeout(std::time::Duration::from_secs(30), &mut demo.task).await.unwrap().unwrap();
}
