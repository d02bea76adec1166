//! The data of a session, and when it is stored.

use auth_session::SessionErrorKind;

use super::App;
use crate::{support::*, watched::Watched};

#[tokio::test]
async fn anonymous_visitor_costs_no_record_until_something_is_stored() {
    let app = App::new();
    let mut browser = app.browser();
    for path in ["/greet", "/get/cart", "/sid"] {
        assert_eq!(browser.get(path).await.status, 200);
    }
    browser.post("/del/cart").await;
    browser.post("/logout").await;
    assert_eq!((browser.cookie.clone(), app.store.calls().len()), (None, 0));
    browser.post("/put/cart/books").await;
    assert_eq!(app.store.calls().into_iter().collect::<Vec<_>>(), [("create", 1)]);
    assert_eq!(browser.get("/get/cart").await.body, "books");
}

#[tokio::test]
async fn request_loads_once_and_saves_once() {
    let app = App::new();
    let mut browser = app.logged_in("ann").await;
    app.store.calls();
    browser.post("/put/a/1").await;
    assert_eq!(app.store.calls().into_iter().collect::<Vec<_>>(), [("load", 1), ("save", 1)]);
    browser.get("/me").await;
    assert_eq!(app.store.calls().into_iter().collect::<Vec<_>>(), [("load", 1), ("marks", 1)]);
    browser.post("/del/none").await;
    assert_eq!(app.store.calls().into_iter().collect::<Vec<_>>(), [("load", 1)], "nothing has changed");
}

#[tokio::test]
async fn data_is_inserted_replaced_and_removed() {
    let app = App::new();
    let mut browser = app.logged_in("ann").await;
    browser.post("/put/a/1").await;
    browser.post("/put/b/2").await;
    browser.post("/put/a/3").await;
    browser.post("/del/b").await;
    assert_eq!((browser.get("/get/a").await.body.as_str(), browser.get("/get/b").await.body.as_str()), ("3", "-"));
    assert_eq!(browser.me().await, is("ann"));
}

#[tokio::test]
async fn data_beyond_16_kib_is_refused_and_the_rest_stays() {
    let app = App::new();
    let mut browser = app.logged_in("ann").await;
    let answer = browser.send("POST", "/put/a/x", &[("x-repeat", "16384")]).await;
    assert!(answer.is(413, "session_full"), "{answer:?}");
    // `{"a":"…"}` has 8 bytes around the value.
    assert_eq!(browser.send("POST", "/put/a/x", &[("x-repeat", "16376")]).await.status, 204);
    assert!(browser.post("/put/b/x").await.is(413, "session_full"));
    assert_eq!(browser.get("/get/a").await.body.len(), 16376);
    assert_eq!(browser.me().await, is("ann"));
}

#[tokio::test]
async fn tabs_together_never_fill_a_session_beyond_16_kib() {
    let app = App::new();
    let mut tab = app.logged_in("ann").await;
    for n in 0..8 {
        // Both tabs have read the session, and each change fits alone.
        let (mut other, path) = (tab.clone(), format!("/put/theirs-{n}/x"));
        let handler = axum::routing::post(move |session: auth_session::Session<User>| async move {
            session.insert(&format!("mine-{n}"), "y".repeat(9_000)).unwrap();
            assert_eq!(other.send("POST", &path, &[("x-repeat", "7500")]).await.status, 204);
        });
        let mut page = Browser::of(axum::Router::new().route("/", handler).layer(app.sessions.layer()));
        page.cookie = tab.cookie.clone();
        assert!(page.post("/").await.is(409, "session_conflict"), "{n}");
        let (mine, theirs) = (tab.get(&format!("/get/mine-{n}")).await, tab.get(&format!("/get/theirs-{n}")).await);
        assert_eq!((mine.body.as_str(), theirs.body.len()), ("-", 7500));
        assert_eq!(tab.post(&format!("/del/theirs-{n}")).await.status, 200);
        assert_eq!(tab.send("POST", "/put/rest/x", &[("x-repeat", "500")]).await.status, 204);
    }
    assert_eq!(tab.me().await, is("ann"));
}

