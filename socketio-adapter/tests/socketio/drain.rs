//! How transports end when the server goes down, and the codes by which they do.

use std::time::Duration;

use ws_adapter::{CloseCodes, Shutdown, Sockets};

use crate::{
    client::{Polling, Socket},
    common::eventually,
    support::*,
};

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

async fn connected(app: &App) -> Socket {
    let mut socket = Socket::open(app, &[("authorization", &basic_of("ann", "password"))]).await.unwrap();
    assert_eq!(socket.connect("/", "").await, Ok(()));
    socket
}

#[tokio::test]
async fn shutdown_closes_transports_one_by_one_over_its_time() {
    let shutdown = Shutdown::new();
    let app = app_with(|layer| layer.sockets(Sockets::new().shutdown(&shutdown)), |auth| auth).await;
    let mut sockets = Vec::new();
    for _ in 0..40 {
        sockets.push(connected(&app).await);
    }
    shutdown.begin_over(secs(8));
    for socket in &mut sockets {
        socket.echoes("it has time", "ann: it has time").await;
    }
    assert_eq!(app.io.open(), 40);
    app.clock.advance(secs(4));
    eventually(|| app.io.open() < 40).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    // 1 of 2^40 that all go in one half.
    assert!(app.io.open() > 0, "not all at once");
    app.clock.advance(secs(4));
    for mut socket in sockets {
        let (packets, closed) = socket.end().await;
        assert_eq!(closed, close(1012, "restarting"));
        assert!(packets.iter().any(|packet| packet == r#"42["auth_closed",{"reason":"restarting"}]"#), "{packets:?}");
    }
    tokio::time::timeout(secs(5), shutdown.drained()).await.unwrap();
    assert_eq!(app.io.entries(), [0; 2]);
}

#[tokio::test]
async fn transport_that_is_opened_while_the_server_goes_down_is_closed_at_once() {
    let shutdown = Shutdown::new();
    let app = app_with(|layer| layer.sockets(Sockets::new().shutdown(&shutdown)), |auth| auth).await;
    shutdown.begin_over(secs(100));
    let mut socket = Socket::open(&app, &[("authorization", &bearer_of("ann"))]).await.unwrap();
    assert_eq!(socket.end().await.1, close(1012, "restarting"));
}

#[tokio::test]
async fn shutdown_that_begins_again_is_spread_again() {
    let shutdown = Shutdown::new();
    let app = app_with(|layer| layer.sockets(Sockets::new().shutdown(&shutdown)), |auth| auth).await;
    let mut socket = connected(&app).await;
    let polling = Polling::open(&app, &[]).await.unwrap();
    shutdown.begin_over(secs(1_000_000));
    socket.echoes("it has time", "ann: it has time").await;
    // A change of its life in between does not make it forget.
    assert_eq!(socket.connect("/admin", "").await, Err("forbidden".into()));
    assert_eq!(polling.connect("/", &auth_of("ann")).await, Ok(()));
    shutdown.begin();
    assert_eq!(socket.end().await.1, close(1012, "restarting"));
    tokio::time::timeout(secs(5), shutdown.drained()).await.unwrap();
    assert!(polling.poll().await.is(400, "unknown_session"));
}

#[tokio::test]
async fn registered_close_codes_can_be_chosen() {
    let app = app_with(|layer| layer.sockets(Sockets::new().close_codes(CloseCodes::Iana)), |auth| auth).await;
    let mut expires = Socket::open(&app, &[]).await.unwrap();
    assert_eq!(expires.connect("/", &auth_for("ann", 5)).await, Ok(()));
    let mut wrong = Socket::open(&app, &[]).await.unwrap();
    for _ in 0..3 {
        assert!(wrong.connect("/", &auth_for("ann", -1)).await.is_err());
    }
    assert_eq!(wrong.end().await.1, close(3000, "invalid_credentials"));
    let mut silent = Socket::open(&app, &[]).await.unwrap();
    app.clock.advance(secs(5));
    assert_eq!(expires.end().await.1, close(3000, "token_expired"));
    app.clock.advance(secs(5));
    assert_eq!(silent.end().await.1, close(3008, "auth_timeout"));
    let mut open = connected(&app).await;
    app.io.close_all();
    assert_eq!(open.end().await.1, close(1012, "restarting"));
}
