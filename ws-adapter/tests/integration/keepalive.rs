//! Silent peers, and a server that shuts down slowly.

use std::{
    pin::Pin,
    time::{Duration, SystemTime},
};

use auth_core::{Clock, ManualClock, Timer};
use axum::{Router, extract::ws::Message as AxumMessage, response::Response, routing::any};
use futures_util::StreamExt as _;
use tokio_tungstenite::tungstenite::Message;
use ws_adapter::{AuthLayer, AuthWebSocketUpgrade, Shutdown, Sockets};

use crate::{
    common::eventually,
    support::{Client, Counter, FOREVER, START, Server, User, app, clock, close, jwt_or_basic, silent},
};

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

async fn serve(configure: impl FnOnce(AuthLayer<User>) -> AuthLayer<User>) -> (Server, ManualClock) {
    let clock = clock();
    let layer = configure(AuthLayer::new(jwt_or_basic()).timer(clock.clone()));
    (Server::start(app(layer)).await, clock)
}

async fn open(server: &Server) -> Client {
    let mut client = server.open(FOREVER).await;
    assert!(client.echoes("open").await);
    client
}

/// The next message, including pings.
async fn raw(client: &mut Client) -> Message {
    tokio::time::timeout(secs(5), client.0.next()).await.expect("nothing came").unwrap().unwrap()
}

#[tokio::test]
async fn silent_peer_is_pinged_and_closed_if_it_does_not_answer() {
    let (server, clock) = serve(|layer| layer).await;
    let mut client = open(&server).await;
    clock.advance(secs(60));
    // A client that reads answers pings by itself; this one does not read.
    eventually_sent(&mut client).await;
    clock.advance(secs(20));
    assert_eq!(closed_raw(&mut client).await, close(4408, "ping_timeout"));
}

/// Waits until data has arrived, without reading it.
async fn eventually_sent(client: &mut Client) {
    let tokio_tungstenite::MaybeTlsStream::Plain(stream) = client.0.get_mut() else { panic!("TLS") };
    let mut byte = [0];
    let peeked = tokio::time::timeout(secs(5), stream.peek(&mut byte)).await;
    assert_eq!(peeked.expect("nothing came").unwrap(), 1);
}

async fn closed_raw(client: &mut Client) -> Option<(u16, String)> {
    loop {
        if let Message::Close(frame) = raw(client).await {
            return frame.map(|frame| (frame.code.into(), frame.reason.to_string()));
        }
    }
}

#[tokio::test]
async fn peer_that_answers_pings_stays_and_the_handler_sees_no_pong() {
    let (server, clock) = serve(|layer| layer).await;
    let mut client = open(&server).await;
    for _ in 0..3 {
        clock.advance(secs(60));
        // The pong is sent when the client next sends or reads.
        assert_eq!(raw(&mut client).await, Message::Ping("auth.ping".into()));
        // This echo comes after the pong, and the pong itself is not echoed.
        client.send("here").await;
        assert_eq!(raw(&mut client).await, Message::text("here"));
        clock.advance(secs(20));
    }
}

#[tokio::test]
async fn peer_that_sends_messages_is_not_pinged() {
    let (server, clock) = serve(|layer| layer).await;
    let mut client = open(&server).await;
    for _ in 0..3 {
        client.send("here").await;
        assert_eq!(raw(&mut client).await, Message::text("here"));
        clock.advance(secs(59));
    }
    client.send("still").await;
    assert_eq!(raw(&mut client).await, Message::text("still"));
}

#[tokio::test]
async fn pings_can_be_switched_off() {
    let (server, clock) = serve(|layer| layer.sockets(Sockets::new().without_ping())).await;
    let mut client = open(&server).await;
    clock.advance(secs(3600));
    client.send("here").await;
    assert_eq!(raw(&mut client).await, Message::text("here"));
}

