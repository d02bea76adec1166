//! The end of all logins of a user against what goes on meanwhile. Nothing that began before it survives.

use std::sync::{Arc, Mutex};

use auth_core::{AuthRequest, Clock as _, PrincipalId, Revocation, Transport};
use auth_session::{Session, SessionErrorKind, Sessions};
use axum::{Router, http::request::Parts, routing::post};
use tokio::sync::oneshot;

use super::App;
use crate::support::*;

fn ann() -> User {
    User("ann".to_owned())
}

/// Ends all logins of Ann as of now. In the second after, before the first mark is written, this browser sends a request. Returns
/// the answer's status and the browser.
async fn end_all_while(app: &App, browser: &Browser, call: &'static str, path: &'static str) -> (u16, Browser) {
    let told = Arc::new(Mutex::new(None));
    let (tell, clock, mut browser) = (Arc::clone(&told), app.clock.clone(), browser.clone());
    app.store.before(call, async move {
        clock.advance(secs(1));
        let status = browser.post(path).await.status;
        *tell.lock().unwrap() = Some((status, browser));
    });
    app.sessions.end_all(&ann()).await.unwrap();
    told.lock().unwrap().take().unwrap()
}

#[tokio::test]
async fn step_up_does_not_escape_an_end_of_all() {
    for call in ["raise", "end_owned"] {
        let app = App::new();
        let browser = app.logged_in("ann").await;
        app.clock.advance(secs(60));
        let (_, mut browser) = end_all_while(&app, &browser, call, "/step-up").await;
        // Refused or not, it has not helped.
        assert_eq!(browser.me().await.unwrap_err().0, 401, "{call}");
        assert!(app.sids("ann").await.is_empty());
    }
}

#[tokio::test]
async fn end_of_others_does_not_escape_an_end_of_all() {
    for call in ["raise", "end_owned"] {
        for before in [None, Some("/step-up")] {
            let app = App::new();
            let mut browser = app.logged_in("ann").await;
            app.clock.advance(secs(60));
            if let Some(path) = before {
                browser.post(path).await;
            }
            let (_, mut browser) = end_all_while(&app, &browser, call, "/end-others").await;
            assert_eq!(browser.me().await.unwrap_err().0, 401, "{call} {before:?}");
            assert!(app.sids("ann").await.is_empty());
        }
    }
}

#[tokio::test]
async fn login_after_an_end_of_all_lives_on() {
    let app = App::new();
    let mut old = app.logged_in("ann").await;
    app.clock.advance(secs(60));
    let (status, mut fresh) = end_all_while(&app, &app.browser(), "raise", "/login/ann").await;
    assert_eq!((status, fresh.me().await), (204, is("ann")));
    assert_eq!(old.me().await, refused(401, "session_expired"));
    let (status, mut fresh) = end_all_while(&app, &fresh, "raise", "/login/ann").await;
    assert_eq!((status, fresh.me().await), (204, is("ann")), "who has proved it again");
}

#[tokio::test]
async fn revoked_user_can_neither_step_up_nor_end_others() {
    for path in ["/step-up", "/end-others"] {
        let app = App::new();
        let mut browser = app.logged_in("ann").await;
        app.clock.advance(secs(60));
        // By the application itself: it writes no mark for records.
        let all = Revocation::user(PrincipalId::new("", "ann"), now() + secs(30));
        app.sessions.revocations().revoke(&all).await.unwrap();
        assert!(browser.post(path).await.is(401, "missing_credentials"), "{path}");
        assert_eq!(browser.me().await.unwrap_err().0, 401);
        assert!(app.sids("ann").await.is_empty());
    }
}

