//! A request of a foreign page changes nothing through a session, with or without a cookie, and with no chain around the route.

use auth_basic::Password;
use auth_session::{NewPasswordErrorKind, Session, SessionErrorKind, Sessions};
use axum::{
    Router,
    http::StatusCode,
    routing::{get, post},
};
use test_support::server::Server;

use crate::{ann::*, support::*};

type Headers = &'static [(&'static str, &'static str)];

const FOREIGN: [Headers; 5] = [
    &[("sec-fetch-site", "cross-site")],
    &[("sec-fetch-site", "same-site")],
    &[("origin", "https://evil.example")],
    &[("origin", "null")],
    &[("referer", "https://evil.example/")],
];
const CHANGES: [&str; 6] = ["/logout", "/step-up", "/end-others", "/put/cart/poison", "/del/cart", "/login/mallory"];

#[tokio::test]
async fn foreign_page_changes_nothing_with_the_visitors_cookie() {
    let app = App::new();
    let mut browser = app.logged_in("ann").await;
    let mut other = app.logged_in("ann").await;
    browser.post("/put/cart/books").await;
    let cookie = browser.cookie.clone();
    app.store.calls();
    for headers in FOREIGN {
        for path in CHANGES {
            let answer = browser.send("POST", path, headers).await;
            assert!(answer.is(403, "cross_site"), "{path} {headers:?} {answer:?}");
            assert_eq!(answer.header("set-cookie"), None);
        }
    }
    let calls = app.store.calls();
    assert!(calls.keys().all(|call| *call == "load"), "{calls:?}");
    assert_eq!((browser.me().await, browser.get("/get/cart").await.body.as_str()), (is("ann"), "books"));
    assert_eq!((browser.cookie, other.me().await), (cookie, is("ann")));
}

#[tokio::test]
async fn foreign_page_cannot_log_its_visitor_in() {
    let app = App::new();
    for headers in FOREIGN {
        for path in ["/login/mallory", "/put/cart/poison", "/logout"] {
            let mut visitor = app.browser();
            let answer = visitor.send("POST", path, headers).await;
            assert!(answer.is(403, "cross_site"), "{path} {headers:?} {answer:?}");
            assert_eq!(visitor.cookie, None);
        }
    }
    assert!(app.store.calls().is_empty());
}

#[tokio::test]
async fn request_that_names_no_page_may_have_no_cookie() {
    let app = App::new();
    let server = app.serve().await;
    let cookie = app.logged_in("ann").await.cookie.unwrap();
    for (cookie, status) in [(None, 204), (Some("theme=dark"), 403), (Some(&*cookie), 403)] {
        let headers: Vec<_> = cookie.map(|cookie| ("cookie", cookie)).into_iter().collect();
        for path in ["/login/bob", "/logout", "/put/a/b"] {
            let answer = server.send(http::Method::POST, path, &headers, "").await;
            assert_eq!(answer.status, status, "{path} {cookie:?} {answer:?}");
        }
    }
    let headers = [("cookie", &*cookie), ("origin", ORIGIN)];
    assert_eq!(server.send(http::Method::POST, "/put/a/b", &headers, "").await.status, 204, "a program says it");
}

#[tokio::test]
async fn foreign_page_may_read_and_use_what_needs_no_session() {
    let app = App::new();
    let router = Router::new()
        .route("/api", post(|| async { "a bearer API" }))
        .route("/read", post(|session: Session<User>| async move { session.get::<String>("cart").unwrap() }))
        .layer(app.sessions.layer());
    let mut browser = app.logged_in("ann").await;
    browser.post("/put/cart/books").await;
    let mut page = Browser::of(router);
    for cookie in [None, browser.cookie.clone()] {
        page.cookie = cookie;
        let answer = page.send("POST", "/api", &[("origin", "https://partner.example"), ("authorization", "Bearer t")]);
        assert_eq!(answer.await.body, "a bearer API");
    }
    assert_eq!(page.send("POST", "/read", FOREIGN[0]).await.body, "books");
    assert_eq!(browser.send("GET", "/me", FOREIGN[0]).await.body, "ann");
}

// A provider sends the user back with a GET, from its own page.
#[tokio::test]
async fn callback_by_get_logs_in_from_a_foreign_page() {
    let app = App::new();
    let callback = get(|session: Session<User>| async move {
        session.login(&User("ann".to_owned())).await.map(|()| StatusCode::NO_CONTENT)
    });
    let mut page = Browser::of(Router::new().route("/callback", callback).layer(app.sessions.layer()));
    assert_eq!(page.send("GET", "/callback", FOREIGN[0]).await.status, 204);
    let mut browser = app.browser();
    browser.cookie = page.cookie;
    assert_eq!(browser.me().await, is("ann"));
}

