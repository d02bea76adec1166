//! Every transport has one owner, which ends it in time however its client behaves and whoever has ended the session.

use std::{sync::Arc, time::Duration};

use auth_core::Revocation;
use futures_util::future::join_all;
use socketioxide::{adapter::LocalAdapter, extract::SocketRef, handler::MessageHandler, socket::Socket as IoSocket};
use socketioxide_core::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpSocket,
    time::Instant,
};
use ws_adapter::{Close, Connections, Sockets};

use crate::{
    client::{Polling, Socket, connect_packet},
    common::eventually,
    raw::{CLOSE, PING, Raw, TEXT, frame, takes_all},
    support::*,
};

const MIB: usize = 1024 * 1024;
/// From an end to the moment at which nothing is left of the stream, with what a slow machine takes.
const OUTPUT_DEADLINE: Duration = Duration::from_millis(3500);

/// Until it is noticed that engine.io has ended a session.
const NOTICED: Duration = Duration::from_secs(1);

fn pings() -> Vec<u8> {
    frame(PING, &[b'x'; 125]).repeat(2000)
}

async fn app_in(connections: &Connections) -> App {
    app_with(|layer| layer.sockets(Sockets::new().connections(connections)), |auth| auth).await
}

/// A namespace whose handler sends without end, as fast as its client takes it.
fn pour(app: &App) {
    app.io.ns("/pour", async |socket: SocketRef| {
        let much = "x".repeat(16 * 1024);
        while socket.connected() {
            let _ = socket.emit("much", &much);
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
    });
}

/// A client of that namespace, of which so much waits that every write does.
async fn poured_over(app: &App, secs: i64) -> Raw {
    let mut raw = Raw::open(app).await;
    raw.send(TEXT, connect_packet("/pour", &auth_for("ann", secs)).as_bytes()).await;
    raw.reads("40/pour,").await;
    // Longer than it takes to fill the buffers of the operating system.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    raw
}

/// Nothing is left in any table, which is so once the stream is gone.
async fn is_gone(app: &App, connections: &Connections, since: Instant, within: Duration) {
    eventually(|| app.io.entries() == [0; 2] && connections.entries() == [0; 3]).await;
    assert!(since.elapsed() < within, "{:?}", since.elapsed());
}

fn is_left(app: &App, namespace: &str) -> bool {
    app.io.of(namespace).unwrap().sockets().is_empty()
}

#[tokio::test]
async fn stranger_that_pings_and_reads_nothing_is_gone_after_ten_seconds() {
    let connections = Connections::new();
    let app = app_in(&connections).await;
    let mut raw = Raw::open(&app).await;
    assert!(
        !takes_all(&mut raw.writer, &pings(), 96 * MIB, Duration::from_secs(1)).await,
        "the server goes on to read"
    );
    app.clock.advance(Duration::from_secs(10));
    let ended = Instant::now();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!((app.io.open(), connections.pending()), (1, 1), "it counts as long as its stream is there");
    is_gone(&app, &connections, ended, OUTPUT_DEADLINE).await;
}

#[tokio::test]
async fn client_that_pings_and_reads_goes_on() {
    let app = app().await;
    // With a small buffer TCP itself would hold it up.
    let Raw { mut reader, mut writer } = Raw::open_on(&app, TcpSocket::new_v4().unwrap()).await;
    let drain = tokio::spawn(async move {
        let (mut chunk, mut read) = (vec![0; 64 * 1024], Vec::<u8>::new());
        while !read.windows(4).any(|window| window == b"40{\"") {
            read.drain(..read.len().saturating_sub(3));
            let len = reader.read(&mut chunk).await.unwrap();
            assert!(len > 0, "the server has closed");
            read.extend(&chunk[..len]);
        }
    });
    assert!(takes_all(&mut writer, &pings(), 4 * MIB, Duration::from_secs(10)).await);
    writer.write_all(&frame(TEXT, format!("40{}", auth_of("ann")).as_bytes())).await.unwrap();
    tokio::time::timeout(Duration::from_secs(10), drain).await.unwrap().unwrap();
    assert_eq!(app.calls.count(), 1);
}

#[tokio::test]
async fn client_that_drains_slowly_is_gone_soon_after_its_credential() {
    let connections = Connections::new();
    let app = app_in(&connections).await;
    pour(&app);
    let raw = poured_over(&app, 60).await;
    assert!(!is_left(&app, "/pour"));
    app.clock.advance(Duration::from_secs(60));
    let ended = Instant::now();
    let _drains = raw.drains_slowly();
    eventually(|| is_left(&app, "/pour")).await;
    assert!(ended.elapsed() < Duration::from_millis(500), "{:?}", ended.elapsed());
    assert_eq!((connections.count(), app.io.open()), (1, 1), "it counts as long as its stream is there");
    is_gone(&app, &connections, ended, OUTPUT_DEADLINE).await;
}

/// Whoever ends a session while its output waits, and whether anybody is told.
#[tokio::test]
async fn whoever_ends_a_session_nobody_is_left_whose_output_waits() {
    let ends: [(&str, Option<(u8, &[u8])>); 7] = [
        ("the client closes its transport", Some((TEXT, b"1"))),
        ("the client closes the WebSocket", Some((CLOSE, b"\x03\xe8"))),
        ("a packet that does not parse", Some((TEXT, b"9"))),
        ("an event that does not parse", Some((TEXT, b"42/pour,["))),
        ("an event in a namespace that was not joined", Some((TEXT, b"42[\"x\"]"))),
        ("a frame that no client may send", Some((0x3, b"x"))),
        ("a heartbeat that nobody answers", None),
    ];
    join_all(ends.map(async |(by, packet)| {
        let connections = Connections::new();
        let (interval, timeout) = (Duration::from_millis(1800), Duration::from_millis(400));
        let app = app_with(
            |layer| layer.sockets(Sockets::new().connections(&connections)),
            |auth| match packet {
                Some(_) => auth,
                None => auth.configure(|io| io.ping_interval(interval).ping_timeout(timeout)),
            },
        );
        let app = app.await;
        pour(&app);
        let mut raw = poured_over(&app, 600).await;
        assert_eq!(connections.count(), 1, "{by}");
        if let Some((opcode, payload)) = packet {
            raw.send(opcode, payload).await;
        }
        let _drains = raw.drains_slowly();
        let begun = Instant::now();
        eventually(|| is_left(&app, "/pour")).await;
        assert!(begun.elapsed() < Duration::from_millis(2500), "{by}: {:?}", begun.elapsed());
        is_gone(&app, &connections, begun, OUTPUT_DEADLINE + NOTICED).await;
    }))
    .await;
}

#[tokio::test]
async fn client_that_resets_its_connection_is_gone_at_once() {
    let connections = Connections::new();
    let app = app_in(&connections).await;
    pour(&app);
    let raw = poured_over(&app, 600).await;
    // What it has not read makes a reset of it.
    drop(raw);
    is_gone(&app, &connections, Instant::now(), Duration::from_millis(500)).await;
    assert!(is_left(&app, "/pour"));
}

#[tokio::test]
async fn transport_without_a_namespace_is_gone_when_the_engine_gives_it_up() {
    let beat = Duration::from_millis(300);
    let connections = Connections::new();
    let app = app_with(
        |layer| layer.sockets(Sockets::new().connections(&connections)),
        |auth| auth.configure(|io| io.ping_interval(beat).ping_timeout(beat)),
    );
    let app = app.await;
    let mut raw = Raw::open(&app).await;
    takes_all(&mut raw.writer, &pings(), 96 * MIB, Duration::from_secs(1)).await;
    let (_drains, begun) = (raw.drains_slowly(), Instant::now());
    is_gone(&app, &connections, begun, OUTPUT_DEADLINE + NOTICED).await;
}

#[tokio::test]
async fn disconnected_client_is_gone_in_ten_seconds_even_if_it_drains_slowly() {
    let connections = Connections::new();
    let app = app_in(&connections).await;
    app.io.ns("/kick", async |socket: SocketRef| {
        let much = "x".repeat(64 * 1024);
        while socket.emit("much", &much).is_ok() {}
        while socket.clone().disconnect().is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    let mut raw = Raw::open(&app).await;
    raw.send(TEXT, connect_packet("/kick", &auth_of("ann")).as_bytes()).await;
    raw.reads("40/kick,").await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let _drains = raw.drains_slowly();
    eventually(|| is_left(&app, "/kick")).await;
    assert_eq!(connections.count(), 1);
    app.clock.advance(Duration::from_secs(10));
    is_gone(&app, &connections, Instant::now(), OUTPUT_DEADLINE).await;
}

#[tokio::test]
async fn engine_that_never_pings_has_clients_that_may_say_nothing() {
    let app = app_with(|layer| layer, |auth| auth.configure(|io| io.ping_interval(Duration::MAX))).await;
    let mut socket = Socket::open(&app, &[]).await.unwrap();
    assert_eq!(socket.connect("/", &auth_of("ann")).await, Ok(()));
    socket.echoes("hi", "ann: hi").await;
}

/// Counts when it is called, not when a task of it comes to run.
struct Counts(Calls);

struct AtOnce;

impl MessageHandler<LocalAdapter, AtOnce> for Counts {
    fn call(&self, _: Arc<IoSocket<LocalAdapter>>, _: Value, _: Option<i64>) {
        self.0.add();
    }
}

#[tokio::test]
async fn no_event_of_a_client_that_floods_is_handled_after_the_revocation() {
    for fills_its_channel in [false, true] {
        let connections = Connections::new();
        let app = app_in(&connections).await;
        let events = Calls::default();
        app.io.ns("/flooded", {
            let events = events.clone();
            async move |socket: SocketRef| {
                socket.on("event", Counts(events));
                socket.emit("ready", "").unwrap();
                while fills_its_channel && socket.connected() {
                    let _ = socket.emit("much", &"x".repeat(16 * 1024));
                    tokio::time::sleep(Duration::from_micros(200)).await;
                }
            }
        });
        let mut raw = Raw::open(&app).await;
        raw.send(TEXT, connect_packet("/flooded", &auth_with_id("ann", 600, "one")).as_bytes()).await;
        raw.reads("ready").await;
        let Raw { reader: mut reads, mut writer } = raw;
        let flood = tokio::spawn(async move {
            let burst = frame(TEXT, br#"42/flooded,["event"]"#).repeat(1000);
            while writer.write_all(&burst).await.is_ok() {}
        });
        let drain = tokio::spawn(async move {
            let mut chunk = vec![0; 1024];
            while matches!(reads.read(&mut chunk).await, Ok(1..)) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
        eventually(|| events.count() > 1000).await;
        tokio::time::sleep(Duration::from_millis(300)).await;

        assert_eq!(connections.close(&Revocation::credential("", "one"), &Close::REVOKED), 1);
        // On this one thread, nothing else has run since.
        let (handled, revoked) = (events.count(), Instant::now());
        eventually(|| is_left(&app, "/flooded")).await;
        assert!(revoked.elapsed() < Duration::from_millis(500), "{:?}", revoked.elapsed());
        eventually(|| app.io.open() == 0).await;
        assert!(revoked.elapsed() < OUTPUT_DEADLINE, "{:?}", revoked.elapsed());
        assert_eq!(events.count(), handled, "{fills_its_channel}");
        flood.abort();
        drain.await.unwrap();
    }
}

#[tokio::test]
async fn client_whose_buffer_is_full_hears_why_it_ends_if_it_reads() {
    let app = app().await;
    app.io.ns("/full", async |socket: SocketRef| {
        let much = "x".repeat(4 * 1024);
        while socket.emit("much", &much).is_ok() {}
    });
    let mut socket = Socket::open(&app, &[]).await.unwrap();
    assert_eq!(socket.connect("/full", &auth_for("ann", 60)).await, Ok(()));
    app.clock.advance(Duration::from_secs(60));
    let (packets, closed) = socket.end().await;
    assert_eq!(closed, close(4401, "token_expired"));
    assert_eq!(packets[packets.len() - 2..], [r#"42/full,["auth_closed",{"reason":"token_expired"}]"#, "41/full,"]);
}

/// The rest of the frame never comes, and nothing may be put in its place.
#[tokio::test]
async fn client_that_is_cut_off_within_a_frame_hears_why() {
    let app = app().await;
    let mut raw = Raw::open(&app).await;
    let whole = frame(TEXT, format!("40{}", auth_of("ann")).as_bytes());
    for part in [1, 3, 7, whole.len() - 1] {
        let mut raw = Raw::open(&app).await;
        raw.writer.write_all(&whole[..part]).await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
        app.clock.advance(Duration::from_secs(10));
        raw.reads("\u{11}8auth_timeout").await;
    }
    raw.reads("\u{11}8auth_timeout").await;
    assert_eq!(app.calls.count(), 0);
}

#[tokio::test]
async fn polling_client_whose_buffer_is_full_has_left_its_namespace_at_once() {
    let connections = Connections::new();
    let app = app_in(&connections).await;
    app.io.ns("/full", async |socket: SocketRef| while socket.emit("much", "x").is_ok() {});
    let polling = Polling::open(&app, &[]).await.unwrap();
    assert_eq!(polling.post(&connect_packet("/full", &auth_with_id("ann", 600, "one"))).await.status, 200);
    eventually(|| !is_left(&app, "/full")).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let revoked = Instant::now();
    assert_eq!(connections.close(&Revocation::credential("", "one"), &Close::REVOKED), 1);
    eventually(|| is_left(&app, "/full") && app.io.open() == 0).await;
    assert!(revoked.elapsed() < Duration::from_millis(500), "{:?}", revoked.elapsed());
    assert!(polling.post(r#"42/full,["event"]"#).await.is(400, "unknown_session"));
}

#[tokio::test]
async fn polling_transport_that_the_engine_drops_leaves_the_registry() {
    let beat = Duration::from_millis(50);
    let connections = Connections::new();
    let app = app_with(
        |layer| layer.sockets(Sockets::new().connections(&connections)),
        |auth| auth.configure(|io| io.ping_interval(beat).ping_timeout(beat)),
    );
    let app = app.await;
    let kept = Arc::new(std::sync::Mutex::new(None));
    app.io.ns("/kept", {
        let kept = Arc::clone(&kept);
        async move |socket: SocketRef| drop(kept.lock().unwrap().replace(socket))
    });
    let polling = Polling::open(&app, &[]).await.unwrap();
    assert_eq!(polling.post(&connect_packet("/kept", &auth_of("ann"))).await.status, 200);
    eventually(|| connections.count() == 1).await;
    eventually(|| app.io.entries() == [0; 2] && connections.entries() == [0; 3]).await;
    drop(kept);
}
