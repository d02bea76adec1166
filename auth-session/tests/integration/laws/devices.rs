//! The list of a user's logins, and how one of them ends another. Over TCP.

use std::time::Duration;

use auth_core::{Authenticated, PrincipalId, Revocation};
use auth_session::{Devices, LoginInfo, Session, SessionErrorKind};
use axum::{
    Router,
    routing::{get, post},
};
use serde_json::{Value, json};
use test_support::server::{Answer, Server, close};
use ws_adapter::AuthLayer;

use super::App;
use crate::support::*;

const UNKNOWN: &str = "AAAAAAAAAAAAAAAAAAAAAA";

async fn serve(app: &App, set: impl FnOnce(Devices<User>) -> Devices<User>) -> Server {
    let devices = set(Devices::new(&app.sessions));
    let router = app.router.clone().merge(devices.routes().layer(app.sessions.layer()));
    Server::start(with_socket(&app.sessions, &app.clock, router)).await
}

async fn start(app: &App) -> Server {
    serve(app, |devices| devices).await
}

async fn log_in(server: &Server, path: &str) -> Browser {
    let mut browser = Browser::at(server);
    assert_eq!(browser.post(path).await.status, 204);
    browser
}

async fn sid(browser: &mut Browser) -> String {
    browser.get("/sid").await.body
}

async fn end(browser: &mut Browser, sid: &str) -> Answer {
    browser.send("DELETE", &format!("/sessions/{sid}"), &[]).await
}

#[tokio::test]
async fn user_sees_the_own_logins_and_which_one_is_current() {
    let app = App::new();
    let server = start(&app).await;
    let mut phone = log_in(&server, "/login/ann?remember&label=Safari%20on%20iOS").await;
    app.clock.advance(secs(90));
    let mut laptop = log_in(&server, "/login/ann").await;
    log_in(&server, "/login/bob").await;
    let (phone_sid, laptop_sid) = (sid(&mut phone).await, sid(&mut laptop).await);
    let listed = |current: &str| {
        json!([
            {"sid": laptop_sid, "label": null, "created_at": 1_800_000_090, "used_at": 1_800_000_090,
             "ends_at": 1_800_003_690, "current": current == "laptop", "remembered": false},
            {"sid": phone_sid, "label": "Safari on iOS", "created_at": 1_800_000_000, "used_at": 1_800_000_090,
             "ends_at": 1_801_209_690, "current": current == "phone", "remembered": true},
        ])
    };
    for (name, browser) in [("laptop", &mut laptop), ("phone", &mut phone)] {
        let answer = browser.get("/sessions").await;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let mut list: Vec<Value> = serde_json::from_str(&answer.body).unwrap();
        // Both were used at the same instant.
        list.sort_by_key(|login| login["sid"] != laptop_sid.as_str());
        assert_eq!(Value::from(list), listed(name));
        assert!(!answer.body.contains(&browser.secret()));
    }
}

#[tokio::test]
async fn login_in_the_evidence_is_the_current_one() {
    let app = App::new();
    let own = app.logged_in("ann").await;
    app.logged_in("ann").await;
    let handler = get(|user: Authenticated<User>, session: Session<User>| async move {
        let current = session.logins().await.unwrap().into_iter().find(LoginInfo::is_current);
        (current.as_ref() == user.evidence().extra::<LoginInfo>()).to_string()
    });
    let guarded = Router::new().route("/", handler).route_layer(AuthLayer::new(app.chain()).timer(app.clock.clone()));
    let mut page = Browser::of(guarded.layer(app.sessions.layer())).with(own.cookie);
    assert_eq!(page.get("/").await.body, "true");
}

#[tokio::test]
async fn several_session_cookies_end_no_login() {
    let app = App::new();
    let server = start(&app).await;
    let mut ann = log_in(&server, "/login/ann").await;
    let own = sid(&mut ann).await;
    let mut planted = ann.with(ann.cookie.as_ref().map(|cookie| format!("{cookie}; session=planted")));
    for path in ["/sessions", &format!("/sessions/{own}")] {
        assert!(planted.send("DELETE", path, &[]).await.is(400, "invalid_request"));
    }
    assert_eq!(ann.me().await, is("ann"));
}

