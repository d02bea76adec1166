//! Counters of what happens to logins.

use auth_session::LoginOverflow;
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};

use crate::{ann::*, support::*};

#[tokio::test]
async fn logins_and_ends_are_counted_by_kind() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let app = App::new();
    let mut browser = app.logged_in("ann").await;
    browser.post("/step-up").await;
    browser.post("/end-others").await;
    browser.post("/login/bob").await;
    let sid = browser.get("/sid").await.body;
    app.sessions.end(&sid).await.unwrap();
    app.logged_in("eve").await.post("/logout").await;
    app.sessions.end_all(&User("ann".to_owned())).await.unwrap();
    let mut browser = app.logged_in("gus").await;
    app.users.set("gus", "gone");
    browser.me().await.unwrap_err();
    assert_eq!(
        counted(&snapshotter),
        [
            "auth_logins_ended_total reason=all 1",
            "auth_logins_ended_total reason=by_id 1",
            "auth_logins_ended_total reason=logout 1",
            "auth_logins_ended_total reason=other_user 1",
            "auth_logins_ended_total reason=others 1",
            "auth_logins_ended_total reason=user_gone 1",
            "auth_logins_total kind=login 4",
            "auth_logins_total kind=step_up 1",
        ]
    );
}

#[tokio::test]
async fn login_that_ends_beyond_the_limit_is_counted() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let app = App::with(|builder| builder.max_logins(1, LoginOverflow::EndOldest));
    app.logged_in("ann").await;
    app.clock.advance(secs(1));
    app.logged_in("ann").await;
    assert_eq!(counted(&snapshotter), ["auth_logins_ended_total reason=limit 1", "auth_logins_total kind=login 2"]);
}

#[tokio::test]
async fn session_of_a_visitor_that_two_requests_end_is_counted_once() {
    for (call, by_id) in [("save", false), ("save", true), ("end", true)] {
        let recorder = DebuggingRecorder::new();
        let snapshotter = recorder.snapshotter();
        let _guard = metrics::set_default_local_recorder(&recorder);
        let (log, _logging) = test_support::log::only("auth_session=info");
        let app = App::new();
        let mut visitor = app.browser();
        visitor.post("/put/cart/full").await;
        let sid = visitor.get("/sid").await.body;
        let (mut tab, sessions) = (visitor.clone(), app.sessions.clone());
        app.store.before(call, async move {
            if by_id {
                assert!(sessions.end(&sid).await.unwrap());
            } else {
                assert_eq!(tab.post("/logout").await.status, 204);
            }
        });
        assert_eq!(visitor.post("/logout").await.status, 204);
        let reason = if by_id { "by_id" } else { "logout" };
        assert_eq!(counted(&snapshotter), [format!("auth_logins_ended_total reason={reason} 1")], "{call}");
        assert_eq!(log.lines().len(), 1, "{call}: {}", log.text());
    }
}

#[tokio::test]
async fn end_of_all_logins_is_counted_once_whatever_it_finds() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let (log, _logging) = test_support::log::only("auth_session=info");
    let app = App::new();
    let mut browser = app.logged_in("ann").await;
    app.logged_in("ann").await;
    let clock = app.clock.clone();
    clock.advance(secs(60));
    // It moves its login beyond the end of all, which finds it then.
    app.store.before("raise", async move {
        clock.advance(secs(1));
        browser.post("/end-others").await;
    });
    app.sessions.end_all(&User("ann".to_owned())).await.unwrap();
    assert_eq!(
        counted(&snapshotter),
        [
            "auth_logins_ended_total reason=all 1",
            "auth_logins_ended_total reason=others 1",
            "auth_logins_total kind=login 2"
        ]
    );
    let found = log.lines().into_iter().filter(|line| line.contains("login ended")).count();
    assert_eq!(found, 1, "the log names the one that was moved: {}", log.text());
}

#[tokio::test]
async fn failed_logins_are_counted_by_code() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let local = Local::new().await;
    let mut browser = local.app.browser();
    for (headers, body) in [
        ([FORM, OURS], typed("ann", "wrong")),
        ([FORM, OURS], typed("eve", PASSWORD)),
        ([JSON, OURS], "{}".to_owned()),
        ([FORM, ("origin", "https://evil.example")], right()),
        ([("content-type", "text/plain"), OURS], right()),
        ([FORM, OURS], right()),
    ] {
        browser.send_body("POST", "/login", &headers, body).await;
    }
    local.ann.0.lock().unwrap().is_down = true;
    browser.send_body("POST", "/login", &[JSON, OURS], r#"{"username":"ann","password":"x"}"#).await;
    assert_eq!(
        counted(&snapshotter),
        [
            "auth_logins_failed_total code=cross_site 1",
            "auth_logins_failed_total code=invalid_credentials 2",
            "auth_logins_failed_total code=invalid_request 1",
            "auth_logins_failed_total code=unavailable 1",
            "auth_logins_failed_total code=unsupported_media_type 1",
            "auth_logins_total kind=login 1",
        ]
    );
}

#[tokio::test]
async fn refreshes_are_counted_by_what_they_were_told() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let tokens = crate::tokens::Tokens::new();
    let mut phone = tokens.phone("ann").await;
    let mut thief = phone.clone();
    for _ in 0..2 {
        phone.refresh().await.unwrap();
    }
    thief.refresh().await.unwrap();
    tokens.app.store.break_calls(&["load"]);
    phone.refresh().await.unwrap_err();
    tokens.app.store.mend();
    tokens.app.clock.advance(secs(600));
    thief.refresh().await.unwrap();
    tokens.app.clock.advance(secs(600));
    phone.refresh().await.unwrap_err();
    thief.refresh().await.unwrap_err();
    assert_eq!(
        counted(&snapshotter),
        [
            "auth_logins_ended_total reason=refresh_token_reuse 1",
            "auth_logins_total kind=login 1",
            "auth_token_refreshes_total result=invalid_grant 2",
            "auth_token_refreshes_total result=repeated 1",
            "auth_token_refreshes_total result=rotated 3",
            "auth_token_refreshes_total result=unavailable 1",
        ]
    );
}

fn counted(snapshotter: &Snapshotter) -> Vec<String> {
    let mut counted: Vec<_> = snapshotter
        .snapshot()
        .into_vec()
        .into_iter()
        .filter(|(key, ..)| ["auth_logins", "auth_token_"].iter().any(|name| key.key().name().starts_with(name)))
        .map(|(key, _, _, value)| {
            let labels: Vec<_> = key.key().labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
            let DebugValue::Counter(count) = value else { panic!("not a counter") };
            format!("{} {} {count}", key.key().name(), labels.join(" "))
        })
        .collect();
    counted.sort();
    counted
}
