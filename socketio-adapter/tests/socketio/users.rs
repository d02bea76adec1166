//! Speaking to users, and naming connections.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};

use auth_core::PrincipalId;
use bytes::Bytes;
use socketio_adapter::{Connection, SocketUser};
use socketioxide::{
    adapter::LocalAdapter,
    extract::SocketRef,
    handler::{FromConnectParts as _, FromDisconnectParts as _, FromMessageParts},
    socket::{DisconnectReason, Socket as RawSocket},
};
use socketioxide_core::Value;
use tokio::sync::mpsc;
use ws_adapter::{Shutdown, Sockets};

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
    app.io.ns("/names", async |socket: SocketRef, id: Connection, _: SocketUser<User>| {
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

/// Keeps the socket itself, from which handlers take what they ask for.
struct Raw(Arc<RawSocket<LocalAdapter>>);

impl FromMessageParts<LocalAdapter> for Raw {
    type Error = Infallible;

    fn from_message_parts(
        socket: &Arc<RawSocket<LocalAdapter>>,
        _: &mut Value,
        _: &Option<i64>,
    ) -> Result<Self, Infallible> {
        Ok(Self(Arc::clone(socket)))
    }
}

/// Whether each kind of handler would be called: for a message, a connect, a disconnect.
fn would_be_called<U: Send + Sync + 'static>(Raw(socket): &Raw) -> [bool; 3] {
    [
        SocketUser::<U>::from_message_parts(socket, &mut Value::Bytes(Bytes::new()), &None).is_ok(),
        SocketUser::<U>::from_connect_parts(socket, &None).is_ok(),
        SocketUser::<U>::from_disconnect_parts(socket, DisconnectReason::ClientNSDisconnect).is_ok(),
    ]
}

/// On one thread nothing runs beside a handler that waits for nothing: the transport is closed after it.
async fn sees_it_end(ends: fn(&App)) {
    let app = Arc::new(app().await);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (sees, ended) = (Arc::clone(&seen), Arc::clone(&app));
    app.io.ns("/raw", async move |socket: SocketRef| {
        socket.on("end", async move |raw: Raw| {
            let before = [would_be_called::<User>(&raw), would_be_called::<Admin>(&raw)];
            ends(&ended);
            *sees.lock().unwrap() = vec![before[0], before[1], would_be_called::<User>(&raw)];
        });
        socket.emit("ready", "").unwrap();
    });
    let mut socket = Socket::open(&app, &[]).await.unwrap();
    assert_eq!(socket.connect("/raw", &auth_for("ann", 60)).await, Ok(()));
    assert_eq!(socket.packet().await, r#"42/raw,["ready",""]"#);
    socket.send(r#"42/raw,["end"]"#).await;
    assert!(socket.end().await.1.is_some());
    // Whoever says goodbye may know to whom.
    assert_eq!(*seen.lock().unwrap(), [[true; 3], [false; 3], [false, true, true]]);
}

#[tokio::test]
async fn user_of_a_transport_that_has_ended_is_given_to_no_message() {
    sees_it_end(|app| app.io.close_all()).await;
}

#[tokio::test]
async fn user_whose_credential_has_ended_is_given_to_no_message() {
    sees_it_end(|app| app.clock.advance(Duration::from_secs(60))).await;
}

#[tokio::test]
async fn handler_for_another_user_type_is_not_called() {
    let app = app().await;
    let (tell, mut told) = mpsc::unbounded_channel();
    app.io.ns("/raw", async move |socket: SocketRef| {
        let tell = tell.clone();
        socket.on("why", async move |Raw(socket): Raw| {
            let refused = SocketUser::<Admin>::from_connect_parts(&socket, &None);
            let _ = tell.send(refused.err().map(|error| error.to_string()));
        });
        socket.emit("ready", "").unwrap();
    });
    let mut socket = Socket::open(&app, &[]).await.unwrap();
    assert_eq!(socket.connect("/raw", &auth_for("ann", 60)).await, Ok(()));
    assert_eq!(socket.packet().await, r#"42/raw,["ready",""]"#);
    socket.send(r#"42/raw,["why"]"#).await;
    let why = told.recv().await.unwrap();
    assert_eq!(why.as_deref(), Some("nobody is authenticated as the user that the handler asks for"));
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
    let app = app_with(|layer| layer.sockets(Sockets::new().shutdown(&shutdown)), |auth| auth).await;
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