#[tokio::test]
async fn ping_interval_and_timeout_can_be_set() {
    let (server, clock) = serve(|layer| layer.sockets(Sockets::new().ping(secs(5), secs(1)))).await;
    let mut client = open(&server).await;
    clock.advance(secs(5));
    eventually_sent(&mut client).await;
    clock.advance(secs(1));
    assert_eq!(closed_raw(&mut client).await, close(4408, "ping_timeout"));
}

#[tokio::test]
async fn peer_stays_while_its_message_waits_for_a_busy_handler() {
    let counter = Counter::default();
    let counted = counter.clone();
    let handler = move |ws: AuthWebSocketUpgrade<User>| async move {
        ws.on_upgrade(move |mut socket| async move {
            while let Some(AxumMessage::Text(text)) = socket.recv().await {
                if text == "work" {
                    counted.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                    while counted.load(std::sync::atomic::Ordering::SeqCst) == 1 {
                        tokio::time::sleep(Duration::from_millis(1)).await;
                    }
                }
                let _ = socket.send(AxumMessage::Text(text)).await;
            }
        })
    };
    let clock = clock();
    let layer = AuthLayer::new(jwt_or_basic()).timer(clock.clone());
    let handler = any(move |ws| -> Pin<Box<dyn Future<Output = Response> + Send>> { Box::pin(handler.clone()(ws)) });
    let server = Server::start(Router::new().route("/ws", handler).layer(layer)).await;
    let mut client = open(&server).await;
    client.send("work").await;
    // The message that was read ahead hides whatever comes after it.
    client.send("more").await;
    eventually(|| counter.load(std::sync::atomic::Ordering::SeqCst) == 1).await;
    for _ in 0..5 {
        clock.advance(secs(60));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    counter.store(2, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(client.next().await, Some(Message::text("work")));
}

/// Tokio's clock. A test can make it jump while data waits to be read.
struct TokioClock(tokio::time::Instant);

impl Clock for TokioClock {
    fn now(&self) -> SystemTime {
        *START + self.monotonic()
    }

    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }
}

impl Timer for TokioClock {
    fn sleep_until(&self, deadline: SystemTime) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        self.sleep(deadline.duration_since(self.now()).unwrap_or_default())
    }

    fn sleep(&self, span: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(tokio::time::sleep(span))
    }
}

async fn jump(span: Duration) {
    tokio::time::pause();
    tokio::time::advance(span).await;
    tokio::time::resume();
}

/// The whole process is stopped for a while: its timer fires together with the pong.
#[tokio::test]
async fn peer_that_answered_while_the_process_was_stopped_stays() {
    for reads in [true, false] {
        let layer = AuthLayer::new(jwt_or_basic()).timer(TokioClock(tokio::time::Instant::now()));
        let server = Server::start(silent(reads).layer(layer)).await;
        let mut client = server.open(FOREVER).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
        jump(secs(60)).await;
        eventually_sent(&mut client).await;
        let answer = Message::Pong("auth.ping".into());
        futures_util::SinkExt::send(&mut client.0, answer).await.unwrap();
        jump(secs(20)).await;
        futures_util::SinkExt::send(&mut client.0, Message::Ping("still there".into())).await.unwrap();
        assert_eq!(client.next().await, Some(Message::Pong("still there".into())), "{reads}");
    }
}

#[tokio::test]
async fn idle_socket_is_closed_if_an_idle_timeout_is_set() {
    let (server, clock) = serve(|layer| layer.sockets(Sockets::new().without_ping().idle_timeout(secs(300)))).await;
    let mut client = open(&server).await;
    clock.advance(secs(299));
    assert!(client.echoes("just in time").await);
    clock.advance(secs(299));
    // A ping is not a message.
    futures_util::SinkExt::send(&mut client.0, Message::Ping("x".into())).await.unwrap();
    while raw(&mut client).await != Message::Pong("x".into()) {}
    clock.advance(secs(1));
    assert_eq!(client.closed().await, close(4408, "idle_timeout"));
}

