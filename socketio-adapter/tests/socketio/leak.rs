//! What must not be in a log.

use std::time::Duration;

use socketio_adapter::{SocketIoAuth, SocketUser};
use socketioxide::{TransportType, extract::SocketRef};
use tokio::sync::mpsc;
use tower::{Layer as _, Service as _};
use tracing_subscriber::{Layer as _, filter::Targets, layer::SubscriberExt as _};
use ws_adapter::AuthLayer;

use crate::{
    client::{Polling, Socket},
    common::{Log, assert_debug_is_clean, eventually},
    support::*,
};

#[tokio::test]
async fn neither_session_id_nor_credential_is_logged() {
    let log = Log::default();
    let ours =
        ["socketio_adapter", "ws_adapter", "auth_core", "auth_jwt", "auth_basic", "socketioxide", "engineioxide"];
    let ours = Targets::new().with_targets(ours.map(|target| (target, tracing::Level::TRACE)));
    let layer = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(log.clone());
    // Of this thread only, where the server is too.
    let _log = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer.with_filter(ours)));

    let app = app().await;
    let token = token("ann", 60);
    let polling = Polling::open(&app, &[]).await.unwrap();
    assert!(polling.connect("/", r#"{"token":"marker.marker.marker"}"#).await.is_err());
    assert_eq!(polling.connect("/", &format!(r#"{{"token":"{token}"}}"#)).await, Ok(()));
    let stranger = polling.with(&[("authorization", &bearer_of("bob"))]);
    assert_eq!(stranger.poll().await.status, 403);
    let target = "/socket.io/?EIO=4&transport=websocket";
    let authorization = format!("Bearer {token}");
    let headers = [("authorization", authorization.as_str())];
    let (mut socket, _) = Socket::handshake(app.server.addr, target, &headers).await.unwrap();
    let open: serde_json::Value = serde_json::from_str(socket.packet().await.strip_prefix('0').unwrap()).unwrap();
    let sid = open["sid"].as_str().unwrap();
    assert_eq!(sid.len(), 16);
    assert!(socket.connect("/", r#"{"username":"ann","password":"marker"}"#).await.is_err());
    assert_eq!(socket.connect("/", "").await, Ok(()));
    assert_eq!(socket.refresh("/", r#"{"token":"marker.marker.marker"}"#).await["ok"], false);
    let fresh = crate::support::token("ann", 61);
    assert_eq!(socket.refresh("/", &format!(r#"{{"token":"{fresh}"}}"#)).await["ok"], true);
    app.clock.advance(Duration::from_secs(61));
    eventually(|| app.io.open() == 0).await;

    let log = log.text();
    for said in [
        "a Socket.IO client connects",
        "transport=SocketIo status=401",
        "a credential is refreshed",
        "a connection is closed",
    ] {
        assert!(log.contains(said), "{said}");
    }
    for secret in [&*polling.sid, sid, &*token, &*fresh, "marker"] {
        assert!(!log.contains(secret), "{:?}", log.lines().find(|line| line.contains(secret)));
    }
}

#[tokio::test]
async fn whoever_is_let_in_is_an_event_of_a_target_of_its_own() {
    let log = Log::default();
    let layer = tracing_subscriber::fmt::layer().with_ansi(false).without_time().with_writer(log.clone());
    let audit = Targets::new().with_target("ws_adapter::audit", tracing::Level::DEBUG);
    // Of this thread only, where the server is too.
    let _log = tracing::subscriber::set_default(tracing_subscriber::registry().with(audit).with(layer));
    let app = app().await;
    let mut socket = Socket::open(&app, &[("authorization", &basic_of("ann", "password"))]).await.unwrap();
    assert_eq!(socket.connect("/", "").await, Ok(()));
    let polling = Polling::open(&app, &[]).await.unwrap();
    assert!(polling.connect("/", &auth_of("nobody")).await.is_err());
    assert_eq!(polling.connect("/", &auth_of("ann")).await, Ok(()));
    assert_eq!(polling.refresh("/", &auth_of("ann")).await["ok"], true);

    let accepted = |transport, strategy, carrier| {
        format!("DEBUG ws_adapter::audit: accepted transport={transport} strategy=\"{strategy}\" carrier={carrier}")
    };
    let by_login = [accepted("WebSocket", "basic", "Header"), accepted("SocketIo", "basic", "Header")];
    let by_token = [accepted("SocketIo", "jwt", "Payload"), accepted("InBand", "jwt", "Payload")];
    assert_eq!(log.text().lines().map(str::trim).collect::<Vec<_>>(), [by_login, by_token].concat());
}

#[tokio::test]
async fn refusal_of_the_engine_is_no_error() {
    let log = Log::default();
    let layer = tracing_subscriber::fmt::layer().with_writer(log.clone());
    // Of this thread only, where the server is too.
    let _log = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));
    let app = app_with(|layer| layer, |auth| auth.configure(|io| io.transports([TransportType::Websocket]))).await;
    assert_eq!(Polling::open(&app, &[]).await.err().unwrap().status, 400);
    assert_eq!(app.io.open(), 0);
    let log = log.text();
    assert!(!log.contains("ERROR"), "{log}");
    assert!(log.contains("DEBUG"), "{log}");
}

#[tokio::test]
async fn debug_of_public_types_is_useful_and_holds_no_secret() {
    let secret = token("ann", 60);
    let auth = SocketIoAuth::new(AuthLayer::new(jwt_or_basic()));
    assert_debug_is_clean(&auth, &secret);
    let (layer, io) = auth.build();
    assert_debug_is_clean(&layer, &secret);
    assert_debug_is_clean(&io, &secret);
    let mut service = layer.layer(axum::Router::new());
    assert_debug_is_clean(&service, &secret);
    let request = http::Request::get("/socket.io/?EIO=4&transport=polling");
    let request = request.header("authorization", format!("Bearer {secret}")).body(axum::body::Body::empty());
    assert_debug_is_clean(&service.call(request.unwrap()), &secret);

    let app = app().await;
    let (tell, mut told) = mpsc::unbounded_channel();
    app.io.ns("/shown", async move |_: SocketRef, user: SocketUser<User>| {
        let _ = tell.send(user);
    });
    let mut socket = Socket::open(&app, &[("authorization", &format!("Bearer {secret}"))]).await.unwrap();
    assert_eq!(socket.connect("/shown", "").await, Ok(()));
    assert_debug_is_clean(&told.recv().await.unwrap(), &secret);
}
