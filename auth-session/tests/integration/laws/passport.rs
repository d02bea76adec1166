//! Passport's session behaviours, rows 70 to 93 of the list that the project keeps.

use auth_core::{Authenticated, Chain};
use auth_session::Session;
use axum::{Router, routing::get};
use test_support::{everything, server::Server};

use super::App;
use crate::support::*;

// Row 70: † 500, and the log names what is missing.
#[tokio::test]
async fn missing_layer_is_a_500_and_the_log_names_it() {
    let (log, _guard) = everything();
    let server = Server::start(Router::new().route("/", get(|_: Session<User>| async {}))).await;
    let answer = server.get("/", &[]).await;
    assert!(answer.is(500, "internal_error"), "{answer:?}");
    assert!(log.text().contains("no `SessionLayer` is around its route"), "{}", log.text());
}

// Row 71, and 74 for what is stored: the new id is there before anything else is.
#[tokio::test]
async fn login_makes_a_new_session_and_stores_it_at_once() {
    let app = App::new();
    let mut browser = app.browser();
    assert_eq!(browser.post("/login/ann").await.status, 204);
    assert_eq!(app.store.calls().get("create"), Some(&1));
    let sid = browser.get("/sid").await.body;
    assert_eq!((sid.len(), app.sids("ann").await), (22, vec![sid]));
}

// Row 72: only where asked.
#[tokio::test]
async fn login_drops_data_unless_it_is_kept() {
    let app = App::new();
    for (path, left) in [("/login/ann", "-"), ("/login/ann?keep", "books")] {
        let mut browser = app.browser();
        browser.post("/put/cart/books").await;
        browser.post(path).await;
        assert_eq!(browser.get("/get/cart").await.body, left, "{path}");
    }
}

// Row 73: what the response says is stored before its head goes out, so the next request finds it.
#[tokio::test]
async fn next_page_load_finds_the_login_and_the_data() {
    let app = App::new();
    let server = app.serve().await;
    let mut browser = app.browser();
    for n in 0..50 {
        let cookie = browser.cookie.clone().unwrap_or_default();
        let answer = server.send(post(), &format!("/login/ann{n}"), &[("cookie", &cookie), OURS], "").await;
        browser.take_cookie(&answer);
        let cookie = browser.cookie.clone().unwrap();
        assert_eq!(server.get("/me", &[("cookie", &cookie)]).await.body, format!("ann{n}"));
        server.send(post(), &format!("/put/n/{n}"), &[("cookie", &cookie), OURS], "").await;
        assert_eq!(server.get("/get/n", &[("cookie", &cookie)]).await.body, n.to_string());
    }
}

fn post() -> http::Method {
    http::Method::POST
}

// Rows 74 and 77: an error, and nobody is logged in; the server lives.
#[tokio::test]
async fn failed_login_logs_nobody_in() {
    let app = App::new();
    app.users.set("eve", "unnamed");
    let mut browser = app.browser();
    assert!(browser.post("/login/eve").await.is(503, "unavailable"));
    assert_eq!(browser.cookie, None);
    app.store.break_calls(&["create"]);
    let answer = browser.post("/login/ann").await;
    assert!(answer.is(503, "unavailable"), "{answer:?}");
    assert_eq!((browser.cookie.clone(), browser.me().await), (None, refused(401, "missing_credentials")));
    app.store.mend();
    assert_eq!(browser.post("/login/ann").await.status, 204);
    assert_eq!(browser.me().await, is("ann"));
}

// Row 77: a serializer that panics takes its own request down, and no other.
#[tokio::test]
async fn panic_of_a_serializer_ends_only_its_request() {
    let app = App::new();
    app.users.set("eve", "panics");
    let mut browser = app.browser();
    let mut other = browser.clone();
    assert!(tokio::spawn(async move { other.post("/login/eve").await.status }).await.is_err());
    browser.post("/login/ann").await;
    assert_eq!(browser.me().await, is("ann"));
}

// Row 75: an id that looks like nothing is an id.
#[tokio::test]
async fn zero_and_the_empty_text_are_ids() {
    let app = App::new();
    for (path, name) in [("/login/0", "0"), ("/login/@", ""), ("/login/false", "false"), ("/login/null", "null")] {
        let mut browser = app.browser();
        browser.post(path).await;
        assert_eq!(browser.me().await, is(name));
    }
}

// Rows 76, 78 and 79 are types: `id` returns a text or an error, there is one `SessionUsers`, and it is not given the request.

// Row 80.
#[tokio::test]
async fn session_of_nobody_goes_on_as_nobody() {
    let app = App::new();
    let mut browser = app.browser();
    browser.post("/put/cart/books").await;
    assert!(browser.cookie.is_some());
    assert_eq!(browser.me().await, refused(401, "missing_credentials"));
    assert_eq!(browser.get("/greet").await.body, "nobody");
    assert_eq!(browser.get("/get/cart").await.body, "books");
}

