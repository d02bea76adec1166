//! Idle and absolute ends, and what moves them.

use std::time::SystemTime;

use auth_core::{AuthRequest, Authenticated, Clock as _, PrincipalId, Revocation, Transport, UserAuthentication};
use auth_session::LoginInfo;
use auth_store::{Record, RecordKey, Records as _};

use super::App;
use crate::support::*;

/// How the evidence says it.
const ENDED: Option<SystemTime> = Some(SystemTime::UNIX_EPOCH);

#[tokio::test]
async fn unused_login_ends_after_an_hour() {
    let app = App::new();
    let (mut early, mut late) = (app.logged_in("ann").await, app.logged_in("ann").await);
    app.clock.advance(secs(3599));
    assert_eq!(early.me().await, is("ann"));
    app.clock.advance(secs(1));
    assert_eq!(late.me().await, refused(401, "session_expired"));
    assert_eq!(late.cookie, None);
    app.clock.advance(secs(3598));
    assert_eq!(early.me().await, is("ann"));
}

#[tokio::test]
async fn used_login_ends_after_a_day() {
    let app = App::new();
    let mut browser = app.logged_in("ann").await;
    for _ in 0..28 {
        app.clock.advance(secs(3000));
        assert_eq!(browser.me().await, is("ann"));
    }
    app.clock.advance(secs(2399));
    assert_eq!(browser.me().await, is("ann"));
    app.clock.advance(secs(1));
    assert_eq!(browser.me().await, refused(401, "session_expired"));
}

#[tokio::test]
async fn remembered_login_ends_later() {
    let app = App::new();
    let day = 86_400;
    let mut browser = app.browser();
    browser.post("/login/ann?remember").await;
    for _ in 0..2 {
        app.clock.advance(secs(14 * day - 1));
        assert_eq!(browser.me().await, is("ann"));
    }
    app.clock.advance(secs(2 * day + 1));
    assert_eq!(browser.me().await, is("ann"));
    app.clock.advance(secs(1));
    assert_eq!(browser.me().await, refused(401, "session_expired"));
}

#[tokio::test]
async fn second_login_begins_all_ends_anew() {
    let app = App::new();
    let mut browser = app.browser();
    browser.post("/login/ann?remember").await;
    app.clock.advance(secs(86_400));
    browser.post("/login/ann").await;
    app.clock.advance(secs(3599));
    assert_eq!(browser.me().await, is("ann"));
    app.clock.advance(secs(3600));
    assert_eq!(browser.me().await, refused(401, "session_expired"), "it is not remembered any more");
}

#[tokio::test]
async fn use_is_noted_at_most_once_a_minute() {
    let app = App::new();
    let mut browser = app.logged_in("ann").await;
    app.store.calls();
    for _ in 0..10 {
        app.clock.advance(secs(20));
        browser.me().await.unwrap();
    }
    assert_eq!(app.store.calls().get("touch"), Some(&3));
}

#[tokio::test]
async fn failed_touch_lets_the_request_go_on() {
    let app = App::new();
    let (log, _guard) = test_support::everything();
    let mut browser = app.logged_in("ann").await;
    app.clock.advance(secs(60));
    app.store.break_calls(&["touch"]);
    assert_eq!(browser.me().await, is("ann"));
    assert!(log.text().contains("the use of a login was not noted"));
}

#[tokio::test]
async fn touch_leaves_the_version_alone() {
    let app = App::new();
    let mut one = app.logged_in("ann").await;
    let mut other = one.clone();
    one.post("/put/a/1").await;
    app.clock.advance(secs(600));
    assert_eq!(other.me().await, is("ann"));
    app.store.calls();
    one.post("/put/b/2").await;
    assert_eq!(app.store.calls().get("save"), Some(&1), "no conflict");
}

#[tokio::test]
async fn clock_that_jumps_ends_no_login_early_for_ever() {
    let app = App::new();
    let mut browser = app.logged_in("ann").await;
    app.clock.set(now() - secs(7200));
    assert_eq!(browser.me().await, is("ann"));
    browser.post("/put/a/1").await;
    app.clock.set(now() + secs(60));
    assert_eq!((browser.me().await, browser.get("/get/a").await.body.as_str()), (is("ann"), "1"));
    app.clock.set(now() + secs(10 * 86_400));
    assert_eq!(browser.me().await, refused(401, "session_expired"));
}

