//! Who may use a `sid`.

use crate::{
    client::{Headers, Polling, Socket},
    support::*,
};

/// The status of a poll, of a `POST` and of an upgrade with the `sid` in other hands.
async fn statuses(polling: &Polling, headers: Headers<'_>) -> [u16; 3] {
    let other = polling.with(headers);
    let upgrade = other.upgrade().await.map_or_else(|answer| answer.status, |_| 101);
    [other.poll().await.status, other.post(r#"42["message","hi"]"#).await.status, upgrade]
}

#[tokio::test]
async fn sid_of_one_principal_is_refused_to_another() {
    let app = app().await;
    let ann = bearer_of("ann");
    let polling = Polling::open(&app, &[("authorization", &ann)]).await.unwrap();
    assert_eq!(polling.connect("/", "").await, Ok(()));
    let calls = app.calls.count();
    assert_eq!(statuses(&polling, &[("authorization", &bearer_of("bob"))]).await, [403; 3]);
    assert_eq!(statuses(&polling, &[("authorization", &basic_of("bob", "password"))]).await, [403; 3]);
    assert_eq!(statuses(&polling, &[("authorization", "Bearer a.b.c")]).await, [401; 3]);
    assert_eq!(statuses(&polling, &[]).await, [401; 3]);
    assert_eq!(app.calls.count(), calls);
    polling.echoes("hi", "ann: hi").await;
}

#[tokio::test]
async fn sid_goes_with_every_credential_of_its_principal() {
    let app = app().await;
    let polling = Polling::open(&app, &[("authorization", &bearer_of("ann"))]).await.unwrap();
    assert_eq!(polling.connect("/", "").await, Ok(()));
    let other = polling.with(&[("authorization", &basic_of("ann", "password"))]);
    other.echoes("hi", "ann: hi").await;
    other.upgrade().await.unwrap().echoes("again", "ann: again").await;
}

#[tokio::test]
async fn sid_without_evidence_refuses_every_credential_until_connect() {
    let app = app().await;
    let polling = Polling::open(&app, &[]).await.unwrap();
    assert_eq!(statuses(&polling, &[("authorization", &bearer_of("ann"))]).await, [403; 3]);
    assert_eq!(polling.connect("/", &auth_of("ann")).await, Ok(()));
}

#[tokio::test]
async fn sid_without_evidence_refuses_another_principal_after_connect() {
    let app = app().await;
    let polling = Polling::open(&app, &[]).await.unwrap();
    assert_eq!(polling.connect("/", &auth_of("ann")).await, Ok(()));
    assert_eq!(statuses(&polling, &[("authorization", &bearer_of("bob"))]).await, [403; 3]);
    polling.echoes("hi", "ann: hi").await;
    polling.with(&[("authorization", &bearer_of("ann"))]).echoes("hi", "ann: hi").await;
}

#[tokio::test]
async fn sid_of_a_socket_is_of_no_use_to_a_request() {
    let app = app().await;
    let headers = [("authorization", &*bearer_of("ann"))];
    let target = "/socket.io/?EIO=4&transport=websocket";
    let (mut socket, _) = Socket::handshake(app.server.addr, target, &headers).await.unwrap();
    let open: serde_json::Value = serde_json::from_str(socket.packet().await.trim_start_matches('0')).unwrap();
    let sid = open["sid"].as_str().unwrap().to_owned();
    let mut polling = Polling::open(&app, &headers).await.unwrap();
    polling.sid = sid;
    assert_eq!(statuses(&polling, &headers).await, [400; 3]);
    assert_eq!(socket.connect("/", "").await, Ok(()));
}

#[tokio::test]
async fn sid_that_was_never_given_out_is_unknown() {
    let app = app().await;
    let mut polling = Polling::open(&app, &[]).await.unwrap();
    polling.sid = "AAAAAAAAAAAAAAAA".into();
    assert!(polling.poll().await.is(400, "unknown_session"));
    assert_eq!(statuses(&polling, &[]).await, [400; 3]);
}
