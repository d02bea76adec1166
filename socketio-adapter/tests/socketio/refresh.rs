//! Another credential over an open transport, and the notice before the end.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use auth_core::{
    BoxError, Evidence, Revocation, RevocationCheck, RevocationEvent, RevocationFeed, RevocationListener, async_trait,
};
use futures_util::future::join_all;
use serde_json::json;
use tokio::sync::Semaphore;
use tokio_tungstenite::tungstenite::Message;
use ws_adapter::{Connections, Sockets};

use crate::{
    client::{Polling, Socket, refresh_packet},
    common::eventually,
    feed::Feed,
    support::*,
};

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// A transport that nobody has opened, with `ann` in `/` for a minute.
async fn connected(app: &App) -> Socket {
    let mut socket = Socket::open(app, &[]).await.unwrap();
    assert_eq!(socket.connect("/", &auth_for("ann", 60)).await, Ok(()));
    // From here on no message is lost.
    assert_eq!(socket.packet().await, r#"42["welcome","ann"]"#);
    socket
}

fn refused(code: &str) -> serde_json::Value {
    json!({"ok": false, "code": code})
}

#[tokio::test]
async fn fresh_token_moves_the_end() {
    let app = app().await;
    let mut socket = connected(&app).await;
    assert_eq!(socket.refresh("/", &auth_for("ann", 900)).await, json!({"ok": true, "ttl": 900}));
    app.clock.advance(secs(899));
    socket.echoes("still here", "ann: still here").await;
    app.clock.advance(secs(1));
    assert_eq!(socket.end().await.1, close(4401, "token_expired"));
}

#[tokio::test]
async fn fresh_token_moves_the_end_of_a_transport_that_polls() {
    let app = app().await;
    let polling = Polling::open(&app, &[]).await.unwrap();
    assert_eq!(polling.connect("/", &auth_for("ann", 60)).await, Ok(()));
    assert_eq!(polling.refresh("/", &auth_for("ann", 900)).await, json!({"ok": true, "ttl": 900}));
    app.clock.advance(secs(899));
    polling.echoes("still here", "ann: still here").await;
    app.clock.advance(secs(1));
    eventually(|| app.io.open() == 0).await;
}

#[tokio::test]
async fn shorter_token_brings_the_end_forward() {
    let app = app().await;
    let mut socket = connected(&app).await;
    assert_eq!(socket.refresh("/", &auth_for("ann", 10)).await["ttl"], 10);
    app.clock.advance(secs(10));
    assert_eq!(socket.end().await.1, close(4401, "token_expired"));
}

#[tokio::test]
async fn login_has_no_end() {
    let app = app().await;
    let mut socket = connected(&app).await;
    assert_eq!(socket.refresh("/", r#"{"username":"ann","password":"password"}"#).await, json!({"ok": true}));
    app.clock.advance(secs(1_000_000));
    socket.echoes("still here", "ann: still here").await;
}

#[tokio::test]
async fn handler_sees_the_fresh_evidence() {
    let app = app().await;
    app.io.ns("/end", async |socket: socketioxide::extract::SocketRef| {
        socket.on("end", async |user: socketio_adapter::SocketUser<User>, ack: socketioxide::extract::AckSender| {
            let end = user.evidence().expires_at().unwrap().duration_since(*START).unwrap();
            ack.send(&end.as_secs()).unwrap();
        });
        socket.emit("ready", "").unwrap();
    });
    let mut socket = Socket::open(&app, &[]).await.unwrap();
    assert_eq!(socket.connect("/end", &auth_for("ann", 60)).await, Ok(()));
    assert_eq!(socket.packet().await, r#"42/end,["ready",""]"#);
    for end in [60, 900] {
        socket.send(r#"42/end,7["end"]"#).await;
        assert_eq!(socket.acknowledged("/end").await, end);
        assert_eq!(socket.refresh("/end", &auth_for("ann", 900)).await["ok"], true);
    }
}

#[tokio::test]
async fn refresh_replaces_what_opened_the_transport_and_what_lives_by_it() {
    let app = app().await;
    app.io.ns("/other", async || {});
    let authorization = format!("Bearer {}", token("ann", 60));
    let mut socket = Socket::open(&app, &[("authorization", &authorization)]).await.unwrap();
    assert_eq!(socket.connect("/", "").await, Ok(()));
    assert_eq!(socket.connect("/other", "").await, Ok(()));
    assert_eq!(socket.refresh("/other", &auth_for("ann", 900)).await, json!({"ok": true, "ttl": 900}));
    app.clock.advance(secs(100));
    socket.echoes("still here", "ann: still here").await;
    // And whoever comes later lives by it too.
    app.io.ns("/later", async || {});
    assert_eq!(socket.connect("/later", "").await, Ok(()));
    assert_eq!(socket.refresh("/", &auth_for("ann", 1800)).await, json!({"ok": true, "ttl": 1700}));
    app.clock.advance(secs(1000));
    socket.echoes("still here", "ann: still here").await;
}

#[tokio::test]
async fn namespace_with_a_credential_of_its_own_keeps_its_end() {
    let app = app().await;
    let mut socket = Socket::open(&app, &[("authorization", &bearer_of("admin"))]).await.unwrap();
    assert_eq!(socket.connect("/", "").await, Ok(()));
    assert_eq!(socket.connect("/admin", &auth_for("admin", 60)).await, Ok(()));
    assert_eq!(socket.refresh("/", &auth_for("admin", 900)).await, json!({"ok": true, "ttl": 60}));
    assert_eq!(socket.refresh("/admin", &auth_for("admin", 300)).await, json!({"ok": true, "ttl": 300}));
    app.clock.advance(secs(299));
    socket.echoes("still here", "admin: still here").await;
    app.clock.advance(secs(1));
    assert_eq!(socket.end().await.1, close(4401, "token_expired"));
}

#[tokio::test]
async fn namespace_with_its_own_chain_refuses_users_it_does_not_accept() {
    let app = app().await;
    let mut socket = Socket::open(&app, &[]).await.unwrap();
    assert_eq!(socket.connect("/admin", &auth_for("admin", 60)).await, Ok(()));
    assert_eq!(socket.refresh("/admin", &auth_of("ann")).await, refused("invalid_credentials"));
}

#[tokio::test]
async fn another_user_is_refused_as_a_wrong_credential_and_the_old_one_holds() {
    let app = app().await;
    let mut socket = connected(&app).await;
    assert_eq!(socket.refresh("/", &auth_for("bob", 900)).await, refused("invalid_credentials"));
    socket.echoes("it is me", "ann: it is me").await;
    app.clock.advance(secs(60));
    assert_eq!(socket.end().await.1, close(4401, "token_expired"));
}

#[tokio::test]
async fn three_wrong_ones_close_the_transport_whatever_succeeds_in_between() {
    let app = app().await;
    let mut socket = connected(&app).await;
    for (wrong, code) in [
        (&*auth_for("ann", 0), "token_expired"),
        (&auth_of("bob"), "invalid_credentials"),
        (r#""a.b.c""#, "invalid_request"),
    ] {
        assert_eq!(socket.refresh("/", &auth_for("ann", 60)).await["ok"], true);
        assert_eq!(socket.refresh("/", wrong).await, refused(code));
    }
    let (packets, closed) = socket.end().await;
    assert_eq!(closed, close(4401, "invalid_credentials"));
    assert_eq!(packets, [r#"42["auth_closed",{"reason":"invalid_credentials"}]"#, "41"]);
    eventually(|| app.io.entries() == [0; 2]).await;
}

#[tokio::test]
async fn outage_is_no_wrong_credential() {
    let app = app().await;
    let mut socket = connected(&app).await;
    for _ in 0..5 {
        assert_eq!(socket.refresh("/", &auth_of("broken")).await, refused("unavailable"));
    }
    assert_eq!(socket.refresh("/", &auth_for("ann", 900)).await["ok"], true);
}

#[tokio::test]
async fn payload_is_at_most_16_kib_long() {
    let app = app().await;
    let mut socket = connected(&app).await;
    let padded = |len: usize| {
        let auth = auth_for("ann", 900);
        let padding = "x".repeat(len - auth.len() - r#","p":"""#.len());
        format!(r#"{},"p":"{padding}"}}"#, auth.strip_suffix('}').unwrap())
    };
    assert_eq!(socket.refresh("/", &padded(16 * 1024 + 1)).await, refused("invalid_request"));
    assert_eq!(socket.refresh("/", &padded(16 * 1024)).await, json!({"ok": true, "ttl": 900}));
}

#[tokio::test]
async fn who_is_in_no_namespace_refreshes_nothing() {
    let app = app().await;
    let mut socket = Socket::open(&app, &[("authorization", &format!("Bearer {}", token("ann", 5)))]).await.unwrap();
    socket.send(&refresh_packet("/", &auth_of("ann"))).await;
    socket.end().await;
    eventually(|| app.io.entries() == [0; 2]).await;
}

#[tokio::test]
async fn refresh_that_is_not_acknowledged_counts_all_the_same() {
    let app = app().await;
    let mut socket = connected(&app).await;
    socket.send(&format!(r#"42["auth_refresh",{}]"#, auth_for("ann", 900))).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    app.clock.advance(secs(60));
    socket.echoes("still here", "ann: still here").await;
}

#[tokio::test]
async fn revoked_token_is_refused_and_after_a_refresh_only_the_last_one_counts() {
    let (connections, feed) = (Connections::new(), Feed::new());
    connections.follow(feed.clone());
    feed.is_followed().await;
    let app = app_with(|layer| layer.sockets(Sockets::new().connections(&connections)), |auth| auth).await;
    let header = format!("Bearer {}", token_with_id("ann", 60, "first"));
    let mut socket = Socket::open(&app, &[("authorization", &header)]).await.unwrap();
    assert_eq!(socket.connect("/", "").await, Ok(()));
    feed.revoke(Revocation::credential("", "revoked"));
    assert_eq!(socket.refresh("/", &auth_with_id("ann", 900, "revoked")).await, refused("revoked"));
    feed.is_away(true);
    assert_eq!(socket.refresh("/", &auth_with_id("ann", 900, "second")).await, refused("unavailable"));
    feed.is_away(false);
    assert_eq!(socket.refresh("/", &auth_with_id("ann", 900, "second")).await["ok"], true);
    assert_eq!(connections.count(), 1);
    feed.revoke(Revocation::credential("", "first"));
    socket.echoes("still here", "ann: still here").await;
    feed.revoke(Revocation::credential("", "second"));
    assert_eq!(socket.end().await.1, close(4403, "revoked"));
    eventually(|| connections.entries() == [0; 3]).await;
}

/// A store of revocations that answers when it is let.
#[derive(Clone)]
struct Slow {
    turns: Arc<Semaphore>,
    is_asked: Arc<AtomicBool>,
}

#[async_trait]
impl RevocationCheck for Slow {
    async fn is_revoked(&self, _: &Evidence) -> Result<bool, BoxError> {
        self.is_asked.store(true, Ordering::SeqCst);
        self.turns.acquire().await?.forget();
        Ok(false)
    }
}

#[async_trait]
impl RevocationFeed for Slow {
    async fn listen(&self) -> Box<dyn RevocationListener> {
        Box::new(Silence)
    }
}

struct Silence;

#[async_trait]
impl RevocationListener for Silence {
    async fn next(&mut self) -> Option<RevocationEvent> {
        std::future::pending().await
    }
}

/// A transport with `ann` in it, and a store that has let her in and holds up whatever comes now.
async fn held_up() -> (App, Socket, Slow) {
    let slow = Slow { turns: Arc::new(Semaphore::new(1)), is_asked: Arc::default() };
    let connections = Connections::new();
    connections.follow(slow.clone());
    let app = app_with(|layer| layer.sockets(Sockets::new().connections(&connections)), |auth| auth).await;
    let socket = connected(&app).await;
    slow.is_asked.store(false, Ordering::SeqCst);
    (app, socket, slow)
}

#[tokio::test]
async fn one_is_looked_at_at_a_time() {
    let (_app, mut socket, slow) = held_up().await;
    let packet = refresh_packet("/", &auth_for("ann", 900));
    socket.send(&packet).await;
    eventually(|| slow.is_asked.load(Ordering::SeqCst)).await;
    assert_eq!(socket.refresh("/", &auth_for("ann", 900)).await, refused("in_progress"));
    slow.turns.add_permits(1);
    assert_eq!(socket.acknowledged("/").await, json!({"ok": true, "ttl": 900}));
    socket.send(&packet).await;
    socket.send(&packet).await;
    socket.send(&packet).await;
    socket.send(&packet).await;
    assert_eq!(socket.end().await.1, close(4401, "invalid_credentials"));
}

/// The first to be taken is of the transport's chain, so that the evidence of `/other` is replaced as well.
#[tokio::test]
async fn refresh_in_one_namespace_does_not_end_that_in_another() {
    let slow = Slow { turns: Arc::new(Semaphore::new(1)), is_asked: Arc::default() };
    let connections = Connections::new();
    connections.follow(slow.clone());
    let app = app_with(|layer| layer.sockets(Sockets::new().connections(&connections)), |auth| auth).await;
    app.io.ns("/other", async || {});
    let mut socket = Socket::open(&app, &[("authorization", &bearer_of("ann"))]).await.unwrap();
    assert_eq!(socket.connect("/", "").await, Ok(()));
    assert_eq!(socket.connect("/other", "").await, Ok(()));
    slow.is_asked.store(false, Ordering::SeqCst);
    // The second waits for its turn.
    for namespace in ["/", "/other"] {
        socket.send(&refresh_packet(namespace, &auth_for("ann", 900))).await;
        eventually(|| slow.is_asked.load(Ordering::SeqCst)).await;
    }
    slow.turns.add_permits(1);
    assert_eq!(socket.acknowledged("/").await, json!({"ok": true, "ttl": 900}));
    assert_eq!(socket.refresh("/other", &auth_for("ann", 900)).await, refused("in_progress"));
    slow.turns.add_permits(1);
    assert_eq!(socket.acknowledged("/other").await, json!({"ok": true, "ttl": 900}));
}

#[tokio::test]
async fn refresh_that_is_decided_after_the_end_comes_too_late() {
    let (app, mut socket, slow) = held_up().await;
    socket.send(&refresh_packet("/", &auth_for("ann", 900))).await;
    eventually(|| slow.is_asked.load(Ordering::SeqCst)).await;
    app.clock.advance(secs(60));
    slow.turns.add_permits(1);
    let (packets, closed) = socket.end().await;
    assert_eq!(closed, close(4401, "token_expired"));
    assert!(!packets.iter().any(|packet| packet.contains(r#""ok":true"#)), "{packets:?}");
    eventually(|| app.io.entries() == [0; 2]).await;
}

/// Either the refresh is acknowledged and the transport lives on, or it is not and the transport ends.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refresh_beside_the_end_has_one_outcome() {
    let round = async |round: u64| {
        let app = app().await;
        let mut socket = connected(&app).await;
        let clock = app.clock.clone();
        let end = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_micros(round % 20 * 100)).await;
            clock.advance(secs(60));
        });
        socket.send(&refresh_packet("/", &auth_for("ann", 900))).await;
        let is_taken = loop {
            match socket.next().await {
                Some(Message::Text(packet)) if packet.contains(r#""ok":true"#) => break true,
                Some(Message::Text(_)) => {}
                _ => break false,
            }
        };
        end.await.unwrap();
        if is_taken {
            socket.echoes("still here", "ann: still here").await;
        } else {
            eventually(|| app.io.entries() == [0; 2]).await;
        }
        is_taken
    };
    let (mut lived, mut ended) = (0, 0);
    for start in (0..200).step_by(20) {
        for has_lived in join_all((start..start + 20).map(&round)).await {
            if has_lived { lived += 1 } else { ended += 1 }
        }
    }
    assert!(lived > 0 && ended > 0, "only one side ever came first: {lived} lived on, {ended} ended");
}

#[tokio::test]
async fn notice_comes_a_minute_before_the_end_or_halfway_through_a_short_life() {
    let app = app().await;
    let mut socket = Socket::open(&app, &[]).await.unwrap();
    assert_eq!(socket.connect("/", &auth_for("ann", 600)).await, Ok(()));
    app.clock.advance(secs(539));
    socket.echoes("not yet", "ann: not yet").await;
    app.clock.advance(secs(1));
    assert_eq!(socket.event("auth_expiring").await, json!({"ttl": 60}));
    // Ten seconds are left of the next one by then.
    assert_eq!(socket.refresh("/", &auth_for("ann", 560)).await["ttl"], 20);
    app.clock.advance(secs(10));
    assert_eq!(socket.event("auth_expiring").await, json!({"ttl": 10}));
    app.clock.advance(secs(10));
    assert_eq!(socket.end().await.0, [r#"42["auth_closed",{"reason":"token_expired"}]"#, "41"]);
}

#[tokio::test]
async fn every_namespace_is_told_of_the_first_end_and_the_time_can_be_set() {
    let app = app_with(|layer| layer.sockets(Sockets::new().expiry_notice(secs(5))), |auth| auth).await;
    let mut socket = Socket::open(&app, &[("authorization", &bearer_of("admin"))]).await.unwrap();
    assert_eq!(socket.connect("/", "").await, Ok(()));
    assert_eq!(socket.connect("/admin", &auth_for("admin", 60)).await, Ok(()));
    socket.echoes("hi", "admin: hi").await;
    app.clock.advance(secs(55));
    let mut told = [socket.packet().await, socket.packet().await];
    told.sort();
    if told[0].contains("welcome") {
        told = [told[1].clone(), socket.packet().await];
        told.sort();
    }
    assert_eq!(told, [r#"42/admin,["auth_expiring",{"ttl":5}]"#, r#"42["auth_expiring",{"ttl":5}]"#]);
}