#[tokio::test]
async fn end_check_follows_the_store() {
    let app = App::new();
    let mut browser = app.logged_in("ann").await;
    let user = opened(&app, &browser).await;
    let check = user.evidence();
    assert!(check.has_moving_end());
    assert_eq!(check.expires_at(), Some(now() + secs(3600)));
    // Another tab moves the end.
    app.clock.advance(secs(1800));
    browser.me().await.unwrap();
    assert_eq!(check.current_end(now() + secs(1799)).await.unwrap(), Some(now() + secs(5400)));
    app.store.break_calls(&["load"]);
    assert!(check.current_end(now()).await.is_err());
    app.store.mend();
    browser.post("/step-up").await;
    assert!(check.current_end(now()).await.unwrap().is_some(), "the same login under a new secret");
    browser.post("/logout").await;
    assert_eq!(check.current_end(now()).await.unwrap(), ENDED);
}

#[tokio::test]
async fn messages_count_as_use_only_where_asked() {
    for (counts, end) in [(false, 3600), (true, 4800)] {
        let app = App::with(|builder| builder.sockets_count_as_use(counts));
        let browser = app.logged_in("ann").await;
        let user = opened(&app, &browser).await;
        let check = user.evidence();
        app.clock.advance(secs(1800));
        assert_eq!(check.current_end(now() + secs(1200)).await.unwrap(), Some(now() + secs(end)), "{counts}");
        app.clock.set(now() + secs(end));
        assert_eq!(check.current_end(now()).await.unwrap(), ENDED);
    }
}

/// What a connection keeps that this browser opens now.
async fn opened(app: &App, browser: &Browser) -> Authenticated<User> {
    let request = http::Request::get("/").header("cookie", browser.cookie.as_ref().unwrap());
    let (parts, ()) = request.body(()).unwrap().into_parts();
    app.chain().authenticate(&AuthRequest::new(&parts, Transport::WebSocket, app.clock.now())).await.unwrap()
}

#[tokio::test]
async fn step_up_renews_the_time_of_the_login() {
    let app = App::new();
    let mut browser = app.logged_in("ann").await;
    let login = async |browser: &Browser| {
        let user = opened(&app, browser).await;
        let info = user.evidence().extra::<LoginInfo>().unwrap().clone();
        (user.evidence().extra::<UserAuthentication>().unwrap().clone(), info)
    };
    app.clock.advance(secs(600));
    let (before, _) = login(&browser).await;
    assert_eq!((before.time(), before.acr()), (Some(now()), None));
    browser.post("/step-up").await;
    let (after, info) = login(&browser).await;
    assert_eq!((after.time(), after.acr()), (Some(now() + secs(600)), Some("mfa")));
    assert_eq!((info.amr(), info.auth_time()), (&["pwd".to_owned(), "otp".to_owned()][..], now() + secs(600)));
    let user = opened(&app, &browser).await;
    let demands = |method: &'static str| user.evidence().require(&auth_core::Requirement::new().amr("pwd").amr(method));
    assert!(demands("otp").is_ok());
    assert_eq!(demands("hwk").unwrap_err().code(), "insufficient_user_authentication");
    assert_eq!(info.absolute_end(), now() + secs(86_400), "it does not make the login live longer");
}

#[tokio::test]
async fn what_is_known_of_a_login_follows_its_uses() {
    let app = App::new();
    let browser = app.logged_in("ann").await;
    for (after, used) in [(0, 0), (30, 0), (61, 61), (90, 61), (200, 200)] {
        app.clock.set(now() + secs(after));
        let user = opened(&app, &browser).await;
        let info = user.evidence().extra::<LoginInfo>().unwrap();
        assert_eq!((info.used_at(), info.ends_at()), (now() + secs(used), now() + secs(used + 3600)), "{after}");
        assert_eq!(user.evidence().expires_at(), Some(info.ends_at()), "{after}");
    }
}

#[tokio::test]
async fn revocation_is_kept_as_long_as_another_login_on_the_record_may_last() {
    let app = App::with(|builder| builder.remember_absolute(secs(86_400 * 300)));
    let browser = app.logged_in("ann").await;
    let user = opened(&app, &browser).await;
    let last = user.evidence().extra::<LoginInfo>().unwrap().absolute_end();
    let ends: Vec<_> = Revocation::of(user.evidence(), now()).iter().map(Revocation::end).collect();
    assert_eq!(ends, [Some(last + secs(86_400 * 300))]);
}

#[tokio::test]
async fn end_check_does_not_follow_a_record_to_another_owner() {
    let app = App::new();
    let browser = app.logged_in("ann").await;
    let user = opened(&app, &browser).await;
    let key = RecordKey::of_id("login", user.evidence().session_id().unwrap().id());
    let record = app.store.load(&key).await.unwrap().unwrap();
    assert!(app.store.end(&key).await.unwrap());
    let bob = RecordKey::owner(&PrincipalId::new("", "bob"));
    assert!(app.store.create(&Record { owner: Some(bob), ..record }).await.unwrap());
    assert_eq!(user.evidence().current_end(now()).await.unwrap(), ENDED);
}