/// Each is told to end the other, and the later one comes while the first is at work. Whatever the order, both end.
#[tokio::test]
async fn two_logins_that_end_each_other_at_once_both_end() {
    // What the later one comes before, and the answers to the first and the later one.
    for (call, answers) in [("save", (401, 204)), ("raise", (204, 204)), ("end_owned", (204, 401))] {
        let app = App::new();
        let (mut first, mut later) = (app.logged_in("ann").await, app.logged_in("ann").await);
        app.clock.advance(secs(60));
        let told = Arc::new(Mutex::new(None));
        let (tell, clock, mut page) = (Arc::clone(&told), app.clock.clone(), later.clone());
        app.store.before(call, async move {
            clock.advance(secs(1));
            let status = page.post("/end-others").await.status;
            *tell.lock().unwrap() = Some(status);
        });
        let first_answer = first.post("/end-others").await.status;
        let later_answer = told.lock().unwrap().take().unwrap();
        assert_eq!((first_answer, later_answer), answers, "{call}");
        assert_eq!(app.sids("ann").await, Vec::<String>::new(), "{call}");
        assert_eq!((first.get("/me").await.status, later.get("/me").await.status), (401, 401), "{call}");
    }
}

#[tokio::test]
async fn login_on_a_node_whose_clock_is_behind_is_not_claimed() {
    let app = App::new();
    let behind = clock();
    behind.set(now() - secs(10));
    let node = Sessions::builder(app.store.clone(), app.users.clone(), ORIGIN).clock(behind.clone()).build().unwrap();
    let handler = post(|session: Session<User>| async move {
        let logged_in = session.login(&ann()).await;
        logged_in.inspect_err(|refused| assert_eq!(refused.kind(), SessionErrorKind::LoginsEnded))
    });
    let mut page = Browser::of(Router::new().route("/", handler).layer(node.layer()));
    app.sessions.end_all(&ann()).await.unwrap();
    let answer = page.post("/").await;
    assert!(answer.is(409, "session_conflict"), "{answer:?}");
    assert_eq!(answer.header("set-cookie"), None);
    assert!(app.sids("ann").await.is_empty());
    behind.set(now() + secs(1));
    app.clock.set(now() + secs(1));
    assert_eq!(page.post("/").await.status, 200);
    let mut browser = app.browser();
    browser.cookie = page.cookie;
    assert_eq!(browser.me().await, is("ann"));
}

#[tokio::test]
async fn login_that_is_refused_keeps_the_session_of_the_visitor() {
    let app = App::new();
    let behind = clock();
    behind.set(now() - secs(10));
    let node = Sessions::builder(app.store.clone(), app.users.clone(), ORIGIN).clock(behind.clone()).build().unwrap();
    let mut page = Browser::of(routes(&node, &behind));
    page.post("/put/cart/full").await;
    let cookie = page.cookie.clone();
    app.sessions.end_all(&ann()).await.unwrap();
    let answer = page.post("/login/ann?keep").await;
    assert!(answer.is(409, "session_conflict"), "{answer:?}");
    assert_eq!((page.cookie.clone(), page.get("/get/cart").await.body), (cookie, "full".to_owned()));
}

/// Its record is still there, so only the revocation refuses it. A store in memory is asked without waiting.
#[tokio::test]
async fn revoked_id_of_a_live_record_is_refused_by_a_store_in_memory() {
    let clock = clock();
    let store = auth_store::MemoryStore::new().clock(clock.clone());
    let sessions = Sessions::builder(store, Users::default(), ORIGIN).clock(clock.clone()).build().unwrap();
    let mut browser = Browser::of(routes(&sessions, &clock));
    for revocation in [
        |sid: &str, _| Revocation::session("", sid),
        |sid: &str, _| Revocation::credential("", sid),
        |_: &str, now| Revocation::user(PrincipalId::new("", "ann"), now),
    ] {
        clock.advance(secs(1));
        browser.cookie = None;
        assert_eq!(browser.post("/login/ann").await.status, 204);
        assert_eq!(browser.me().await, is("ann"));
        let sid = browser.get("/sid").await.body;
        sessions.revocations().revoke(&revocation(&sid, clock.now())).await.unwrap();
        assert_eq!(browser.clone().get("/sid").await.body, sid, "the record lives");
        assert_eq!(browser.get("/me").await.status, 401);
    }
}

