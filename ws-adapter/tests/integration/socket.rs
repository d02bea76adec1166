//! An open socket and its end.

use std::{
    pin::Pin,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use auth_core::ManualClock;
use axum::{Router, extract::ws::Message, response::Response, routing::any};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio_tungstenite::{
    MaybeTlsStream,
    tungstenite::{self, protocol::CloseFrame},
};
use ws_adapter::{AuthLayer, AuthSocket, AuthWebSocketUpgrade, Close, Shutdown, Sockets};

use crate::{common::eventually, support::*};

/// A server whose only route runs `handler`, with its clock.
async fn serving<F, Fut>(handler: F) -> (Server, ManualClock)
where
    F: Fn(AuthSocket<User>) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let clock = clock();
    let layer = AuthLayer::new(jwt_or_basic()).timer(clock.clone());
    let route = any(move |ws: AuthWebSocketUpgrade<User>| async move { ws.on_upgrade(handler) });
    (Server::start(Router::new().route("/ws", route).layer(layer)).await, clock)
}

async fn echo_all(mut socket: AuthSocket<User>) {
    while let Some(message) = socket.recv().await {
        if socket.send(message).await.is_err() {
            break;
        }
    }
}

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn idle_socket_closes_exactly_at_expiry() {
    let (server, clock) = serving(echo_all).await;
    let mut client = server.open(&bearer_of("ann")).await;
    clock.advance(MINUTE - Duration::from_nanos(1));
    assert!(client.echoes("one nanosecond left").await);
    clock.advance(Duration::from_nanos(1));
    assert_eq!(client.closed().await, expired());
}

#[tokio::test]
async fn busy_socket_closes_at_expiry() {
    let (server, clock) = serving(echo_all).await;
    let client = server.open(&bearer_of("ann")).await;
    let (mut sender, mut receiver) = client.0.split();
    let flood = tokio::spawn(async move { while sender.send(tungstenite::Message::text("x")).await.is_ok() {} });
    // The socket is busy once a hundred echoes have come back.
    for _ in 0..100 {
        receiver.next().await.unwrap().unwrap();
    }
    clock.advance(MINUTE);
    let close = tokio::time::timeout(Duration::from_secs(5), async {
        loop {
            if let tungstenite::Message::Close(Some(frame)) = receiver.next().await.unwrap().unwrap() {
                return (u16::from(frame.code), frame.reason.to_string());
            }
        }
    });
    assert_eq!(close.await.ok(), expired());
    flood.abort();
}

/// A clock whose timers are late, as real timers always are by a little.
#[derive(Clone)]
struct LateTimer(ManualClock);

impl auth_core::Clock for LateTimer {
    fn now(&self) -> std::time::SystemTime {
        self.0.now()
    }

    fn monotonic(&self) -> Duration {
        self.0.monotonic()
    }
}

impl ws_adapter::Timer for LateTimer {
    fn sleep_until(&self, deadline: std::time::SystemTime) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(self.0.wait_until(deadline + Duration::from_millis(1)))
    }

    fn sleep(&self, span: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(self.0.wait_for(span + Duration::from_millis(1)))
    }
}

#[tokio::test]
async fn handler_that_ends_between_the_deadline_and_its_timer_closes_with_4401() {
    let clock = clock();
    let layer = AuthLayer::new(jwt_or_basic()).timer(LateTimer(clock.clone()));
    let server = Server::start(app(layer)).await;
    let mut client = server.open(&bearer_of("ann")).await;
    assert!(client.echoes("in time").await);
    clock.advance(MINUTE);
    client.send("too late").await;
    assert_eq!(client.closed().await, expired());
}