#[tokio::test]
async fn shutdown_closes_sockets_one_by_one_over_its_time() {
    let shutdown = Shutdown::new();
    let (server, clock) = serve(|layer| layer.sockets(Sockets::new().without_ping().shutdown(&shutdown))).await;
    let mut clients = Vec::new();
    for _ in 0..40 {
        clients.push(open(&server).await);
    }
    shutdown.begin_over(secs(100));
    for client in &mut clients {
        assert!(client.echoes("it has time").await, "the deadline has not passed");
    }
    clock.advance(secs(50));
    eventually(|| shutdown.open_sockets() < 40).await;
    assert!(shutdown.open_sockets() > 0, "not all at once");
    clock.advance(secs(50));
    for client in &mut clients {
        assert_eq!(client.closed().await, close(1012, "restarting"));
    }
    shutdown.drained().await;
}

#[tokio::test]
async fn socket_opened_during_a_shutdown_is_closed_at_once() {
    let shutdown = Shutdown::new();
    let (server, _) = serve(|layer| layer.sockets(Sockets::new().shutdown(&shutdown))).await;
    shutdown.begin_over(secs(100));
    assert_eq!(server.open(FOREVER).await.closed().await, close(1012, "restarting"));
}

#[tokio::test]
async fn shutdown_that_begins_again_is_spread_again() {
    let shutdown = Shutdown::new();
    let (server, _) = serve(|layer| layer.sockets(Sockets::new().shutdown(&shutdown))).await;
    let mut client = open(&server).await;
    shutdown.begin_over(secs(1_000_000));
    assert!(client.echoes("it has time").await);
    shutdown.begin();
    assert_eq!(client.closed().await, close(1012, "restarting"));
    shutdown.drained().await;
}

#[tokio::test]
async fn two_shutdowns_each_spread_the_closes_over_their_time() {
    let (one, other) = (Shutdown::new(), Shutdown::new());
    let clock = clock();
    let inner = AuthLayer::new(jwt_or_basic()).timer(clock.clone()).sockets(Sockets::new().shutdown(&one));
    let outer =
        AuthLayer::new(jwt_or_basic().map_user(|user| user.0)).timer(clock).sockets(Sockets::new().shutdown(&other));
    let server = Server::start(app(inner).layer(outer)).await;
    let mut client = open(&server).await;
    one.begin_over(secs(1_000_000));
    assert!(client.echoes("it has time").await);
    other.begin_over(secs(1_000_000));
    assert!(client.echoes("it still has time").await);
}

#[tokio::test]
async fn peer_that_answers_pings_stays_after_a_handler_stops_waiting() {
    let clock = clock();
    let (work, worked) =
        (std::sync::Arc::new(tokio::sync::Notify::new()), std::sync::Arc::new(tokio::sync::Notify::new()));
    let (starts, done) = (work.clone(), worked.clone());
    let handler = any(move |ws: AuthWebSocketUpgrade<User>| async move {
        ws.on_upgrade(move |mut socket| async move {
            // A wait that is abandoned, as in a `select!`.
            tokio::select! {
                _ = socket.recv() => panic!("nothing was sent"),
                () = starts.notified() => {}
            }
            done.notified().await;
            let _ = socket.send(AxumMessage::text("done")).await;
            while socket.recv().await.is_some() {}
        })
    });
    let layer = AuthLayer::new(jwt_or_basic()).timer(clock.clone());
    let server = Server::start(Router::new().route("/ws", handler).layer(layer)).await;
    let mut client = server.open(FOREVER).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    work.notify_one();
    tokio::time::sleep(Duration::from_millis(20)).await;
    // It answers pings, and the driver reads the pongs.
    let next = tokio::spawn(async move { client.next().await });
    for _ in 0..4 {
        clock.advance(secs(30));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    worked.notify_one();
    assert_eq!(next.await.unwrap(), Some(Message::text("done")));
}
