//! Clients that authenticate with a first message.

use std::{
    net::SocketAddr,
    sync::{Arc, atomic::AtomicUsize, atomic::Ordering},
    time::Duration,
};

use auth_core::{Clock as _, Revocation};
use axum::{Router, routing::any};
use futures_util::SinkExt as _;
use serde_json::json;
use tokio::{io::AsyncWriteExt as _, net::TcpListener};
use tokio_tungstenite::tungstenite::Message;
use ws_adapter::{
    AuthLayer, AuthWebSocketUpgrade, ClientAddress, Close, Connections, FirstMessageLayer, Overflow, Shutdown, Sockets,
};

use crate::{
    common::eventually,
    feed::Feed,
    support::{
        Client, Counter, START, Server, User, bearer_of, clock, close, echo, expired, jwt_or_basic, layer, me,
        presented, principal, token, token_with_id,
    },
};

/// Routes behind the layer, and a count of all calls.
async fn serve(layer: FirstMessageLayer<User>) -> (Server, Counter) {
    let called = Counter::default();
    let counter = Arc::clone(&called);
    let counted = move |ws: AuthWebSocketUpgrade<User>| {
        counter.fetch_add(1, Ordering::SeqCst);
        echo(ws)
    };
    let open = Arc::clone(&called);
    // Relies on the layer alone, as many routes do.
    let bare = move || {
        open.fetch_add(1, Ordering::SeqCst);
        async { "for users only" }
    };
    let app = Router::new().route("/ws", any(counted)).route("/bare", any(bare)).route("/me", any(me)).layer(layer);
    (Server::start(app).await, called)
}

async fn anonymous(server: &Server, path: &str) -> Client {
    server.connect(path, &[]).await.unwrap().0
}

fn count(called: &AtomicUsize) -> usize {
    called.load(Ordering::SeqCst)
}

#[tokio::test]
async fn good_first_message_is_answered_and_then_the_handler_runs() {
    let (server, called) = serve(layer(jwt_or_basic()).first_message()).await;
    let mut client = anonymous(&server, "/ws").await;
    assert_eq!(count(&called), 0, "nothing is dispatched before the credential");
    assert_eq!(client.present(&token("ann", 60)).await, json!({"type": "auth_ok", "ttl": 60}));
    assert!(client.echoes("hello").await);
    assert_eq!(count(&called), 1);
}

#[tokio::test]
async fn socket_opened_by_first_message_ends_with_its_credential() {
    let clock = clock();
    let (server, _) = serve(AuthLayer::new(jwt_or_basic()).timer(clock.clone()).first_message()).await;
    let mut client = anonymous(&server, "/ws").await;
    assert_eq!(client.present(&token("ann", 60)).await["type"], "auth_ok");
    assert!(client.echoes("hello").await);
    clock.advance(Duration::from_secs(60));
    assert_eq!(client.closed().await, expired());
}

#[tokio::test]
async fn socket_opened_by_first_message_can_be_refreshed_and_revoked() {
    let (connections, feed) = (Connections::new(), Feed::new());
    connections.follow(feed.clone());
    feed.is_followed().await;
    let (server, _) =
        serve(layer(jwt_or_basic()).sockets(Sockets::new().connections(&connections)).first_message()).await;
    let mut client = server.connect("/ws", &[("sec-websocket-protocol", "auth.v1")]).await.unwrap().0;
    assert_eq!(client.present(&token_with_id("ann", 60, "old")).await["ttl"], 60);
    assert_eq!(client.present(&token_with_id("ann", 900, "new")).await["ttl"], 900);
    assert_eq!((connections.count(), connections.pending()), (1, 0));
    feed.revoke(Revocation::credential("", "new"));
    assert_eq!(client.closed().await, close(4403, "revoked"));
}

#[tokio::test]
async fn message_sent_before_the_answer_waits_for_it() {
    let (server, _) = serve(layer(jwt_or_basic()).first_message()).await;
    let mut client = anonymous(&server, "/ws").await;
    client.send(&presented(&token("ann", 60))).await;
    client.send("pipelined").await;
    assert_eq!(client.json().await["type"], "auth_ok");
    assert_eq!(client.next().await, Some(Message::text("pipelined")));
}