#[tokio::test]
async fn ended_login_is_out_and_its_socket_closes() {
    let app = App::new();
    let server = start(&app).await;
    let (mut phone, mut laptop) = (log_in(&server, "/login/ann").await, log_in(&server, "/login/ann").await);
    let (mut lost, mut kept) = (phone.open().await, laptop.open().await);
    assert!(lost.echoes("hello").await && kept.echoes("hello").await);
    let phone_sid = sid(&mut phone).await;
    let answer = end(&mut laptop, &phone_sid).await;
    assert_eq!((answer.status, answer.header("cache-control")), (204, Some("no-store")));
    assert_eq!(answer.header("set-cookie"), None);
    assert_eq!(lost.closed().await, close(4403, "revoked"));
    assert_eq!(phone.me().await, refused(401, "session_expired"));
    assert!(kept.echoes("still here").await);
    assert_eq!(laptop.me().await, is("ann"));
    assert_eq!(app.sids("ann").await, [sid(&mut laptop).await]);
}

#[tokio::test]
async fn foreign_unknown_malformed_and_ended_ids_are_one_404() {
    let app = App::new();
    let server = start(&app).await;
    let (mut ann, mut bob) = (log_in(&server, "/login/ann").await, log_in(&server, "/login/bob").await);
    let mut visitor = Browser::at(&server);
    visitor.post("/put/cart/books").await;
    let mut ended = log_in(&server, "/login/ann").await;
    let [bobs, nobodys, gone] = [sid(&mut bob).await, sid(&mut visitor).await, sid(&mut ended).await];
    assert_eq!(end(&mut ann, &gone).await.status, 204);
    let (long, encoded) = ("a".repeat(4_000), UNKNOWN.replacen('A', "%41", 1));
    let mut answers = Vec::new();
    for other in [&*bobs, &nobodys, &gone, UNKNOWN, "x", "..%2f..", "%ff%00", "AAAAAAAAAAAAAAAAAAAAAB", &long, &encoded]
    {
        let answer = end(&mut ann, other).await;
        assert!(answer.is(404, "login_not_found"), "{other} {answer:?}");
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        let mut headers = answer.headers.clone();
        headers.remove("date");
        answers.push((headers, answer.body));
    }
    assert!(answers.windows(2).all(|two| two[0] == two[1]), "{answers:?}");
    assert_eq!((ann.me().await, bob.me().await), (is("ann"), is("bob")));
    assert_eq!(visitor.get("/get/cart").await.body, "books");
}

#[tokio::test]
async fn end_of_the_own_login_is_a_logout() {
    let app = App::new();
    let server = serve(&app, |devices| devices.max_auth_age(secs(60))).await;
    let mut browser = log_in(&server, "/login/ann").await;
    let own = sid(&mut browser).await;
    // Nobody needs a new login to log out.
    app.clock.advance(secs(600));
    assert_eq!(end(&mut browser, &own).await.status, 204);
    assert_eq!(browser.cookie, None);
    assert!(app.sids("ann").await.is_empty());
    let answer = end(&mut browser, &own).await;
    assert!(answer.is(401, "missing_credentials"), "{answer:?}");
}

#[tokio::test]
async fn all_others_end_and_the_own_login_stays() {
    let app = App::new();
    let server = start(&app).await;
    let mut own = log_in(&server, "/login/ann").await;
    let (mut one, mut two) = (log_in(&server, "/login/ann").await, log_in(&server, "/login/ann").await);
    let mut bob = log_in(&server, "/login/bob").await;
    app.clock.advance(secs(1));
    for _ in 0..2 {
        assert_eq!(own.send("DELETE", "/sessions", &[]).await.status, 204);
    }
    for ended in [&mut one, &mut two] {
        assert_eq!(ended.me().await, refused(401, "session_expired"));
    }
    assert_eq!((own.me().await, bob.me().await), (is("ann"), is("bob")));
    assert_eq!(app.sids("ann").await, [sid(&mut own).await]);
}

#[tokio::test]
async fn list_and_ends_need_a_login() {
    let app = App::new();
    let server = start(&app).await;
    let mut ann = log_in(&server, "/login/ann").await;
    let target = sid(&mut ann).await;
    let mut gone = log_in(&server, "/login/ann").await;
    let dead = gone.cookie.clone();
    gone.post("/logout").await;
    let mut nobody = Browser::at(&server);
    nobody.post("/put/cart/books").await;
    for (cookie, code) in
        [(None, "missing_credentials"), (dead, "session_expired"), (nobody.cookie, "missing_credentials")]
    {
        for (method, path) in
            [("GET", "/sessions"), ("DELETE", "/sessions"), ("DELETE", &format!("/sessions/{target}"))]
        {
            let mut browser = Browser::at(&server).with(cookie.clone());
            let answer = browser.send(method, path, &[]).await;
            assert!(answer.is(401, code), "{method} {path} {answer:?}");
            assert_eq!(answer.header("www-authenticate"), Some("Session"));
        }
    }
    assert_eq!(ann.me().await, is("ann"));
}