// Row 81, with an ambient carrier.
#[tokio::test]
async fn good_cookie_is_accepted_as_an_ambient_credential() {
    let app = App::new();
    let browser = app.logged_in("ann").await;
    let request = http::Request::get("/").header("cookie", browser.cookie.unwrap()).body(()).unwrap();
    let (parts, ()) = request.into_parts();
    let request = auth_core::AuthRequest::new(&parts, auth_core::Transport::Http, now());
    let user: Authenticated<User> = app.chain().authenticate(&request).await.unwrap();
    let evidence = user.evidence();
    assert_eq!((evidence.strategy(), evidence.carrier()), ("session", auth_core::Carrier::Cookie));
    assert_eq!(evidence.session_id().unwrap().id(), app.sids("ann").await[0]);
    assert_eq!((evidence.issued_at(), evidence.expires_at()), (Some(now()), Some(now() + secs(3600))));
    let info = evidence.extra::<auth_session::LoginInfo>().unwrap();
    assert_eq!((info.amr(), info.is_remembered()), (&["pwd".to_owned()][..], false));
}

// Row 82: the login ends.
#[tokio::test]
async fn login_of_a_user_who_is_gone_ends() {
    let app = App::new();
    let mut browser = app.logged_in("ann").await;
    app.users.set("ann", "gone");
    assert_eq!(browser.clone().get("/greet").await.body, "nobody");
    assert_eq!(browser.me().await, refused(401, "session_expired"));
    assert_eq!((browser.cookie, app.sids("ann").await), (None, vec![]));
}

// Row 83: 503, and it stays.
#[tokio::test]
async fn login_stays_if_the_users_cannot_be_asked() {
    let app = App::new();
    let mut browser = app.logged_in("ann").await;
    for (is, status) in [("broken", 503), ("panics", 500)] {
        app.users.set("ann", is);
        assert_eq!(browser.get("/me").await.status, status);
        assert_eq!(browser.get("/greet").await.status, status);
        assert!(browser.cookie.is_some());
    }
    app.users.set("ann", "");
    assert_eq!(browser.me().await, is("ann"));
}

// Row 84: it is the cookie that may be renamed.
#[tokio::test]
async fn cookie_may_be_renamed() {
    let app = App::with(|builder| builder.cookie_name("app"));
    let mut browser = app.logged_in("ann").await;
    assert!(browser.cookie.as_ref().unwrap().starts_with("app="));
    assert_eq!(browser.me().await, is("ann"));
    browser.cookie = browser.cookie.map(|cookie| cookie.replace("app=", "session="));
    assert_eq!(browser.me().await, refused(401, "missing_credentials"));
}

// Rows 85 and 86: ended in the store first; an error is told, and data is gone.
#[tokio::test]
async fn logout_ends_the_login_in_the_store() {
    let app = App::new();
    let mut browser = app.logged_in("ann").await;
    browser.post("/put/cart/books").await;
    let mut thief = browser.clone();
    app.store.calls();
    assert_eq!(browser.post("/logout").await.status, 204);
    assert_eq!(browser.cookie, None);
    // The client goes on with the old cookie.
    assert_eq!(thief.clone().get("/get/cart").await.body, "-");
    assert_eq!(thief.me().await, refused(401, "session_expired"));
    assert_eq!((browser.post("/logout").await.status, browser.post("/logout").await.status), (204, 204));
}

#[tokio::test]
async fn logout_claims_nothing_if_the_store_is_down() {
    let app = App::new();
    for call in ["raise", "publish", "end"] {
        let mut browser = app.logged_in("ann").await;
        app.store.break_calls(&[call]);
        let answer = browser.post("/logout").await;
        assert!(answer.is(503, "unavailable"), "{call} {answer:?}");
        assert!(browser.cookie.is_some());
        app.store.mend();
        assert_eq!(browser.post("/logout").await.status, 204);
        assert_eq!(browser.cookie, None);
    }
}

// Row 87: a route that authenticates without a session stores nothing.
#[tokio::test]
async fn route_without_a_session_stores_nothing() {
    let app = App::new();
    let chain = Chain::new().or(test_support::AnyKey);
    let route = Router::new().route("/", get(|_: Authenticated<&'static str>| async { "in" }));
    let router = route.layer(ws_adapter::AuthLayer::new(chain)).layer(app.sessions.layer());
    let server = Server::start(router).await;
    let answer = server.get("/", &[("authorization", "Bearer any")]).await;
    assert_eq!((answer.header("set-cookie"), app.store.calls().len()), (None, 0), "{answer:?}");
}

// Row 88: who is logged in follows the evidence.
#[tokio::test]
async fn greeting_follows_the_login() {
    let app = App::new();
    let mut browser = app.browser();
    assert_eq!(browser.get("/greet").await.body, "nobody");
    browser.post("/login/ann").await;
    assert_eq!(browser.get("/greet").await.body, "ann");
    browser.post("/logout").await;
    assert_eq!(browser.get("/greet").await.body, "nobody");
}

// Row 92: a second account beside the user, who stays logged in.
#[tokio::test]
async fn second_account_is_kept_beside_the_user() {
    let app = App::new();
    let mut browser = app.logged_in("ann").await;
    browser.post("/put/account/google:ann").await;
    assert_eq!((browser.me().await, browser.get("/get/account").await.body), (is("ann"), "google:ann".to_owned()));
}

// Row 93, and rows 89 to 91, are in `many.rs`, `return_to.rs` and `local.rs`.
