//! Speaking to users, and naming connections.

use std::time::Duration;

use auth_core::PrincipalId;
use socketioxide::extract::SocketRef;
use ws_adapter::{
    Shutdown,
    socketio::{ConnectionId, SocketUser},
};

use crate::{
    client::{Polling, Socket},
    common::eventually,
    support::*,
};

#[tokio::test]
async fn event_reaches_every_connection_of_a_user_and_nobody_else() {
    let app = app().await;
    let mut first = Socket::open(&app, &[]).await.unwrap();
    assert_eq!(first.connect("/", &auth_of("ann")).await, Ok(()));
    let second = Polling::open(&app, &[("authorization", &bearer_of("ann"))]).await.unwrap();
    assert_eq!(second.connect("/", "").await, Ok(()));
    let mut bob = Socket::open(&app, &[]).await.unwrap();
    assert_eq!(bob.connect("/", &auth_of("bob")).await, Ok(()));
    eventually(|| app.calls.count() == 3).await;

    app.io.emit_to_user(&PrincipalId::new("", "ann"), "mail", "you have mail").await.unwrap();
    assert_eq!(first.packet().await, r#"42["welcome","ann"]"#);
    assert_eq!(first.packet().await, r#"42["mail","you have mail"]"#);
    assert_eq!(second.message(r#"2["mail""#).await, r#"2["mail","you have mail"]"#);
    bob.echoes("hi", "bob: hi").await;
    assert_eq!(app.io.to_user("/", &PrincipalId::new("", "ann")).unwrap().sockets().len(), 2);
    assert!(app.io.to_user("/other", &PrincipalId::new("", "ann")).is_none());
}

#[tokio::test]
async fn connection_has_a_public_name_that_is_not_its_session_id() {
    let app = app().await;
    app.io.ns("/names", async |socket: SocketRef, id: ConnectionId, _: SocketUser<User>| {
        assert_ne!(id.as_str(), socket.id.as_str());
        socket.emit("name", id.as_str()).unwrap();
    });
    let mut names = std::collections::HashSet::new();
    for _ in 0..2 {
        let mut socket = Socket::open(&app, &[("authorization", &bearer_of("ann"))]).await.unwrap();
        assert_eq!(socket.connect("/names", "").await, Ok(()));
        names.insert(socket.packet().await);
    }
    assert_eq!(names.len(), 2);
}

#[tokio::test]
async fn closing_the_server_closes_every_transport() {
    let app = app().await;
    let mut socket = Socket::open(&app, &[]).await.unwrap();
    assert_eq!(socket.connect("/", &auth_of("ann")).await, Ok(()));
    let mut pending = Socket::open(&app, &[]).await.unwrap();
    app.io.close_all();
    assert_eq!(socket.end().await.1, Some((1012, "restarting".into())));
    assert_eq!(pending.end().await.1, Some((1012, "restarting".into())));
    eventually(|| app.io.open() == 0).await;
}

#[tokio::test]
async fn shutdown_of_the_layer_closes_every_transport_and_waits_for_it() {
    let shutdown = Shutdown::new();
    let app = app_with(|layer| layer.shutdown(&shutdown), |auth| auth).await;
    let mut socket = Socket::open(&app, &[]).await.unwrap();
    assert_eq!(socket.connect("/", &auth_of("ann")).await, Ok(()));
    let polling = Polling::open(&app, &[]).await.unwrap();
    assert_eq!(app.io.open(), 2);
    shutdown.begin();
    assert_eq!(socket.end().await.1, Some((1012, "restarting".into())));
    tokio::time::timeout(Duration::from_secs(5), shutdown.drained()).await.unwrap();
    assert_eq!(polling.poll().await.status, 400);
    assert_eq!(app.io.open(), 0);
}
