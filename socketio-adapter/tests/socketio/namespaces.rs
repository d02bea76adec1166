//! Several namespaces, with chains of their own.

use auth_core::{Outcome, Redirect};
use socketioxide::{extract::SocketRef, handler::ConnectHandler as _};

use crate::{
    client::{Polling, Socket},
    support::*,
};

#[tokio::test]
async fn namespace_of_its_own_chain_judges_the_transport_again() {
    let app = app().await;
    let mut admin = Socket::open(&app, &[("authorization", &bearer_of("admin"))]).await.unwrap();
    assert_eq!(admin.connect("/", "").await, Ok(()));
    assert_eq!(admin.connect("/admin", "").await, Ok(()));
    let ann = Polling::open(&app, &[("authorization", &bearer_of("ann"))]).await.unwrap();
    assert_eq!(ann.connect("/admin", "").await, Err("forbidden".into()));
    assert_eq!(ann.connect("/", "").await, Ok(()));
}

#[tokio::test]
async fn token_in_a_subprotocol_counts_for_a_namespace_of_its_own_chain() {
    let app = app().await;
    let protocols = {
        use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
        format!("auth.v1, auth.bearer.{}", URL_SAFE_NO_PAD.encode(token("admin", 600)))
    };
    let mut admin = Socket::open(&app, &[("sec-websocket-protocol", &protocols)]).await.unwrap();
    assert_eq!(admin.connect("/admin", "").await, Ok(()));
}

#[tokio::test]
async fn namespace_asks_for_auth_of_its_own() {
    let app = app().await;
    let mut admin = Socket::open(&app, &[]).await.unwrap();
    assert_eq!(admin.connect("/", &auth_of("admin")).await, Ok(()));
    // To be in one namespace is no credential for another.
    assert_eq!(admin.connect("/admin", "").await, Err("unauthorized:missing_credentials".into()));
    assert_eq!(admin.connect("/admin", &auth_of("admin")).await, Ok(()));
}

#[tokio::test]
async fn second_principal_on_one_transport_is_refused_as_a_wrong_credential() {
    let app = app().await;
    let mut socket = Socket::open(&app, &[]).await.unwrap();
    assert_eq!(socket.connect("/", &auth_of("ann")).await, Ok(()));
    let refused = socket.connect("/admin", &auth_of("admin")).await;
    assert_eq!(refused, Err("unauthorized:invalid_credentials".into()));
    assert_eq!(app.calls.count(), 1);
}

#[tokio::test]
async fn namespace_that_nobody_has_added_is_none() {
    let app = app().await;
    let mut socket = Socket::open(&app, &[("authorization", &bearer_of("ann"))]).await.unwrap();
    for _ in 0..5 {
        assert_eq!(socket.connect("/other", &auth_of("ann")).await, Err("Invalid namespace".into()));
    }
    assert_eq!(app.calls.count(), 0);
    // It does not count as a try, and is no good one either.
    assert_eq!(socket.connect("/", "").await, Ok(()));
    let mut never = Socket::open(&app, &[]).await.unwrap();
    assert_eq!(never.connect("/other", &auth_of("ann")).await, Err("Invalid namespace".into()));
    app.clock.advance(std::time::Duration::from_secs(10));
    assert_eq!(never.end().await.1, Some((4408, "auth_timeout".into())));
}

#[tokio::test]
async fn middleware_of_the_handler_comes_after_the_chain() {
    let app = app().await;
    let calls = app.calls.clone();
    let handler = {
        let calls = calls.clone();
        async move |_: SocketRef| calls.add()
    };
    let middleware = async move |_: SocketRef| {
        calls.add();
        Err::<(), _>("closed on Sundays")
    };
    app.io.ns("/shop", handler.with(middleware));
    let mut socket = Socket::open(&app, &[]).await.unwrap();
    assert_eq!(socket.connect("/shop", "").await, Err("unauthorized:missing_credentials".into()));
    assert_eq!(app.calls.count(), 0);
    assert_eq!(socket.connect("/shop", &auth_of("ann")).await, Err("closed on Sundays".into()));
    assert_eq!(app.calls.count(), 1);
    // That was no good `CONNECT`: the deadline goes on.
    app.clock.advance(std::time::Duration::from_secs(10));
    assert_eq!(socket.end().await.1, Some((4408, "auth_timeout".into())));
}

#[tokio::test]
async fn handler_that_asks_for_another_user_type_is_not_called() {
    let app = app().await;
    let calls = app.calls.clone();
    app.io.ns("/mixed", async move |_: socketio_adapter::SocketUser<Admin>| calls.add());
    let mut socket = Socket::open(&app, &[("authorization", &bearer_of("admin"))]).await.unwrap();
    assert_eq!(socket.connect("/mixed", "").await, Ok(()));
    assert_eq!(socket.connect("/", "").await, Ok(()));
    socket.echoes("hi", "admin: hi").await;
    assert_eq!(app.calls.count(), 2);
}

#[tokio::test]
async fn chain_that_sends_its_clients_elsewhere_has_missing_credentials() {
    let app = app().await;
    let chain = jwt_or_basic().and_then(|_| Ok(Outcome::<User>::Redirect(Redirect::found("/consent")?)));
    app.io.ns_with("/consent", chain, async |_: SocketRef| {});
    for headers in [&[][..], &[("authorization", &*bearer_of("ann"))]] {
        let mut socket = Socket::open(&app, headers).await.unwrap();
        for auth in ["", &auth_of("ann")] {
            assert_eq!(socket.connect("/consent", auth).await, Err("unauthorized:missing_credentials".into()));
        }
    }
}
