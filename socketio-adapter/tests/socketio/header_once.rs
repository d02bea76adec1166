//! Clients that send their header with the opening request alone, as python-socketio does over polling.

use std::time::Duration;

use socketio_adapter::SocketIoAuth;

use crate::{
    client::{Headers, Polling},
    common::eventually,
    support::*,
};

async fn app_of_sid() -> App {
    app_with(|layer| layer, SocketIoAuth::bind_to_sid).await
}

async fn opened(app: &App, headers: Headers<'_>) -> Polling {
    Polling::open(app, headers).await.unwrap().with(&[])
}

#[tokio::test]
async fn transport_that_a_header_has_opened_goes_on_without_it() {
    let app = app_of_sid().await;
    let polling = opened(&app, &[("authorization", &bearer_of("ann"))]).await;
    assert_eq!(polling.connect("/", "").await, Ok(()));
    polling.echoes("hi", "ann: hi").await;
    polling.upgrade().await.unwrap().echoes("hi", "ann: hi").await;
}

#[tokio::test]
async fn without_the_setting_it_falls_out_at_the_next_poll() {
    let app = app().await;
    let polling = opened(&app, &[("authorization", &bearer_of("ann"))]).await;
    assert!(polling.poll().await.is(401, "missing_credentials"));
}

#[tokio::test]
async fn what_is_wrong_or_another_users_is_refused_all_the_same() {
    let app = app_of_sid().await;
    let polling = opened(&app, &[("authorization", &bearer_of("ann"))]).await;
    assert_eq!(polling.connect("/", "").await, Ok(()));
    let cookie = format!("jwt={}", token("bob", 600));
    for (headers, status) in [
        (&[("authorization", "Bearer a.b.c")][..], 401),
        (&[("authorization", &bearer_of("bob"))], 403),
        (&[("authorization", &format!("Bearer {}", token("ann", -100)))], 401),
        (&[("cookie", &cookie), ("sec-fetch-site", "same-origin")], 403),
        (&[("cookie", "jwt=a.b.c"), ("sec-fetch-site", "same-origin")], 401),
    ] {
        let other = polling.with(headers);
        assert_eq!(other.poll().await.status, status, "{headers:?}");
        assert_eq!(other.post(r#"42["message","hi"]"#).await.status, status, "{headers:?}");
        assert_eq!(other.upgrade().await.unwrap_err().status, status, "{headers:?}");
    }
    polling.echoes("hi", "ann: hi").await;
}

/// A cookie that is missing may have been taken away by a log-out.
#[tokio::test]
async fn transport_that_a_cookie_has_opened_is_not_bound_to_its_sid() {
    let app = app_of_sid().await;
    let cookie = format!("jwt={}", token("ann", 600));
    let polling = opened(&app, &[("cookie", &cookie), ("sec-fetch-site", "same-origin")]).await;
    assert!(polling.poll().await.is(401, "missing_credentials"));
}

#[tokio::test]
async fn it_ends_with_the_credential_that_has_opened_it() {
    let app = app_of_sid().await;
    let polling = opened(&app, &[("authorization", &format!("Bearer {}", token("ann", 60)))]).await;
    assert_eq!(polling.connect("/", "").await, Ok(()));
    polling.echoes("hi", "ann: hi").await;
    app.clock.advance(Duration::from_secs(60));
    eventually(|| app.io.open() == 0).await;
    assert!(polling.poll().await.is(400, "unknown_session"));
}