#[tokio::test]
async fn busy_socket_closes_with_4401_by_the_system_clock_too() {
    let server = Server::start(app(AuthLayer::new(jwt_or_basic()))).await;
    let client = server.open(&format!("Bearer {}", real_token("ann", 1))).await;
    let (mut sender, mut receiver) = client.0.split();
    let flood = tokio::spawn(async move { while sender.send(tungstenite::Message::text("x")).await.is_ok() {} });
    let close = loop {
        if let tungstenite::Message::Close(Some(frame)) = receiver.next().await.unwrap().unwrap() {
            break frame;
        }
    };
    assert_eq!((u16::from(close.code), close.reason.as_str()), (4401, "token_expired"));
    flood.abort();
}

#[tokio::test]
async fn handler_that_never_polls_its_socket_is_closed_and_dropped() {
    struct Dropped(Counter);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let dropped = Counter::default();
    let counter = dropped.clone();
    let (server, clock) = serving(move |socket| {
        let guard = Dropped(counter.clone());
        async move {
            let _kept = (socket, guard);
            std::future::pending().await
        }
    })
    .await;
    let mut client = server.open(&bearer_of("ann")).await;
    clock.advance(MINUTE);
    assert_eq!(client.closed().await, expired());
    eventually(|| dropped.load(Ordering::SeqCst) == 1).await;
}

#[tokio::test]
async fn socket_moved_to_another_task_closes_at_expiry() {
    let ended = Counter::default();
    let counter = ended.clone();
    let (server, clock) = serving(move |socket| {
        let counter = counter.clone();
        async move {
            tokio::spawn(async move {
                echo_all(socket).await;
                counter.fetch_add(1, Ordering::SeqCst);
            });
        }
    })
    .await;
    let mut client = server.open(&bearer_of("ann")).await;
    assert!(client.echoes("from another task").await);
    clock.advance(MINUTE);
    assert_eq!(client.closed().await, expired());
    eventually(|| ended.load(Ordering::SeqCst) == 1).await;
}

#[tokio::test]
async fn split_socket_closes_at_expiry() {
    let (server, clock) = serving(|socket: AuthSocket<User>| async move {
        let (mut sender, mut receiver) = socket.split();
        while let Some(Ok(message)) = receiver.next().await {
            sender.send(message).await.unwrap();
        }
    })
    .await;
    let mut client = server.open(&bearer_of("ann")).await;
    assert!(client.echoes("in halves").await);
    clock.advance(MINUTE);
    assert_eq!(client.closed().await, expired());
}