#[tokio::test]
async fn kept_data_never_fills_a_login_beyond_16_kib() {
    let app = App::new();
    let mut tab = app.browser();
    tab.post("/put/a/1").await;
    let mut other = tab.clone();
    let handler = axum::routing::post(move |session: auth_session::Session<User>| async move {
        session.insert("mine", "y".repeat(9_000)).unwrap();
        assert_eq!(other.send("POST", "/put/theirs/x", &[("x-repeat", "9000")]).await.status, 204);
        let refused = session.login(&User("ann".to_owned())).keep_data().await.unwrap_err();
        assert_eq!(refused.kind(), SessionErrorKind::Filled);
        refused
    });
    let mut page = Browser::of(axum::Router::new().route("/", handler).layer(app.sessions.layer()));
    page.cookie = tab.cookie.clone();
    assert!(page.post("/").await.is(409, "session_conflict"));
    assert_eq!(tab.get("/get/theirs").await.body.len(), 9000);
    assert_eq!(tab.me().await, refused(401, "missing_credentials"));
}

/// Before each save of somebody else, this tab saves.
fn save_first(store: &Watched, mut tab: Browser) {
    let again = store.clone();
    store.before("save", async move {
        assert_eq!(tab.post("/put/n/x").await.status, 204);
        save_first(&again, tab);
    });
}

#[tokio::test]
async fn request_that_others_overtake_each_time_is_a_409() {
    let app = App::new();
    let mut tab = app.logged_in("ann").await;
    let rival = tab.clone();
    for path in ["/put/a/1", "/step-up", "/end-others", "/login/ann"] {
        save_first(&app.store, rival.clone());
        let answer = tab.post(path).await;
        assert!(answer.is(409, "session_conflict"), "{path}: {answer:?}");
        assert_eq!(answer.header("set-cookie"), None, "{path}");
    }
    app.store.stop_meanwhile();
    assert_eq!(tab.post("/put/a/1").await.status, 204);
    assert_eq!(tab.me().await, is("ann"));
}

#[tokio::test]
async fn value_of_another_type_counts_as_none() {
    let app = App::new();
    let router = axum::Router::new()
        .route(
            "/",
            axum::routing::get(|session: auth_session::Session<User>| async move {
                session.insert("n", 7).unwrap();
                let texts = (session.get::<String>("n"), session.get::<u8>("n"), session.get::<u8>("m"));
                session.remove("n").unwrap();
                format!("{texts:?} {:?}", session.get::<u8>("n"))
            }),
        )
        .layer(app.sessions.layer());
    let server = test_support::server::Server::start(router).await;
    let answer = server.get("/", &[]).await;
    assert_eq!(answer.body, "(None, Some(7), None) None");
    assert_eq!(answer.header("set-cookie"), None, "nothing is left to store");
}

#[tokio::test]
async fn session_survives_a_logout_in_the_same_request() {
    let app = App::new();
    let router = axum::Router::new()
        .route(
            "/",
            axum::routing::get(|session: auth_session::Session<User>| async move {
                session.insert("before", 1).unwrap();
                session.logout().await.unwrap();
                session.insert("flash", "bye").unwrap();
            }),
        )
        .route(
            "/get",
            axum::routing::get(|session: auth_session::Session<User>| async move {
                format!("{:?} {:?}", session.get::<u8>("before"), session.get::<String>("flash"))
            }),
        )
        .layer(app.sessions.layer());
    let server = test_support::server::Server::start(router).await;
    let mut browser = app.logged_in("ann").await;
    let cookie = browser.cookie.clone().unwrap();
    browser.take_cookie(&server.get("/", &[("cookie", &cookie)]).await);
    assert_ne!(browser.cookie.as_ref().unwrap(), &cookie);
    let cookie = browser.cookie.clone().unwrap();
    assert_eq!(server.get("/get", &[("cookie", &cookie)]).await.body, "None Some(\"bye\")");
    assert_eq!(browser.me().await, refused(401, "missing_credentials"));
}