#[tokio::test]
async fn revocation_of_evidence_outlives_every_use_of_the_login() {
    let app = App::with(|builder| builder.absolute(secs(4 * 3600)));
    let browser = app.logged_in("ann").await;
    let request = http::Request::get("/me").header("cookie", browser.cookie.clone().unwrap()).body(()).unwrap();
    let (parts, ()) = request.into_parts();
    let user = app.chain().authenticate(&AuthRequest::new(&parts, Transport::Http, app.clock.now())).await.unwrap();
    let all = Revocation::of(user.evidence(), app.clock.now());
    app.sessions.revocations().revoke_all(&all).await.unwrap();
    // Each refused request is a use, which moves the idle end.
    for minute in 0..5 * 60 {
        assert_eq!(browser.clone().get("/me").await.status, 401, "after {minute} minutes");
        app.clock.advance(secs(60));
    }
}

#[tokio::test]
async fn logouts_of_visitors_do_not_fill_the_store() {
    let clock = clock();
    let store = auth_store::MemoryStore::new().clock(clock.clone()).max_revocations(3);
    let sessions = Sessions::builder(store, Users::default(), ORIGIN).clock(clock.clone()).build().unwrap();
    let router = routes(&sessions, &clock);
    for visit in 0..10 {
        let mut visitor = Browser::of(router.clone());
        visitor.post("/put/a/b").await;
        let mut tab = visitor.clone();
        assert_eq!(visitor.post("/logout").await.status, 204, "{visit}");
        assert_eq!(tab.get("/get/a").await.body, "-", "{visit}");
    }
    let mut ann = Browser::of(router);
    assert_eq!(ann.post("/login/ann").await.status, 204);
    assert_eq!(ann.post("/logout").await.status, 204);
}

#[tokio::test]
async fn login_on_a_record_that_is_kept_meanwhile_does_not_escape() {
    let app = App::new();
    let mut own = app.logged_in("ann").await;
    let (mut thief, clock, mut page) = (own.clone(), app.clock.clone(), own.clone());
    app.clock.advance(secs(1));
    app.store.before("save", async move {
        clock.advance(secs(1));
        assert_eq!(page.post("/end-others").await.status, 204);
    });
    let answer = thief.post("/login/ann").await;
    assert!(answer.is(409, "session_conflict"), "{answer:?}");
    assert_eq!(own.me().await, is("ann"), "the login that has ended the others lives on");
}

#[tokio::test]
async fn end_others_is_finished_if_the_client_goes() {
    let app = App::new();
    let (own, mut other) = (app.logged_in("ann").await, app.logged_in("ann").await);
    app.clock.advance(secs(1));
    let (reached, goes_on) = (Arc::new(tokio::sync::Notify::new()), Arc::new(tokio::sync::Notify::new()));
    let (tell, wait, mut page) = (Arc::clone(&reached), Arc::clone(&goes_on), own.clone());
    app.store.before("marks", async move {
        tell.notify_one();
        wait.notified().await;
    });
    let request = tokio::spawn(async move { page.post("/end-others").await });
    reached.notified().await;
    request.abort();
    assert!(request.await.unwrap_err().is_cancelled());
    goes_on.notify_one();
    while other.clone().me().await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert_eq!(other.get("/me").await.status, 401);
    assert_eq!(own.clone().me().await, is("ann"));
}

#[tokio::test]
async fn chain_that_is_asked_during_a_logout_waits_for_it() {
    let app = App::new();
    let browser = app.logged_in("ann").await;
    let (store, chain, clock) = (app.store.clone(), app.chain(), app.clock.clone());
    let ask_meanwhile = async move |session: Session<User>, parts: Parts| {
        assert!(session.is_logged_in());
        let (tell, asked) = oneshot::channel();
        store.before("raise", async move {
            let asking = tokio::spawn(async move {
                let user = chain.authenticate(&AuthRequest::new(&parts, Transport::Http, clock.now())).await;
                user.map(|_| ()).map_err(|refusal| refusal.code().to_owned())
            });
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
            assert!(tell.send(asking).is_ok());
        });
        session.logout().await.unwrap();
        asked.await.unwrap().await.unwrap().unwrap_err()
    };
    let router = Router::new().route("/", post(ask_meanwhile)).layer(app.sessions.layer());
    let mut browser = Browser::of(router).with(browser.cookie);
    let answer = browser.post("/").await;
    assert_eq!((answer.status, &*answer.body), (200, "missing_credentials"));
}