#[tokio::test]
async fn nothing_is_received_after_expiry() {
    let received = Counter::default();
    let counter = received.clone();
    let (server, clock) = serving(move |mut socket: AuthSocket<User>| {
        let counter = counter.clone();
        async move {
            while let Some(Message::Text(_)) = socket.recv().await {
                counter.fetch_add(1, Ordering::SeqCst);
            }
        }
    })
    .await;
    let mut client = server.open(&bearer_of("ann")).await;
    clock.advance(MINUTE);
    // The socket may still be open, or closing.
    let _ = client.0.send(tungstenite::Message::text("too late")).await;
    assert_eq!(client.closed().await, expired());
    assert_eq!(received.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn socket_behind_two_layers_ends_with_the_first_credential_to_end() {
    let clock = clock();
    let outer = AuthLayer::new(jwt_or_basic()).timer(clock.clone());
    let from_header = auth_core::Chain::new().or(jwt_from(auth_core::extract::header("x-token")));
    let inner = AuthLayer::new(from_header).timer(clock.clone());
    let server = Server::start(app(inner).layer(outer)).await;
    let open = async |outer_secs, inner_secs| {
        let (outer, inner) = (format!("Bearer {}", token("ann", outer_secs)), token("ann", inner_secs));
        server.connect("/ws", &[("authorization", &outer), ("x-token", &inner)]).await.unwrap().0
    };
    let (mut outer_ends, mut inner_ends, mut stays) = (open(60, 600).await, open(600, 60).await, open(600, 600).await);
    clock.advance(MINUTE);
    assert_eq!(outer_ends.closed().await, expired());
    assert_eq!(inner_ends.closed().await, expired());
    assert!(stays.echoes("still good").await);
}

/// A socket behind two layers with these shutdowns.
async fn behind(outer: &Shutdown, inner: &Shutdown) -> (Server, Client) {
    let inner = app(layer(jwt_or_basic()).sockets(Sockets::new().shutdown(inner)));
    let server = Server::start(inner.layer(layer(jwt_or_basic()).sockets(Sockets::new().shutdown(outer)))).await;
    let mut client = server.open(&bearer_of("ann")).await;
    assert!(client.echoes("open").await);
    (server, client)
}

#[tokio::test]
async fn socket_behind_two_layers_ends_with_either_shutdown() {
    for begins in [0, 1] {
        let shutdowns = [Shutdown::new(), Shutdown::new()];
        let (_server, mut client) = behind(&shutdowns[0], &shutdowns[1]).await;
        shutdowns[begins].begin();
        assert_eq!(client.closed().await, Some((1012, "restarting".into())));
    }
}

#[tokio::test]
async fn socket_behind_two_layers_of_one_shutdown_counts_once() {
    let shutdown = Shutdown::new();
    let _open = behind(&shutdown, &shutdown).await;
    assert_eq!(shutdown.open_sockets(), 1);
}

#[tokio::test]
async fn credential_without_expiry_never_closes_the_socket() {
    let (server, clock) = serving(echo_all).await;
    let mut client = server.open("Basic YWRtaW46cGFzc3dvcmQ=").await;
    clock.advance(1_000_000 * MINUTE);
    assert!(client.echoes("a year later").await);
}

#[tokio::test]
async fn peer_that_reads_nothing_is_cut_off_at_expiry() {
    async fn send_for_ever(ws: AuthWebSocketUpgrade<User>) -> Response {
        // More than the buffers of both ends hold: a send finally waits forever.
        ws.on_upgrade(|mut socket| async move {
            while socket.send(Message::Binary(vec![0; 60_000].into())).await.is_ok() {}
        })
    }
    let (clock, open) = (clock(), Shutdown::new());
    let layer = AuthLayer::new(jwt_or_basic()).timer(clock.clone()).sockets(Sockets::new().shutdown(&open));
    let server = Server::start(Router::new().route("/ws", any(send_for_ever)).layer(layer)).await;
    let _silent = server.open(&bearer_of("ann")).await;
    eventually(|| open.open_sockets() == 1).await;
    clock.advance(MINUTE);
    eventually(|| open.open_sockets() == 0).await;
}

#[tokio::test]
async fn message_above_64_kib_closes_with_1009() {
    let (server, _) = serving(echo_all).await;
    let mut client = server.open(&bearer_of("ann")).await;
    assert!(client.echoes(&"x".repeat(64 * 1024)).await);
    client.send(&"x".repeat(64 * 1024 + 1)).await;
    assert_eq!(client.closed().await, Some((1009, "too_big".into())));
}

#[tokio::test]
async fn longest_message_can_be_set() {
    async fn small(ws: AuthWebSocketUpgrade<User>) -> Response {
        ws.max_message_size(100).on_upgrade(echo_all)
    }
    let server = Server::start(Router::new().route("/ws", any(small)).layer(layer(jwt_or_basic()))).await;
    let mut client = server.open(&bearer_of("ann")).await;
    assert!(client.echoes(&"x".repeat(100)).await);
    client.send(&"x".repeat(101)).await;
    assert_eq!(client.closed().await, Some((1009, "too_big".into())));
}

#[tokio::test]
async fn message_in_many_frames_is_limited_too() {
    use tungstenite::protocol::frame::{
        Frame,
        coding::{Data, OpCode},
    };
    let (server, _) = serving(echo_all).await;
    let mut client = server.open(&bearer_of("ann")).await;
    for i in 0..3 {
        let code = if i == 0 { Data::Text } else { Data::Continue };
        let frame = Frame::message(vec![b'x'; 30_000], OpCode::Data(code), false);
        client.0.send(tungstenite::Message::Frame(frame)).await.unwrap();
    }
    assert_eq!(client.closed().await, Some((1009, "too_big".into())));
}

/// The close that answers a frame with these bytes, followed by the mask.
async fn close_after(frame: &[u8]) -> Option<(u16, String)> {
    let (server, _) = serving(echo_all).await;
    let mut client = server.open(&bearer_of("ann")).await;
    let MaybeTlsStream::Plain(stream) = client.0.get_mut() else { panic!("it is plain TCP") };
    tokio::io::AsyncWriteExt::write_all(stream, frame).await.unwrap();
    client.closed().await
}

#[tokio::test]
async fn text_that_is_not_utf_8_closes_with_1007() {
    assert_eq!(close_after(b"\x81\x82\0\0\0\0\xff\xff").await, Some((1007, "invalid_text".into())));
}

#[tokio::test]
async fn frame_that_breaks_the_protocol_closes_with_1002() {
    let protocol_error = Some((1002, "protocol_error".to_owned()));
    // No mask; a reserved opcode; a continuation without a start; a ping of 126 bytes.
    assert_eq!(close_after(b"\x81\x02hi").await, protocol_error);
    assert_eq!(close_after(b"\x83\x80\0\0\0\0").await, protocol_error);
    assert_eq!(close_after(b"\x80\x80\0\0\0\0").await, protocol_error);
    assert_eq!(close_after(&[b"\x89\xfe\0\x7e".as_slice(), &[0; 4 + 126]].concat()).await, protocol_error);
}

#[tokio::test]
async fn shutdown_closes_with_1012_and_drains() {
    let shutdown = Shutdown::new();
    let layer = layer(jwt_or_basic()).sockets(Sockets::new().shutdown(&shutdown));
    let server = Server::start(app(layer)).await;
    let mut first = server.open(&bearer_of("ann")).await;
    let mut second = server.open(&bearer_of("bob")).await;
    assert!(first.echoes("open").await && second.echoes("open").await);
    assert_eq!(shutdown.open_sockets(), 2);
    shutdown.begin();
    let restarting = Some((1012, "restarting".to_owned()));
    assert_eq!(first.closed().await, restarting);
    assert_eq!(second.closed().await, restarting);
    // Once the clients have answered, no socket is left.
    drop((first, second));
    tokio::time::timeout(Duration::from_secs(5), shutdown.drained()).await.unwrap();
    assert_eq!(shutdown.open_sockets(), 0);
}

#[tokio::test]
async fn handler_that_returns_closes_with_1000() {
    let (server, _) = serving(|_| async {}).await;
    assert_eq!(server.open(&bearer_of("ann")).await.closed().await, Some((1000, String::new())));
}

#[tokio::test]
async fn handler_closes_with_its_own_code() {
    let (server, _) = serving(|socket: AuthSocket<User>| async move { socket.close(Close::new(4001, "enough")) }).await;
    assert_eq!(server.open(&bearer_of("ann")).await.closed().await, Some((4001, "enough".into())));
}

#[tokio::test]
async fn close_ends_the_socket_at_once_and_the_handler_continues() {
    let done = Counter::default();
    let counter = done.clone();
    let (server, clock) = serving(move |socket: AuthSocket<User>| {
        let counter = counter.clone();
        async move {
            socket.close(Close::new(4001, "enough"));
            tokio::task::yield_now().await;
            counter.fetch_add(1, Ordering::SeqCst);
            std::future::pending().await
        }
    })
    .await;
    assert_eq!(server.open(&bearer_of("ann")).await.closed().await, Some((4001, "enough".into())));
    eventually(|| done.load(Ordering::SeqCst) == 1).await;
    clock.advance(MINUTE);
}

#[tokio::test]
async fn handler_that_panics_closes_with_1011_and_the_server_survives() {
    let (server, _) = serving(|mut socket: AuthSocket<User>| async move {
        let message = socket.recv().await;
        assert_eq!(message, Some(Message::Text("calm".into())), "the handler panics");
        socket.send("calm".into()).await.unwrap();
    })
    .await;
    let mut client = server.open(&bearer_of("ann")).await;
    client.send("storm").await;
    assert_eq!(client.closed().await, Some((1011, "internal_error".into())));
    assert!(server.open(&bearer_of("ann")).await.echoes("calm").await);
}

#[tokio::test]
async fn nothing_is_sent_after_expiry() {
    let clock = clock();
    let hands = clock.clone();
    let layer = AuthLayer::new(jwt_or_basic()).timer(clock);
    let route = any(move |ws: AuthWebSocketUpgrade<User>| async move {
        ws.on_upgrade(move |mut socket| async move {
            // The deadline passes while the handler runs, before the driver is polled.
            hands.advance(MINUTE);
            assert!(socket.send("too late".into()).await.is_err());
        })
    });
    let server = Server::start(Router::new().route("/ws", route).layer(layer)).await;
    assert_eq!(server.open(&bearer_of("ann")).await.closed().await, expired());
}

#[test]
#[should_panic(expected = "3000 to 4999")]
fn close_code_outside_the_application_range_is_rejected() {
    let _ = Close::new(1006, "");
}

#[tokio::test]
async fn handler_ends_when_the_peer_disconnects() {
    let ended = Counter::default();
    let counter = ended.clone();
    let (server, _) = serving(move |socket| {
        let counter = counter.clone();
        async move {
            echo_all(socket).await;
            counter.fetch_add(1, Ordering::SeqCst);
        }
    })
    .await;
    let mut closing = server.open(&bearer_of("ann")).await;
    closing.0.close(None).await.unwrap();
    drop(server.open(&bearer_of("bob")).await);
    eventually(|| ended.load(Ordering::SeqCst) == 2).await;
}

#[tokio::test]
async fn close_of_the_peer_is_answered() {
    // One handler reads until the stream ends, as most do. The other stops at the close, as axum's examples do.
    let (reading_on, _) = serving(echo_all).await;
    let (stopping, _) = serving(|mut socket: AuthSocket<User>| async move {
        while let Some(message) = socket.recv().await {
            if matches!(message, Message::Close(_)) {
                return;
            }
        }
    })
    .await;
    for server in [reading_on, stopping] {
        let mut client = server.open(&bearer_of("ann")).await;
        let frame = CloseFrame { code: 1000.into(), reason: "bye".into() };
        client.0.close(Some(frame)).await.unwrap();
        assert_eq!(client.closed().await, Some((1000, "bye".into())));
    }
}

#[tokio::test]
async fn handler_knows_its_user_and_the_subprotocol() {
    let (server, _) = serving(|mut socket: AuthSocket<User>| async move {
        let text = format!("{} {:?}", socket.user().0, socket.protocol().unwrap());
        socket.send(Message::Text(text.into())).await.unwrap();
    })
    .await;
    let headers = [("sec-websocket-protocol", &*protocols(&token("ann", 60)))];
    let (mut client, _) = server.connect("/ws", &headers).await.unwrap();
    assert_eq!(client.next().await.unwrap().into_text().unwrap(), "ann \"auth.v1\"");
}

#[test]
fn long_close_reason_is_cut_at_a_character() {
    let close = Close::new(4000, "é".repeat(100));
    assert_eq!(close.reason().len(), 122);
}

static NEVER: AtomicUsize = AtomicUsize::new(0);

#[tokio::test]
async fn refused_handshake_never_runs_the_handler() {
    let (server, _) = serving(|_| async {
        NEVER.fetch_add(1, Ordering::SeqCst);
    })
    .await;
    assert!(server.refused(&[]).await.is(401, "missing_credentials"));
    assert_eq!(NEVER.load(Ordering::SeqCst), 0);
}