#[tokio::test]
async fn message_after_a_wrong_credential_is_never_dispatched() {
    let (server, called) = serve(layer(jwt_or_basic()).first_message()).await;
    let mut client = anonymous(&server, "/ws").await;
    client.send(&presented("a.b.c")).await;
    client.send("pipelined").await;
    assert_eq!(client.closed().await, close(4401, "invalid_credentials"));
    assert_eq!(count(&called), 0);
}

#[tokio::test]
async fn first_message_refusals_close_with_the_matching_code() {
    let (server, called) = serve(layer(jwt_or_basic()).first_message()).await;
    for (sub, secs, code, reason) in [
        ("ann", -61, 4401, "token_expired"),
        ("ann", -1, 4401, "token_expired"),
        ("nobody", 60, 4401, "invalid_credentials"),
        ("broken", 60, 1013, "unavailable"),
        ("panic", 60, 1011, "internal_error"),
    ] {
        let mut client = anonymous(&server, "/ws").await;
        client.send(&presented(&token(sub, secs))).await;
        assert_eq!(client.closed().await, close(code, reason), "{sub} {secs}");
    }
    assert_eq!(count(&called), 0);
}

#[tokio::test]
async fn any_other_first_message_closes_with_4401() {
    let (server, called) = serve(layer(jwt_or_basic()).first_message()).await;
    for message in [
        Message::text("hello"),
        Message::text(r#"{"type":"auth"}"#),
        Message::text(r#"{"type":"auth","scheme":"bearer","credentials":""}"#),
        Message::binary(presented(&token("ann", 60)).into_bytes()),
    ] {
        let mut client = anonymous(&server, "/ws").await;
        client.0.send(message).await.unwrap();
        assert_eq!(client.closed().await, close(4401, "invalid_credentials"));
    }
    assert_eq!(count(&called), 0);
}

#[tokio::test]
async fn silence_closes_with_4408_at_the_deadline_and_not_before() {
    let clock = clock();
    let (server, called) = serve(AuthLayer::new(jwt_or_basic()).timer(clock.clone()).first_message()).await;
    let mut early = anonymous(&server, "/ws").await;
    let mut late = anonymous(&server, "/ws").await;
    let _ = (pong(&mut early).await, pong(&mut late).await);
    clock.advance(Duration::from_millis(9_999));
    assert_eq!(early.present(&token("ann", 60)).await["type"], "auth_ok");
    clock.advance(Duration::from_millis(1));
    assert_eq!(late.closed().await, close(4408, "auth_timeout"));
    assert!(early.echoes("in time").await);
    assert_eq!(count(&called), 1);
}

#[tokio::test]
async fn first_message_deadline_ignores_changes_of_the_wall_clock() {
    for minutes in [-20_i64, 20] {
        let clock = clock();
        let (server, _) = serve(AuthLayer::new(jwt_or_basic()).timer(clock.clone()).first_message()).await;
        let mut client = anonymous(&server, "/ws").await;
        let _ = pong(&mut client).await;
        let by = Duration::from_secs(60 * minutes.unsigned_abs());
        clock.set(if minutes < 0 { clock.now() - by } else { clock.now() + by });
        clock.advance(Duration::from_millis(9_999));
        let _ = pong(&mut client).await;
        clock.advance(Duration::from_millis(1));
        assert_eq!(client.closed().await, close(4408, "auth_timeout"), "{minutes}");
    }
}

/// Sends a ping and waits for the pong. Then the server waits for the first message.
async fn pong(client: &mut Client) -> bool {
    client.0.send(Message::Ping("x".into())).await.unwrap();
    matches!(client.next().await, Some(Message::Pong(_)))
}

#[tokio::test]
async fn pings_do_not_extend_the_deadline() {
    let clock = clock();
    let (server, _) = serve(AuthLayer::new(jwt_or_basic()).timer(clock.clone()).first_message()).await;
    let mut client = anonymous(&server, "/ws").await;
    for _ in 0..9 {
        assert!(pong(&mut client).await);
        clock.advance(Duration::from_secs(1));
    }
    assert!(pong(&mut client).await);
    clock.advance(Duration::from_secs(1));
    assert_eq!(client.closed().await, close(4408, "auth_timeout"));
}

#[tokio::test]
async fn flood_of_pings_is_closed_long_before_the_deadline() {
    let (server, _) = serve(layer(jwt_or_basic()).first_message()).await;
    let mut client = anonymous(&server, "/ws").await;
    for _ in 0..16 {
        assert!(pong(&mut client).await);
    }
    client.0.send(Message::Ping("x".into())).await.unwrap();
    assert_eq!(client.closed().await, close(4401, "invalid_credentials"));
}

#[tokio::test]
async fn first_message_that_is_too_long_closes_with_1009_unread() {
    let (server, _) = serve(layer(jwt_or_basic()).first_message()).await;
    let mut client = anonymous(&server, "/ws").await;
    // Only the head of a frame of 17 KiB.
    let tokio_tungstenite::MaybeTlsStream::Plain(stream) = client.0.get_mut() else { panic!("TLS") };
    let [high, low] = u16::to_be_bytes(17 * 1024);
    stream.write_all(&[0x81, 0x80 | 126, high, low, 1, 2, 3, 4]).await.unwrap();
    assert_eq!(client.closed().await, close(1009, "too_big"));
}

#[tokio::test]
async fn dribbled_first_message_ends_at_the_deadline() {
    let clock = clock();
    let (server, _) = serve(AuthLayer::new(jwt_or_basic()).timer(clock.clone()).first_message()).await;
    let mut client = anonymous(&server, "/ws").await;
    assert!(pong(&mut client).await);
    let tokio_tungstenite::MaybeTlsStream::Plain(stream) = client.0.get_mut() else { panic!("TLS") };
    stream.write_all(&[0x81, 0x80 | 100, 0, 0, 0, 0]).await.unwrap();
    for _ in 0..10 {
        stream.write_all(b"{").await.unwrap();
        stream.flush().await.unwrap();
        clock.advance(Duration::from_secs(1));
    }
    assert_eq!(client.closed().await, close(4408, "auth_timeout"));
}

#[tokio::test]
async fn request_that_only_looks_like_a_handshake_reaches_no_route() {
    let (server, called) = serve(layer(jwt_or_basic()).first_message()).await;
    let fake = [("upgrade", "websocket"), ("connection", "upgrade")];
    let answer = server.get("/bare", &fake).await;
    assert!(answer.is(401, "missing_credentials"), "{answer:?}");
    assert_eq!(answer.challenges().len(), 2);
    assert!(server.get("/bare", &[]).await.is(401, "missing_credentials"));
    // A real handshake waits for the credential. Then the route opens no socket.
    let mut client = anonymous(&server, "/bare").await;
    assert_eq!(count(&called), 0);
    assert_eq!(client.present(&token("ann", 60)).await["type"], "auth_ok");
    assert_eq!(client.closed().await, close(4403, "forbidden"));
    assert_eq!(count(&called), 1, "only after authentication");
}

#[tokio::test]
async fn first_message_layer_still_checks_handshakes_and_requests() {
    let (server, _) = serve(layer(jwt_or_basic()).first_message()).await;
    assert!(server.open(&bearer_of("ann")).await.echoes("hello").await);
    assert!(server.refused(&[("authorization", "Bearer a.b.c")]).await.is(401, "invalid_credentials"));
    assert_eq!(server.get("/me", &[("authorization", &bearer_of("ann"))]).await.body, "ann");
    let foreign = [("origin", "https://evil.example")];
    assert!(server.refused(&foreign).await.is(403, "origin_not_allowed"));
}

#[tokio::test]
async fn path_without_a_route_closes_after_the_credential() {
    let (server, _) = serve(layer(jwt_or_basic()).first_message()).await;
    let mut client = anonymous(&server, "/nowhere").await;
    assert_eq!(client.present(&token("ann", 60)).await["type"], "auth_ok");
    assert_eq!(client.closed().await, close(4403, "forbidden"));
}

#[tokio::test]
async fn registry_limits_the_pending_sockets() {
    let connections = Connections::new().max_pending(2);
    let (server, _) =
        serve(layer(jwt_or_basic()).sockets(Sockets::new().connections(&connections)).first_message()).await;
    let (one, mut two) = (anonymous(&server, "/ws").await, anonymous(&server, "/ws").await);
    assert_eq!(connections.pending(), 2);
    assert!(server.refused(&[]).await.is(429, "too_many_connections"));
    assert!(server.open(&bearer_of("ann")).await.echoes("a credential needs no place").await);
    assert_eq!(two.present(&token("ann", 60)).await["type"], "auth_ok");
    drop(one);
    eventually(|| connections.pending() == 0).await;
    let _again = anonymous(&server, "/ws").await;
}

#[tokio::test]
async fn registry_limits_the_pending_sockets_of_one_address() {
    let connections = Connections::new().max_pending_per_address(1);
    let behind = ClientAddress::behind_proxies(1);
    let layer =
        layer(jwt_or_basic()).sockets(Sockets::new().connections(&connections).client_address(behind)).first_message();
    let (server, _) = serve(layer).await;
    let from = |address: &'static str| [("x-forwarded-for", address)];
    let _one = server.connect("/ws", &from("198.51.100.1")).await.unwrap();
    assert!(server.refused(&from("198.51.100.1")).await.is(429, "too_many_connections"));
    assert!(server.refused(&from("203.0.113.9, 198.51.100.1")).await.is(429, "too_many_connections"));
    let _two = server.connect("/ws", &from("198.51.100.2")).await.unwrap();
}

#[tokio::test]
async fn client_address_is_that_of_the_peer_if_the_server_has_it() {
    let connections = Connections::new().max_pending_per_address(1);
    let layer = layer(jwt_or_basic()).sockets(Sockets::new().connections(&connections)).first_message();
    let app = Router::new().route("/ws", any(echo)).layer(layer);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let serving = axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>());
    let server = Server { addr, task: Some(tokio::spawn(async move { serving.await.unwrap() })) };
    let _one = anonymous(&server, "/ws").await;
    let lying = [("x-forwarded-for", "198.51.100.1")];
    assert!(server.refused(&lying).await.is(429, "too_many_connections"));
}

#[tokio::test]
async fn first_message_layer_keeps_the_user_limit() {
    let connections = Connections::new().per_user(1, Overflow::RejectNew);
    let (server, _) =
        serve(layer(jwt_or_basic()).sockets(Sockets::new().connections(&connections)).first_message()).await;
    let mut one = anonymous(&server, "/ws").await;
    assert_eq!(one.present(&token("ann", 60)).await["type"], "auth_ok");
    let mut two = anonymous(&server, "/ws").await;
    two.send(&presented(&token("ann", 60))).await;
    assert_eq!(two.closed().await, close(4429, "too_many_connections"));
}

#[tokio::test]
async fn shutdown_closes_pending_sockets() {
    let shutdown = Shutdown::new();
    let (server, _) = serve(layer(jwt_or_basic()).sockets(Sockets::new().shutdown(&shutdown)).first_message()).await;
    let mut client = anonymous(&server, "/ws").await;
    eventually(|| shutdown.open_sockets() == 1).await;
    shutdown.begin();
    assert_eq!(client.closed().await, close(1012, "restarting"));
    shutdown.drained().await;
}

#[tokio::test]
async fn pending_peer_that_vanishes_is_forgotten() {
    let connections = Connections::new();
    let (server, called) =
        serve(layer(jwt_or_basic()).sockets(Sockets::new().connections(&connections)).first_message()).await;
    drop(anonymous(&server, "/ws").await);
    let mut polite = anonymous(&server, "/ws").await;
    polite.0.close(None).await.unwrap();
    eventually(|| connections.pending() == 0).await;
    assert_eq!(count(&called), 0);
}

#[tokio::test]
async fn refused_sockets_count_as_pending_until_they_are_closed() {
    let connections = Connections::new().max_pending(1);
    let (server, _) =
        serve(layer(jwt_or_basic()).sockets(Sockets::new().connections(&connections)).first_message()).await;
    let mut client = anonymous(&server, "/ws").await;
    client.send("no credential").await;
    // The client does not answer the close.
    assert!(server.refused(&[]).await.is(429, "too_many_connections"));
    assert_eq!(client.closed().await, close(4401, "invalid_credentials"));
    drop(client);
    eventually(|| connections.pending() == 0).await;
}

#[tokio::test]
async fn shutdown_does_not_wait_for_a_chain_that_hangs() {
    let shutdown = Shutdown::new();
    let (server, _) = serve(layer(jwt_or_basic()).sockets(Sockets::new().shutdown(&shutdown)).first_message()).await;
    let mut client = anonymous(&server, "/ws").await;
    client.send(&presented(&token("stuck", 60))).await;
    eventually(|| shutdown.open_sockets() == 1).await;
    shutdown.begin();
    assert_eq!(client.closed().await, close(1012, "restarting"));
}

/// A layer in front of a route that hangs or panics.
async fn before(route: axum::routing::MethodRouter, connections: &Connections) -> (Server, auth_core::ManualClock) {
    let clock = clock();
    let layer = AuthLayer::new(jwt_or_basic())
        .timer(clock.clone())
        .sockets(Sockets::new().connections(connections))
        .first_message();
    (Server::start(Router::new().route("/ws", route).layer(layer)).await, clock)
}

#[tokio::test]
async fn route_that_hangs_does_not_outlive_the_end_or_a_revocation() {
    let connections = Connections::new();
    let (server, clock) = before(any(std::future::pending::<()>), &connections).await;
    let (mut one, mut two) = (anonymous(&server, "/ws").await, anonymous(&server, "/ws").await);
    assert_eq!(one.present(&token_with_id("ann", 60, "one")).await["type"], "auth_ok");
    assert_eq!(two.present(&token_with_id("ann", 60, "two")).await["type"], "auth_ok");
    eventually(|| connections.count() == 2).await;
    connections.close(&Revocation::credential("", "one"), &Close::REVOKED);
    assert_eq!(one.closed().await, close(4403, "revoked"));
    clock.advance(Duration::from_secs(60));
    assert_eq!(two.closed().await, expired());
}

#[tokio::test]
async fn route_that_panics_closes_with_1011() {
    let panics = any(|| async {
        if true {
            panic!("the route panics")
        }
    });
    let (server, _) = before(panics, &Connections::new()).await;
    let mut client = anonymous(&server, "/ws").await;
    assert_eq!(client.present(&token("ann", 60)).await["type"], "auth_ok");
    assert_eq!(client.closed().await, close(1011, "internal_error"));
}

#[tokio::test]
async fn first_message_is_limited_to_16_kib_whatever_the_later_limit() {
    let layer = layer(jwt_or_basic()).first_message().max_message_size(1024 * 1024);
    let (server, _) = serve(layer).await;
    let mut client = anonymous(&server, "/ws").await;
    client.send(&presented(&"a".repeat(17 * 1024))).await;
    assert_eq!(client.closed().await, close(1009, "too_big"));
    let mut client = anonymous(&server, "/ws").await;
    assert_eq!(client.present(&token("ann", 60)).await["type"], "auth_ok");
    assert!(client.echoes(&"a".repeat(100 * 1024)).await);
}

#[tokio::test]
async fn handshake_waits_for_a_first_message_behind_an_optional_layer() {
    let layer = AuthLayer::optional(jwt_or_basic()).timer(clock()).first_message();
    let (server, _) = serve(layer).await;
    let mut client = anonymous(&server, "/ws").await;
    assert_eq!(client.present(&token("ann", 60)).await["type"], "auth_ok");
    assert_eq!(server.get("/bare", &[]).await.body, "for users only", "as without first messages");
}

/// The task of the socket starts after the handler of the route has returned.
#[tokio::test]
async fn end_of_the_credential_wins_over_a_revocation_before_the_start() {
    let (clock, connections) = (clock(), Connections::new());
    let layer = AuthLayer::new(jwt_or_basic()).timer(clock.clone()).sockets(Sockets::new().connections(&connections));
    let late = any(move |ws: AuthWebSocketUpgrade<User>| async move {
        let response = ws.on_upgrade(async |mut socket| while socket.recv().await.is_some() {});
        clock.advance(Duration::from_secs(60));
        assert_eq!(connections.close(&Revocation::user(principal("ann"), *START), &Close::REVOKED), 1);
        response
    });
    let server = Server::start(Router::new().route("/ws", late).layer(layer.first_message())).await;
    let mut client = anonymous(&server, "/ws").await;
    client.send(&presented(&token("ann", 60))).await;
    while let Some(message) = client.next().await {
        if let Message::Close(frame) = message {
            assert_eq!(frame.map(|frame| u16::from(frame.code)), Some(4401));
            return;
        }
    }
    panic!("no close frame");
}