#[tokio::test]
async fn user_who_is_gone_or_revoked_ends_no_login() {
    let app = App::new();
    let server = start(&app).await;
    let (mut one, mut two) = (log_in(&server, "/login/ann").await, log_in(&server, "/login/ann").await);
    let target = sid(&mut two).await;
    app.users.set("ann", "broken");
    assert!(end(&mut one, &target).await.is(503, "unavailable"));
    app.users.set("ann", "");
    let revocation = Revocation::user(PrincipalId::new("", "ann"), now());
    app.sessions.revocations().revoke(&revocation).await.unwrap();
    assert!(end(&mut one, &target).await.is(401, "revoked"));
    assert_eq!(app.sids("ann").await.len(), 2);
    let mut bob = log_in(&server, "/login/bob").await;
    app.users.set("bob", "gone");
    assert!(bob.get("/sessions").await.is(401, "session_expired"));
    assert!(end(&mut bob, &target).await.is(401, "missing_credentials"), "the cookie is gone");
    assert_eq!(app.sids("ann").await.len(), 2);
}

/// A handler may have no chain before it. What a chain refuses must not end others there either.
#[tokio::test]
async fn revoked_login_neither_lists_nor_ends_others_without_a_chain() {
    let ann = || PrincipalId::new("", "ann");
    for by in ["sid", "user"] {
        let app = App::new();
        let (mut one, mut other) = (app.logged_in("ann").await, app.logged_in("ann").await);
        let [own, target] = [sid(&mut one).await, sid(&mut other).await];
        let revocation = match by {
            "sid" => Revocation::session("", own),
            _ => Revocation::user(ann(), now()),
        };
        app.sessions.revocations().revoke(&revocation).await.unwrap();
        let list = async |session: Session<User>| session.logins().await.map(|logins| logins.len().to_string());
        let end = async move |session: Session<User>| session.end_login(&target).await;
        let router = Router::new().route("/list", get(list)).route("/end", post(end)).layer(app.sessions.layer());
        for (method, path) in [("GET", "/list"), ("POST", "/end")] {
            let mut revoked = Browser::of(router.clone()).with(one.cookie.clone());
            assert!(revoked.send(method, path, &[OURS]).await.is(401, "missing_credentials"), "{by} {path}");
        }
        assert_eq!(app.sids("ann").await.len(), 2, "{by}");
        assert!(one.post("/step-up").await.is(401, "missing_credentials"), "{by}");
    }
}

#[tokio::test]
async fn half_ended_login_can_still_be_logged_out() {
    let app = App::new();
    let server = start(&app).await;
    let mut ann = log_in(&server, "/login/ann").await;
    let own = sid(&mut ann).await;
    app.store.break_calls(&["end"]);
    assert!(end(&mut ann, &own).await.is(503, "unavailable"));
    app.store.mend();
    assert_eq!(ann.me().await, refused(401, "revoked"));
    assert_eq!((end(&mut ann, &own).await.status, &ann.cookie), (204, &None));
    assert!(app.sids("ann").await.is_empty());
}

/// An application may have two kinds of logins for one user type.
#[tokio::test]
async fn routes_of_other_sessions_are_a_500() {
    let (app, other) = (App::new(), App::new());
    let routes = Devices::new(&other.sessions).routes().layer(app.sessions.layer());
    let mut browser = Browser::of(routes).with(app.logged_in("ann").await.cookie);
    assert!(browser.get("/sessions").await.is(500, "internal_error"));
    assert!(end(&mut browser, UNKNOWN).await.is(500, "internal_error"));
}

#[tokio::test]
async fn list_says_when_the_user_logged_in_and_not_when_the_visitor_came() {
    let app = App::new();
    let server = start(&app).await;
    let mut browser = Browser::at(&server);
    browser.post("/put/cart/books").await;
    app.clock.advance(secs(1800));
    browser.post("/login/ann").await;
    let listed: Value = serde_json::from_str(&browser.get("/sessions").await.body).unwrap();
    assert_eq!(listed[0]["created_at"], 1_800_001_800);
}

