//! How transports end.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::response::IntoResponse as _;
use futures_util::future::join_all;
use socketioxide::{extract::SocketRef, socket::DisconnectReason};

use crate::{
    client::{Polling, Socket},
    common::eventually,
    support::*,
};

const TOLD: [&str; 2] = [r#"42["auth_closed",{"reason":"token_expired"}]"#, "41"];

#[tokio::test]
async fn socket_that_does_not_connect_is_closed_after_ten_seconds() {
    let app = app().await;
    for headers in [&[][..], &[("authorization", &*bearer_of("ann"))]] {
        let mut socket = Socket::open(&app, headers).await.unwrap();
        app.clock.advance(Duration::from_millis(9_999));
        assert_eq!(app.io.open(), 1);
        app.clock.advance(Duration::from_millis(1));
        assert_eq!(socket.end().await, (vec![], close(4408, "auth_timeout")));
        eventually(|| app.io.open() == 0).await;
    }
}

#[tokio::test]
async fn polling_that_does_not_connect_is_closed_after_ten_seconds() {
    let app = app().await;
    let polling = Polling::open(&app, &[]).await.unwrap();
    let waiting = tokio::spawn({
        let polling = polling.clone();
        async move { (polling.poll().await, polling.poll().await) }
    });
    // A wrong `CONNECT` is none.
    assert_eq!(polling.post(r#"40{"token":"a.b.c"}"#).await.status, 200);
    let (first, _) = tokio::time::timeout(Duration::from_secs(5), async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        app.clock.advance(Duration::from_secs(10));
        waiting.await.unwrap()
    })
    .await
    .unwrap();
    assert_eq!(first.status, 200);
    eventually(|| app.io.open() == 0).await;
    assert!(polling.poll().await.is(400, "unknown_session"));
    assert!(polling.post(&format!("40{}", auth_of("ann"))).await.is(400, "unknown_session"));
    assert_eq!(app.calls.count(), 0);
}

#[tokio::test]
async fn deadline_can_be_set() {
    let app = app_with(|layer| layer, |auth| auth.connect_timeout(Duration::from_secs(2))).await;
    let mut socket = Socket::open(&app, &[]).await.unwrap();
    app.clock.advance(Duration::from_secs(2));
    assert_eq!(socket.end().await.1, close(4408, "auth_timeout"));
}

#[tokio::test]
async fn connected_socket_outlives_the_deadline_but_not_its_credential() {
    let app = app().await;
    let mut socket = Socket::open(&app, &[]).await.unwrap();
    assert_eq!(socket.connect("/", &auth_for("ann", 60)).await, Ok(()));
    app.clock.advance(Duration::from_secs(59));
    socket.echoes("hi", "ann: hi").await;
    app.clock.advance(Duration::from_secs(1));
    let (packets, closed) = socket.end().await;
    assert_eq!(packets, TOLD);
    assert_eq!(closed, close(4401, "token_expired"));
    eventually(|| app.io.open() == 0).await;
}

#[tokio::test]
async fn expiry_closes_a_transport_that_was_upgraded() {
    let app = app().await;
    let polling = Polling::open(&app, &[]).await.unwrap();
    assert_eq!(polling.connect("/", &auth_for("ann", 60)).await, Ok(()));
    let mut socket = polling.upgrade().await.unwrap();
    socket.echoes("hi", "ann: hi").await;
    app.clock.advance(Duration::from_secs(60));
    let (packets, closed) = socket.end().await;
    assert_eq!(packets, TOLD);
    assert_eq!(closed, close(4401, "token_expired"));
    eventually(|| app.io.open() == 0).await;
}

#[tokio::test]
async fn expiry_closes_a_transport_that_polls_and_says_why() {
    let app = app().await;
    let polling = Polling::open(&app, &[]).await.unwrap();
    assert_eq!(polling.connect("/", &auth_for("ann", 60)).await, Ok(()));
    polling.echoes("hi", "ann: hi").await;
    let waiting = tokio::spawn({
        let polling = polling.clone();
        async move { polling.message(TOLD[0].strip_prefix('4').unwrap()).await }
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    app.clock.advance(Duration::from_secs(60));
    waiting.await.unwrap();
    let calls = app.calls.count();
    assert!(polling.post(r#"42["message","hi"]"#).await.is(400, "unknown_session"));
    assert!(polling.post(&format!("40{}", auth_of("ann"))).await.is(400, "unknown_session"));
    eventually(|| app.io.open() == 0).await;
    assert!(polling.poll().await.is(400, "unknown_session"));
    assert_eq!(app.calls.count(), calls);
}

#[tokio::test(flavor = "multi_thread")]
async fn both_why_and_that_it_ends_come_with_one_poll() {
    // A second one would be refused: the header has ended too.
    for _ in 0..10 {
        let app = app().await;
        let authorization = format!("Bearer {}", token("ann", 60));
        let polling = Polling::open(&app, &[("authorization", &authorization)]).await.unwrap();
        assert_eq!(polling.connect("/", "").await, Ok(()));
        polling.message("2[").await;
        polling.echoes("hi", "ann: hi").await;
        let waiting = tokio::spawn(async move { polling.poll().await });
        // Its header must have been judged by then.
        tokio::time::sleep(Duration::from_millis(100)).await;
        app.clock.advance(Duration::from_secs(60));
        let answer = waiting.await.unwrap();
        assert!(answer.body.ends_with(&TOLD.join("\u{1e}")), "{answer:?}");
        eventually(|| app.io.open() == 0).await;
    }
}

#[tokio::test]
async fn client_that_does_not_poll_at_the_moment_hears_why_at_its_next_poll() {
    let app = app().await;
    let polling = Polling::open(&app, &[]).await.unwrap();
    assert_eq!(polling.connect("/", &auth_for("ann", 60)).await, Ok(()));
    polling.echoes("hi", "ann: hi").await;
    app.clock.advance(Duration::from_secs(60));
    tokio::time::sleep(Duration::from_millis(50)).await;
    polling.message(TOLD[0].strip_prefix('4').unwrap()).await;
    eventually(|| app.io.open() == 0).await;
}

#[tokio::test]
async fn client_that_never_polls_again_is_closed_all_the_same() {
    let app = app().await;
    let polling = Polling::open(&app, &[]).await.unwrap();
    assert_eq!(polling.connect("/", &auth_for("ann", 60)).await, Ok(()));
    app.clock.advance(Duration::from_secs(60));
    eventually(|| app.io.open() == 0).await;
}

#[tokio::test]
async fn end_of_the_credential_that_opened_the_transport_closes_it() {
    let app = app().await;
    let authorization = format!("Bearer {}", token("ann", 60));
    let mut socket = Socket::open(&app, &[("authorization", &authorization)]).await.unwrap();
    assert_eq!(socket.connect("/", &auth_for("ann", 300)).await, Ok(()));
    app.clock.advance(Duration::from_secs(60));
    assert_eq!(socket.end().await.1, close(4401, "token_expired"));
}

#[tokio::test]
async fn every_namespace_is_told_and_the_first_end_counts() {
    let app = app().await;
    let mut socket = Socket::open(&app, &[]).await.unwrap();
    let auth = |secs| format!(r#"{{"token":"{}"}}"#, token("admin", secs));
    assert_eq!(socket.connect("/", &auth(300)).await, Ok(()));
    assert_eq!(socket.connect("/admin", &auth(60)).await, Ok(()));
    app.clock.advance(Duration::from_secs(60));
    let (packets, closed) = socket.end().await;
    assert_eq!(closed, close(4401, "token_expired"));
    for told in [TOLD[0], TOLD[1], r#"42/admin,["auth_closed",{"reason":"token_expired"}]"#, "41/admin,"] {
        assert!(packets.iter().any(|packet| packet == told), "{told} in {packets:?}");
    }
}

/// So many seconds, with some time for what was sent before them and for what they bring about.
async fn passes(app: &App, secs: u64) {
    tokio::time::sleep(Duration::from_millis(50)).await;
    app.clock.advance(Duration::from_secs(secs));
    tokio::time::sleep(Duration::from_millis(50)).await;
}

#[tokio::test]
async fn transport_whose_last_namespace_is_left_is_closed() {
    let app = app().await;
    app.io.ns("/kick", async |socket: SocketRef| socket.disconnect().unwrap());
    let headers = [("authorization", &*basic_of("ann", "password"))];
    let mut leaves = Socket::open(&app, &headers).await.unwrap();
    assert_eq!(leaves.connect("/", "").await, Ok(()));
    leaves.echoes("hi", "ann: hi").await;
    leaves.send("41").await;
    let mut kicked = Socket::open(&app, &headers).await.unwrap();
    assert_eq!(kicked.connect("/kick", "").await, Ok(()));
    assert_eq!(kicked.packet().await, "41/kick,");
    let polling = Polling::open(&app, &headers).await.unwrap();
    assert_eq!(polling.connect("/", "").await, Ok(()));
    assert_eq!(polling.post("41").await.status, 200);
    passes(&app, 9).await;
    assert_eq!(app.io.open(), 3);
    passes(&app, 1).await;
    for mut socket in [leaves, kicked] {
        assert_eq!(socket.end().await, (vec![], close(4408, "auth_timeout")));
    }
    eventually(|| app.io.open() == 0).await;
    assert!(polling.poll().await.is(400, "unknown_session"));
}

#[tokio::test]
async fn transport_with_a_namespace_left_stays() {
    let app = app().await;
    let headers = [("authorization", &*basic_of("admin", "password"))];
    let mut socket = Socket::open(&app, &headers).await.unwrap();
    assert_eq!(socket.connect("/", "").await, Ok(()));
    assert_eq!(socket.connect("/admin", "").await, Ok(()));
    socket.send("41/admin,").await;
    for _ in 0..5 {
        passes(&app, 10).await;
    }
    socket.echoes("hi", "admin: hi").await;
    socket.send("41").await;
    passes(&app, 9).await;
    // Who comes back in time is in again.
    assert_eq!(socket.connect("/", "").await, Ok(()));
    for _ in 0..5 {
        passes(&app, 10).await;
    }
    socket.echoes("hi", "admin: hi").await;
    socket.send("41").await;
    passes(&app, 10).await;
    assert_eq!(socket.end().await.1, close(4408, "auth_timeout"));
}

#[tokio::test]
async fn transport_whose_namespace_a_handler_keeps_is_closed_in_the_end() {
    let app = app().await;
    let (mut socket, kept) = left_and_kept(&app).await;
    passes(&app, 299).await;
    assert_eq!(app.io.open(), 1);
    passes(&app, 1).await;
    passes(&app, 10).await;
    assert_eq!(socket.end().await.1, close(4408, "auth_timeout"));
    drop(kept);
}

#[tokio::test]
async fn login_without_an_end_stays() {
    let app = app().await;
    let mut socket = Socket::open(&app, &[("authorization", &basic_of("ann", "password"))]).await.unwrap();
    assert_eq!(socket.connect("/", "").await, Ok(()));
    app.clock.advance(Duration::from_secs(1_000_000));
    socket.echoes("hi", "ann: hi").await;
}

#[tokio::test]
async fn upgrade_that_fails_leaves_nothing_behind() {
    let app = app().await;
    let polling = Polling::open(&app, &[("authorization", &bearer_of("ann"))]).await.unwrap();
    assert_eq!(polling.connect("/", "").await, Ok(()));
    let target = format!("/socket.io/?EIO=4&transport=websocket&sid={}", polling.sid);
    let headers = [("authorization", &*bearer_of("ann"))];
    let (socket, _) = Socket::handshake(app.server.addr, &target, &headers).await.unwrap();
    drop(socket);
    // It has never begun, and the transport still polls.
    tokio::time::sleep(Duration::from_millis(50)).await;
    polling.echoes("hi", "ann: hi").await;
    let (mut socket, _) = Socket::handshake(app.server.addr, &target, &headers).await.unwrap();
    socket.send("2probe").await;
    assert_eq!(socket.packet().await, "3probe");
    drop(socket);
    eventually(|| app.io.open() == 0).await;
}

#[tokio::test]
async fn upgrade_that_says_nothing_is_given_up() {
    let wait = Duration::from_millis(100);
    let app = app_with(|layer| layer, |auth| auth.configure(|io| io.upgrade_timeout(wait))).await;
    let polling = Polling::open(&app, &[]).await.unwrap();
    assert_eq!(polling.connect("/", &auth_of("ann")).await, Ok(()));
    let target = format!("/socket.io/?EIO=4&transport=websocket&sid={}", polling.sid);
    let (mut socket, _) = Socket::handshake(app.server.addr, &target, &[]).await.unwrap();
    assert_eq!(socket.end().await, (vec![], None));
    polling.echoes("hi", "ann: hi").await;
    let (mut socket, _) = Socket::handshake(app.server.addr, &target, &[]).await.unwrap();
    app.io.close_all();
    assert_eq!(socket.end().await, (vec![], None));
}

#[tokio::test]
async fn upgrade_that_never_reaches_the_engine_does_no_harm() {
    // A layer further out that takes the 101 away.
    let no_sockets = |router: axum::Router| {
        router.layer(axum::middleware::map_response(async |response: axum::response::Response| {
            let is_upgrade = response.status() == http::StatusCode::SWITCHING_PROTOCOLS;
            if is_upgrade { http::StatusCode::NOT_IMPLEMENTED.into_response() } else { response }
        }))
    };
    let app = app_behind(|layer| layer, |auth| auth, no_sockets).await;
    let polling = Polling::open(&app, &[]).await.unwrap();
    assert_eq!(polling.connect("/", &auth_of("ann")).await, Ok(()));
    assert_eq!(polling.upgrade().await.unwrap_err().status, 501);
    assert_eq!(Socket::open(&app, &[]).await.unwrap_err().status, 501);
    eventually(|| app.io.open() == 1).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    polling.echoes("hi", "ann: hi").await;
}

#[tokio::test]
async fn client_that_leaves_leaves_nothing_behind() {
    let app = app().await;
    let mut socket = Socket::open(&app, &[]).await.unwrap();
    assert_eq!(socket.connect("/", &auth_of("ann")).await, Ok(()));
    drop(socket);
    let polling = Polling::open(&app, &[]).await.unwrap();
    assert_eq!(polling.connect("/", &auth_of("ann")).await, Ok(()));
    assert_eq!(polling.post("1").await.status, 200);
    eventually(|| app.io.open() == 0).await;
}

#[tokio::test]
async fn transport_that_its_client_closes_is_unknown_at_once() {
    let app = app().await;
    let polling = Polling::open(&app, &[]).await.unwrap();
    // Whoever keeps the socket keeps engine.io's session too.
    let kept = Arc::new(Mutex::new(None));
    app.io.ns("/kept", {
        let kept = Arc::clone(&kept);
        async move |socket: SocketRef| drop(kept.lock().unwrap().replace(socket))
    });
    assert_eq!(polling.connect("/kept", &auth_of("ann")).await, Ok(()));
    eventually(|| kept.lock().unwrap().is_some()).await;
    assert_eq!(polling.post("41/kept,\u{1e}1").await.status, 200);
    assert_eq!(app.io.open(), 0);
    assert!(polling.poll().await.is(400, "unknown_session"));
    assert!(polling.post("3").await.is(400, "unknown_session"));
}

#[tokio::test]
async fn transport_that_engine_io_gives_up_is_unknown() {
    let ping = Duration::from_millis(50);
    let app = app_with(|layer| layer, |auth| auth.configure(|io| io.ping_interval(ping).ping_timeout(ping))).await;
    let polling = Polling::open(&app, &[]).await.unwrap();
    let upgrading = Polling::open(&app, &[]).await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(polling.poll().await.is(400, "unknown_session"));
    assert!(upgrading.upgrade().await.unwrap_err().is(400, "unknown_session"));
    assert_eq!(app.io.open(), 0);
}

#[tokio::test]
async fn pings_and_polls_do_not_close_a_transport() {
    let app = app().await;
    let polling = Polling::open(&app, &[]).await.unwrap();
    for _ in 0..3 {
        assert_eq!(polling.post("3").await.status, 200);
    }
    assert_eq!(polling.poll().await.body, "2");
    assert_eq!(app.io.open(), 1);
    assert_eq!(polling.connect("/", &auth_of("ann")).await, Ok(()));
    let mut socket = polling.upgrade().await.unwrap();
    socket.echoes("hi", "ann: hi").await;
    // A second WebSocket is turned away, and is not the end of the first.
    let target = format!("/socket.io/?EIO=4&transport=websocket&sid={}", polling.sid);
    let (mut second, _) = Socket::handshake(app.server.addr, &target, &[]).await.unwrap();
    second.send("2probe").await;
    assert_eq!(second.end().await, (vec![], None));
    socket.echoes("hi", "ann: hi").await;
    assert_eq!(app.io.open(), 1);
    socket.send("1").await;
    eventually(|| app.io.open() == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn client_that_leaves_was_not_disconnected_by_the_server() {
    let app = app().await;
    let reasons = Arc::new(Mutex::new(Vec::new()));
    app.io.ns("/leaving", {
        let reasons = Arc::clone(&reasons);
        async move |socket: SocketRef| {
            socket.on_disconnect(async move |reason: DisconnectReason| reasons.lock().unwrap().push(reason));
            socket.emit("welcome", "").unwrap();
        }
    });
    let clients = (0..100).map(|n| {
        let app = &app;
        async move {
            let mut socket = if n % 4 < 2 {
                Socket::open(app, &[]).await.unwrap()
            } else {
                Polling::open(app, &[]).await.unwrap().upgrade().await.unwrap()
            };
            assert_eq!(socket.connect("/leaving", &auth_of("ann")).await, Ok(()));
            assert_eq!(socket.packet().await, r#"42/leaving,["welcome",""]"#);
            if n % 2 == 0 {
                // With a close, and without.
                socket.0.close(None).await.unwrap();
            }
        }
    });
    join_all(clients).await;
    eventually(|| reasons.lock().unwrap().len() == 100 && app.io.open() == 0).await;
    for reason in reasons.lock().unwrap().iter() {
        assert!(matches!(reason, DisconnectReason::TransportClose | DisconnectReason::TransportError), "{reason}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_clients_connect_echo_and_leave() {
    let app = app().await;
    let clients = (0..200).map(|n| {
        let app = &app;
        async move {
            let name = format!("user{n}");
            if n % 3 < 2 {
                let mut socket = if n % 3 == 0 {
                    Socket::open(app, &[]).await.unwrap()
                } else {
                    Polling::open(app, &[]).await.unwrap().upgrade().await.unwrap()
                };
                assert_eq!(socket.connect("/", &auth_of(&name)).await, Ok(()));
                assert_eq!(socket.packet().await, format!(r#"42["welcome","{name}"]"#));
                socket.echoes("hi", &format!("{name}: hi")).await;
            } else {
                let polling = Polling::open(app, &[("authorization", &bearer_of(&name))]).await.unwrap();
                assert_eq!(polling.connect("/", "").await, Ok(()));
                assert_eq!(polling.message("2[").await, format!(r#"2["welcome","{name}"]"#));
                polling.echoes("hi", &format!("{name}: hi")).await;
                assert_eq!(polling.post("1").await.status, 200);
            }
        }
    });
    join_all(clients).await;
    eventually(|| app.io.open() == 0).await;
    assert_eq!(app.io.entries(), [0; 2]);
    assert_eq!(app.calls.count(), 400);
    eventually(|| app.io.of("/").unwrap().sockets().is_empty()).await;
}