#[tokio::test]
async fn pages_and_paths_are_named_where_sessions_are_built() {
    let listed = App::with(|builder| builder.allow_origins(["https://admin.example"]).unwrap());
    let exempt = App::with(|builder| {
        builder.csrf_exempt(["/login/ann"]).unwrap().csrf_exempt(["/in/login/ann", "/put/a/%C3%A9"]).unwrap()
    });
    let open = App::with(|builder| builder.dangerous_allow_cross_site());
    let admin = [("sec-fetch-site", "cross-site"), ("origin", "https://admin.example")];
    let evil = [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")];
    for (app, headers, path, status) in [
        (&listed, admin, "/login/ann", 204),
        (&listed, evil, "/login/ann", 403),
        (&exempt, evil, "/login/ann", 204),
        (&exempt, evil, "/login/ann?a=b", 204),
        (&exempt, evil, "/put/a/%C3%A9", 204),
        (&exempt, evil, "/login/bob", 403),
        (&open, evil, "/login/bob", 204),
    ] {
        assert_eq!(app.browser().send("POST", path, &headers).await.status, status, "{path} {headers:?}");
    }
    // As it was sent, with the prefix that a nested router removes.
    let nested = Browser::of(Router::new().nest("/in", exempt.router.clone()));
    assert_eq!(nested.clone().send("POST", "/in/login/ann", &evil).await.status, 204);
    assert_eq!(nested.clone().send("POST", "/in/login/bob", &evil).await.status, 403);
    let builder = || Sessions::builder(listed.store.clone(), listed.users.clone(), ORIGIN);
    for bad in ["null", "https://a.example/path", "*"] {
        assert!(builder().allow_origins([bad]).is_err());
    }
    assert!(builder().allow_origins([]).is_err() && builder().csrf_exempt(["login"]).is_err());
}

#[tokio::test]
async fn form_of_an_allowed_page_logs_in() {
    let mut local = Local::new().await;
    let sessions = Sessions::builder(local.app.store.clone(), local.app.users.clone(), ORIGIN)
        .allow_origins(["https://admin.example"])
        .unwrap()
        .build()
        .unwrap();
    local.login = auth_session::LocalLogin::new(sessions.clone(), local.ann.clone()).passwords(cheap());
    let server = Server::start(local.login.routes().layer(sessions.layer())).await;
    for (origin, status) in [("https://admin.example", 303), ("https://evil.example", 403)] {
        let answer = server.send(http::Method::POST, "/login", &[FORM, ("origin", origin)], right()).await;
        assert_eq!(answer.status, status, "{origin} {answer:?}");
    }
}

#[tokio::test]
async fn foreign_page_cannot_change_the_password() {
    let local = Local::new().await;
    let login = local.login.clone();
    let change = post(move |session: Session<User>| async move {
        let (current, new) = (Password::new(PASSWORD), Password::new("a long new password"));
        login.change_password(&session, "ann", &current, &new).await.inspect_err(|error| {
            assert_eq!(error.kind(), NewPasswordErrorKind::CrossSite);
        })
    });
    let mut browser = local.app.browser();
    browser.send_body("POST", "/login", &[FORM, OURS], right()).await;
    let mut page = Browser::of(Router::new().route("/", change).layer(local.app.sessions.layer()));
    page.cookie = browser.cookie.clone();
    let before = local.ann.0.lock().unwrap().hash.clone();
    assert!(page.send("POST", "/", FOREIGN[0]).await.is(403, "cross_site"));
    assert_eq!(local.ann.0.lock().unwrap().hash, before);
    assert_eq!(browser.get("/app/me").await.body, "ann");
}

#[tokio::test]
async fn refusal_says_in_the_log_what_was_sent_and_is_allowed() {
    let (log, _guard) = test_support::everything();
    let app = App::new();
    let handler = post(|session: Session<User>| async move {
        let error = session.insert("a", 1).unwrap_err();
        assert_eq!(error.kind(), SessionErrorKind::CrossSite);
        assert!(session.take_return_to().is_none() && session.remove("a").is_err());
        error
    });
    let mut page = Browser::of(Router::new().route("/", handler).layer(app.sessions.layer()));
    assert!(page.send("POST", "/", FOREIGN[2]).await.is(403, "cross_site"));
    let log = log.text();
    assert!(log.contains("`https://evil.example`") && log.contains(&format!("`{ORIGIN}`")), "{log}");
}
