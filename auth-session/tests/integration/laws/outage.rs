//! A store that is down: 503, and no login ends.

use super::App;
use crate::support::*;

#[tokio::test]
async fn store_that_is_down_ends_nothing() {
    let app = App::new();
    let mut browser = app.logged_in("ann").await;
    let cookie = browser.cookie.clone();
    let all = ["create", "load", "touch", "save", "end", "end_owned", "owned", "raise", "publish", "marks"];
    app.store.break_calls(&all);
    for (method, path) in [
        ("GET", "/me"),
        ("GET", "/greet"),
        ("GET", "/get/a"),
        ("POST", "/put/a/b"),
        ("POST", "/login/ann"),
        ("POST", "/logout"),
        ("POST", "/step-up"),
        ("POST", "/end-others"),
    ] {
        let answer = browser.send(method, path, &[]).await;
        assert!(answer.is(503, "unavailable"), "{path} {answer:?}");
        assert_eq!(answer.header("set-cookie"), None);
        assert_eq!(answer.header("retry-after"), Some("5"));
    }
    assert_eq!(app.browser().get("/greet").await.body, "nobody", "no cookie, no store");
    assert_eq!(app.browser().get("/plain").await.body, "plain");
    assert!(app.sessions.logins(&User("ann".to_owned())).await.is_err());
    assert!(app.sessions.end("AAAAAAAAAAAAAAAAAAAAAA").await.is_err());
    app.store.mend();
    assert_eq!((browser.me().await, browser.cookie), (is("ann"), cookie));
}

#[tokio::test]
async fn failed_save_replaces_the_response() {
    let app = App::new();
    let (log, _guard) = test_support::everything();
    let mut browser = app.logged_in("ann").await;
    app.store.break_calls(&["save", "create"]);
    let answer = browser.post("/put/a/b").await;
    assert!(answer.is(503, "unavailable"), "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    let answer = app.browser().post("/put/a/b").await;
    assert_eq!((answer.status, answer.header("set-cookie")), (503, None));
    assert!(log.text().contains("save is broken"), "{}", log.text());
    app.store.mend();
    assert_eq!(browser.get("/get/a").await.body, "-");
}

#[tokio::test]
async fn login_whose_data_is_not_stored_gets_no_cookie() {
    let app = App::new();
    let handler = axum::routing::post(|session: auth_session::Session<User>| async move {
        session.login(&User("ann".to_owned())).await?;
        session.insert("a", 1)
    });
    let router = axum::Router::new().route("/", handler).layer(app.sessions.layer());
    let server = test_support::server::Server::start(router).await;
    app.store.break_calls(&["save"]);
    let answer = server.send(http::Method::POST, "/", &[], "").await;
    assert_eq!((answer.status, answer.header("set-cookie")), (503, None));
}

#[tokio::test]
async fn replaced_cookie_reaches_the_browser_even_if_later_data_is_not_stored() {
    let app = App::new();
    for again in ["step_up", "login"] {
        let store = app.store.clone();
        let handler = axum::routing::post(move |session: auth_session::Session<User>| async move {
            match again {
                "step_up" => session.step_up(&["otp"], None).await?,
                _ => session.login(&User("ann".to_owned())).await?,
            }
            store.break_calls(&["save"]);
            session.insert("a", 1)
        });
        let mut browser = app.logged_in("ann").await;
        let old = browser.cookie.clone();
        let mut page = Browser::of(axum::Router::new().route("/", handler).layer(app.sessions.layer()));
        page.cookie = old.clone();
        assert_eq!(page.post("/").await.status, 503, "{again}");
        app.store.mend();
        assert_ne!(page.cookie, old, "{again}");
        browser.cookie = page.cookie;
        assert_eq!(browser.me().await, is("ann"), "{again}");
    }
}

#[tokio::test]
async fn others_end_even_if_the_own_login_has_just_ended() {
    let app = App::new();
    let thief = app.logged_in("ann").await;
    let sessions = app.sessions.clone();
    let handler = axum::routing::post(move |session: auth_session::Session<User>| async move {
        sessions.end(&session.sid().unwrap()).await?;
        session.end_others().await
    });
    let mut page = Browser::of(axum::Router::new().route("/", handler).layer(app.sessions.layer()));
    page.cookie = app.logged_in("ann").await.cookie;
    assert_eq!(page.post("/").await.status, 401);
    let mut thief = thief;
    assert_eq!(thief.me().await, refused(401, "session_expired"));
}

#[tokio::test]
async fn unreadable_record_counts_as_ended() {
    let app = App::new();
    let mut browser = app.logged_in("ann").await;
    let sid = browser.get("/sid").await.body;
    let key = auth_store::RecordKey::of_id("login", &sid);
    use auth_store::Records as _;
    let mut record = app.store.load(&key).await.unwrap().unwrap();
    record.value = b"{\"of\":\"a later version\"}".to_vec().into();
    app.store.save(&record, auth_store::SavedEnd::Keep).await.unwrap();
    assert_eq!(browser.me().await, refused(401, "session_expired"));
}
