//! The cookie: its attributes, and what the server makes of one.

use super::App;
use crate::support::*;

async fn set_cookie(app: &App, path: &str) -> String {
    app.browser().post(path).await.header("set-cookie").unwrap().to_owned()
}

/// The cookie without its value.
fn attributes(set: &str) -> (&str, &str) {
    let (name, rest) = set.split_once('=').unwrap();
    (name, rest.split_once("; ").unwrap().1)
}

#[tokio::test]
async fn cookie_has_the_attributes_of_its_origin() {
    let app = App::at("https://app.example", |builder| builder);
    let set = set_cookie(&app, "/login/ann").await;
    assert_eq!(attributes(&set), ("__Host-session", "HttpOnly; SameSite=Lax; Secure; Path=/"));
    assert_eq!(app.sessions.cookie_name(), "__Host-session");
    let set = set_cookie(&App::new(), "/login/ann").await;
    assert_eq!(attributes(&set), ("session", "HttpOnly; SameSite=Lax; Path=/"));
}

#[tokio::test]
async fn only_a_remembered_login_has_a_persistent_cookie() {
    let app = App::new();
    let set = set_cookie(&app, "/login/ann?remember").await;
    assert_eq!(attributes(&set).1, "HttpOnly; SameSite=Lax; Path=/; Max-Age=2592000");
    let app = App::with(|builder| builder.remember_absolute(secs(400 * 86_400)));
    let set = set_cookie(&app, "/login/ann?remember").await;
    assert!(set.ends_with("Max-Age=34560000"), "400 days at most: {set}");
    let builder = auth_session::Sessions::builder(app.store.clone(), app.users.clone(), ORIGIN);
    assert!(builder.remember_absolute(secs(401 * 86_400)).build().is_err());
}

#[tokio::test]
async fn dead_cookie_is_removed_with_its_attributes() {
    let app = App::at("https://app.example", |builder| builder);
    let mut browser = app.logged_in("ann").await;
    let dead = browser.cookie.clone();
    browser.post("/logout").await;
    browser.cookie = dead;
    let answer = browser.get("/me").await;
    let set = answer.header("set-cookie").unwrap();
    assert_eq!(set, "__Host-session=; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=0");
    assert!(answer.is(401, "session_expired"));
}

#[tokio::test]
async fn only_the_name_of_the_origin_is_read() {
    let app = App::at("https://app.example", |builder| builder);
    let mut browser = app.logged_in("ann").await;
    let planted = browser.cookie.clone().unwrap().replace("__Host-", "");
    browser.cookie = Some(planted);
    assert_eq!(browser.me().await, refused(401, "missing_credentials"));
}

#[tokio::test]
async fn every_kind_of_cookie_has_its_answer() {
    let app = App::new();
    let good = app.logged_in("ann").await.cookie.unwrap();
    let (sid, secret) = good.strip_prefix("session=").unwrap().split_once('.').unwrap();
    let other = app.logged_in("bob").await.cookie.unwrap();
    let wrong = other.split_once('.').unwrap().1;
    let long = format!("session={}", "a".repeat(4000));
    let (ok, gone, nobody, several) = (
        is("ann"),
        refused(401, "session_expired"),
        refused(401, "missing_credentials"),
        refused(400, "invalid_request"),
    );
    let cases = [
        (String::new(), &nobody),
        ("session=".to_owned(), &nobody),
        ("session".to_owned(), &nobody),
        (good.clone(), &ok),
        (format!("session=\"{sid}.{secret}\""), &ok),
        (format!("a=b; {good}"), &ok),
        (format!("{good}; {good}"), &ok),
        (format!("session={sid}.{wrong}"), &gone),
        (format!("session=AAAAAAAAAAAAAAAAAAAAAA.{secret}"), &gone),
        (format!("session={secret}.{sid}"), &gone),
        (format!("session={sid}"), &gone),
        (format!("session={sid}."), &gone),
        (format!("session=.{secret}"), &gone),
        (format!("{good}="), &gone),
        ("session=%7B%7D".to_owned(), &gone),
        ("session=eyJhbGciOiJub25lIn0.e30.".to_owned(), &gone),
        (long, &gone),
        (format!("{good}; {other}"), &several),
        (format!("{other}; {good}"), &several),
        (format!("{good}; session=x"), &several),
    ];
    for (cookie, expected) in cases {
        let mut browser = app.browser();
        browser.cookie = Some(cookie.clone());
        assert_eq!(&browser.me().await, expected, "{cookie}");
        let is_removed = *expected == gone;
        assert_eq!(browser.cookie.is_none(), is_removed, "{cookie}");
    }
    let server = app.serve().await;
    let answer = server.get("/me", &[("cookie", &good)]).await;
    assert_eq!((answer.status, answer.header("set-cookie")), (200, None));
}

#[tokio::test]
async fn planted_cookie_does_not_keep_the_visitor_from_a_login() {
    let app = App::new();
    let planted = app.logged_in("mallory").await.cookie.unwrap();
    let own = app.logged_in("ann").await.cookie.unwrap();
    let mut browser = app.browser();
    browser.cookie = Some(format!("{own}; {planted}"));
    let answer = browser.clone().get("/greet").await;
    assert!(answer.is(400, "invalid_request"), "{answer:?}");
    assert_eq!(browser.get("/get/cart").await.body, "-");
    assert!(browser.post("/logout").await.is(400, "invalid_request"), "it is unknown whom to log out");
    assert_eq!(browser.post("/login/ann").await.status, 204);
    assert_eq!(browser.me().await, is("ann"));
}

#[tokio::test]
async fn request_that_touches_no_session_asks_no_store() {
    let app = App::new();
    let mut browser = app.logged_in("ann").await;
    app.store.calls();
    let answer = browser.get("/plain").await;
    assert_eq!((answer.body.as_str(), answer.header("set-cookie")), ("plain", None));
    browser.cookie = Some("session=unknown".to_owned());
    assert_eq!(browser.get("/plain").await.header("set-cookie"), None);
    assert!(app.store.calls().is_empty());
}

#[tokio::test]
async fn strategy_works_without_the_layer() {
    let app = App::new();
    let mut browser = app.logged_in("ann").await;
    let layer = ws_adapter::AuthLayer::new(app.chain()).timer(app.clock.clone());
    let route = axum::routing::get(|user: auth_core::Authenticated<User>| async move { user.0.clone() });
    let server = test_support::server::Server::start(axum::Router::new().route("/", route).layer(layer)).await;
    let cookie = browser.cookie.clone().unwrap();
    assert_eq!(server.get("/", &[("cookie", &cookie)]).await.body, "ann");
    // A use is noted there too.
    app.clock.advance(secs(3000));
    assert_eq!(server.get("/", &[("cookie", &cookie)]).await.body, "ann");
    app.clock.advance(secs(3000));
    assert_eq!(browser.me().await, is("ann"));
    browser.post("/logout").await;
    let answer = server.get("/", &[("cookie", &cookie)]).await;
    assert!(answer.is(401, "session_expired"));
}