#[tokio::test]
async fn foreign_page_ends_no_login_with_the_visitors_cookie() {
    let app = App::new();
    let server = start(&app).await;
    let (mut ann, mut other) = (log_in(&server, "/login/ann").await, log_in(&server, "/login/ann").await);
    let (own, target) = (sid(&mut ann).await, sid(&mut other).await);
    app.store.calls();
    for headers in [[("sec-fetch-site", "cross-site")], [("origin", "https://evil.example")], [("origin", "null")]] {
        for path in ["/sessions", &format!("/sessions/{target}"), &format!("/sessions/{own}"), "/sessions/x"] {
            for browser in [&mut ann, &mut Browser::at(&server)] {
                let answer = browser.send("DELETE", path, &headers).await;
                assert!(answer.is(403, "cross_site"), "{path} {answer:?}");
                assert_eq!(answer.header("set-cookie"), None);
            }
        }
    }
    assert!(app.store.calls().is_empty());
    assert_eq!((ann.me().await, other.me().await), (is("ann"), is("ann")));
}

#[tokio::test]
async fn old_login_ends_others_only_after_a_new_proof() {
    let app = App::new();
    let server = serve(&app, |devices| devices.max_auth_age(secs(300))).await;
    let (mut ann, mut other) = (log_in(&server, "/login/ann").await, log_in(&server, "/login/ann").await);
    let target = sid(&mut other).await;
    app.clock.advance(secs(301));
    for path in ["/sessions", &format!("/sessions/{target}"), &format!("/sessions/{UNKNOWN}")] {
        let answer = ann.send("DELETE", path, &[]).await;
        assert!(answer.is(401, "insufficient_user_authentication"), "{path} {answer:?}");
        let challenge = answer.header("www-authenticate").unwrap();
        assert!(challenge.contains(r#"error="insufficient_user_authentication""#), "{challenge}");
        assert!(challenge.contains(r#"max_age="300""#), "{challenge}");
    }
    assert_eq!((ann.get("/sessions").await.status, other.me().await), (200, is("ann")));
    assert_eq!(ann.post("/step-up").await.status, 204);
    app.clock.advance(secs(300));
    assert_eq!(end(&mut ann, &target).await.status, 204, "the limit is inclusive");
    assert_eq!(other.me().await, refused(401, "session_expired"));
}

#[tokio::test]
async fn store_that_is_down_is_503_and_ends_no_login() {
    let app = App::new();
    let server = start(&app).await;
    let (mut ann, mut other) = (log_in(&server, "/login/ann").await, log_in(&server, "/login/ann").await);
    let target = sid(&mut other).await;
    for (call, method, path) in [
        ("owned", "GET", "/sessions".to_owned()),
        ("raise", "DELETE", format!("/sessions/{target}")),
        ("load", "DELETE", format!("/sessions/{target}")),
        ("marks", "DELETE", format!("/sessions/{target}")),
    ] {
        app.store.break_calls(&[call]);
        let answer = ann.send(method, &path, &[]).await;
        assert!(answer.is(503, "unavailable"), "{call} {answer:?}");
        assert_eq!(answer.header("set-cookie"), None);
        app.store.mend();
    }
    assert_eq!((ann.me().await, other.me().await), (is("ann"), is("ann")));
}

/// The store fails after the session was read.
#[tokio::test]
async fn store_that_fails_meanwhile_neither_ends_a_login_nor_removes_the_cookie() {
    for call in ["load", "marks", "owned"] {
        let app = App::new();
        let (one, mut other) = (app.logged_in("ann").await, app.logged_in("ann").await);
        let (store, target) = (app.store.clone(), sid(&mut other).await);
        let handler = async move |session: Session<User>| {
            store.break_calls(&[call]);
            let done =
                if call == "owned" { session.logins().await.map(drop) } else { session.end_login(&target).await };
            done.map_err(|error| error.kind()).unwrap_err() == SessionErrorKind::Unavailable
        };
        let handler = async move |session: Session<User>| handler(session).await.to_string();
        let mut browser =
            Browser::of(Router::new().route("/", post(handler)).layer(app.sessions.layer())).with(one.cookie);
        let answer = browser.post("/").await;
        assert_eq!((answer.status, &*answer.body, answer.header("set-cookie")), (200, "true", None), "{call}");
        app.store.mend();
        assert_eq!(app.sids("ann").await.len(), 2);
    }
}

#[tokio::test]
async fn revocation_is_written_before_a_login_ends() {
    let app = App::new();
    let server = start(&app).await;
    let (mut ann, mut other) = (log_in(&server, "/login/ann").await, log_in(&server, "/login/ann").await);
    let target = sid(&mut other).await;
    // The revocation is written, and the record is not.
    app.store.break_calls(&["end"]);
    assert!(end(&mut ann, &target).await.is(503, "unavailable"));
    app.store.mend();
    assert_eq!(other.me().await, refused(401, "revoked"));
    assert_eq!(end(&mut ann, &target).await.status, 204, "it can be tried again");
    assert!(end(&mut ann, &target).await.is(404, "login_not_found"));
}

#[tokio::test]
async fn session_that_is_kept_ends_nothing_after_its_own_end() {
    let app = App::new();
    let (own, mut other) = (app.logged_in("ann").await, app.logged_in("ann").await);
    let (target, mut tab) = (other.get("/sid").await.body, own.clone());
    let handler = post(move |session: Session<User>| async move {
        assert_eq!(session.logins().await.unwrap().len(), 2);
        assert_eq!(tab.post("/logout").await.status, 204);
        let error = session.end_login(&target).await.unwrap_err();
        assert_eq!(error.kind(), SessionErrorKind::NotLoggedIn);
        error
    });
    let mut page = Browser::of(Router::new().route("/", handler).layer(app.sessions.layer())).with(own.cookie);
    assert!(page.post("/").await.is(401, "missing_credentials"));
    assert_eq!((page.cookie, other.me().await), (None, is("ann")));
}

#[tokio::test]
async fn program_ends_logins_of_one_user_alone() {
    let app = App::new();
    let (mut ann, mut bob) = (app.logged_in("ann").await, app.logged_in("bob").await);
    let (anns, bobs) = (ann.get("/sid").await.body, bob.get("/sid").await.body);
    let user = User("ann".to_owned());
    for other in [&*bobs, UNKNOWN, "", "x"] {
        assert!(!app.sessions.end_of(&user, other).await.unwrap(), "{other}");
    }
    assert!(app.sessions.end_of(&user, &anns).await.unwrap());
    assert!(!app.sessions.end_of(&user, &anns).await.unwrap());
    assert_eq!((ann.me().await, bob.me().await), (refused(401, "session_expired"), is("bob")));
    let logins = app.sessions.logins(&User("bob".to_owned())).await.unwrap();
    assert!(!logins[0].is_current());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_devices_that_end_each_other_at_once_leave_one_at_most() {
    let app = App::new();
    let server = start(&app).await;
    for _ in 0..100 {
        let (mut one, mut two) = (log_in(&server, "/login/ann").await, log_in(&server, "/login/ann").await);
        let (first, second) = (sid(&mut one).await, sid(&mut two).await);
        let one = tokio::spawn(async move { end(&mut one, &second).await.status });
        let two = tokio::spawn(async move { end(&mut two, &first).await.status });
        let statuses = [one.await.unwrap(), two.await.unwrap()];
        assert!(statuses.contains(&204) && statuses.iter().all(|status| [204, 401].contains(status)), "{statuses:?}");
        let ended = statuses.iter().filter(|status| **status == 204).count();
        assert_eq!(app.sids("ann").await.len(), 2 - ended);
        app.sessions.end_all(&User("ann".to_owned())).await.unwrap();
        app.clock.advance(Duration::from_millis(1));
    }
}

#[tokio::test]
async fn path_of_the_list_is_a_setting() {
    let app = App::new();
    let server = serve(&app, |devices| devices.path("/account/logins").unwrap()).await;
    let (mut ann, mut other) = (log_in(&server, "/login/ann").await, log_in(&server, "/login/ann").await);
    assert_eq!(ann.get("/account/logins").await.status, 200);
    assert_eq!(ann.get("/sessions").await.status, 404);
    let target = sid(&mut other).await;
    assert_eq!(ann.send("DELETE", &format!("/account/logins/{target}"), &[]).await.status, 204);
    for bad in [
        "",
        "/",
        "logins",
        "/a/",
        "//a",
        "/a?b",
        "/a#b",
        "/{sid}",
        "/*",
        "/a b",
        "/:x",
        "/a/:b",
        "/./x",
        "/a/..",
        "https://a.example/",
    ] {
        assert!(Devices::new(&app.sessions).path(bad).is_err(), "{bad}");
    }
}

#[tokio::test]
async fn list_without_the_layer_is_a_500() {
    let app = App::new();
    let server = Server::start(Devices::new(&app.sessions).routes()).await;
    for (method, path) in [(http::Method::GET, "/sessions"), (http::Method::DELETE, "/sessions/x")] {
        assert!(server.send(method, path, &[OURS], "").await.is(500, "internal_error"));
    }
}
