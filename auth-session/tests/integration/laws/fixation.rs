//! A login replaces the secret: nobody who knew the cookie before is logged in.

use super::App;
use crate::support::*;

#[tokio::test]
async fn cookie_from_before_the_login_is_worthless() {
    let app = App::new();
    let mut mallory = app.browser();
    mallory.post("/put/cart/poison").await;
    // The cookie is planted in the victim's browser.
    let mut victim = mallory.clone();
    let sid = victim.get("/sid").await.body;
    assert_eq!(victim.post("/login/ann").await.status, 204);
    assert_ne!(victim.cookie, mallory.cookie);
    assert_eq!((victim.me().await, victim.get("/get/cart").await.body.as_str()), (is("ann"), "-"));
    assert_eq!(victim.get("/sid").await.body, sid, "the public id opens nothing");
    // A moment after the login it is a cookie that was replaced, later an unknown one.
    for status in [409, 204] {
        let mut tries = mallory.clone();
        assert_eq!(tries.me().await.unwrap_err().0, 401);
        assert_eq!(tries.get("/get/cart").await.body, "-");
        assert_eq!(tries.post("/put/cart/again").await.status, status);
        app.clock.advance(secs(61));
    }
    assert_eq!(victim.get("/get/cart").await.body, "-");
}

#[tokio::test]
async fn planted_cookie_without_a_record_is_not_adopted() {
    let app = App::new();
    let planted = app.logged_in("ann").await.cookie.unwrap();
    let mut browser = app.browser();
    browser.cookie = Some(planted.clone());
    browser.post("/logout").await;
    browser.cookie = Some(planted.clone());
    browser.post("/login/bob").await;
    assert_ne!(browser.cookie, Some(planted));
    assert_eq!(browser.me().await, is("bob"));
}

#[tokio::test]
async fn login_and_step_up_replace_the_secret_and_keep_the_id() {
    let app = App::new();
    let mut browser = app.logged_in("ann").await;
    browser.post("/put/cart/books").await;
    let sid = browser.get("/sid").await.body;
    for (path, left) in [("/step-up", "books"), ("/login/ann?keep", "books"), ("/login/ann", "-")] {
        let before = browser.clone();
        assert_eq!(browser.post(path).await.status, 204, "{path}");
        assert_ne!(browser.secret(), before.secret());
        assert_eq!(browser.get("/sid").await.body, sid);
        assert_eq!((browser.me().await, browser.get("/get/cart").await.body.as_str()), (is("ann"), left), "{path}");
        assert_eq!(before.clone().me().await, refused(401, "missing_credentials"));
    }
    assert_eq!(app.sids("ann").await, [sid]);
}

#[tokio::test]
async fn replaced_secret_leaves_the_fresh_cookie_alone() {
    let app = App::new();
    let mut browser = app.logged_in("ann").await;
    let mut in_flight = browser.clone();
    browser.post("/step-up").await;
    let fresh = browser.cookie.clone();
    // A request of another tab, sent before the step up, is answered after it.
    for path in ["/me", "/greet", "/get/cart"] {
        let answer = in_flight.get(path).await;
        assert_eq!(answer.header("set-cookie"), None, "{path}");
    }
    let answer = in_flight.post("/put/a/b").await;
    assert!(answer.is(409, "session_replaced"), "it is not dropped in silence: {answer:?}");
    assert_eq!(answer.header("set-cookie"), None, "no new session either");
    assert!(in_flight.post("/del/a").await.is(409, "session_replaced"));
    assert!(in_flight.post("/logout").await.is(409, "session_replaced"));
    assert!(in_flight.post("/step-up").await.is(409, "session_replaced"));
    assert_eq!((browser.me().await, &browser.cookie), (is("ann"), &fresh));
    // A minute later it is no request in flight.
    app.clock.advance(secs(61));
    assert_eq!(in_flight.me().await, refused(401, "session_expired"));
    assert_eq!((in_flight.cookie.clone(), browser.me().await), (None, is("ann")));
}

#[tokio::test]
async fn each_of_several_replaced_secrets_is_recognized() {
    let app = App::new();
    let mut browser = app.browser();
    browser.post("/put/a/b").await;
    let mut in_flight = Vec::new();
    for path in ["/login/ann", "/step-up", "/step-up", "/step-up"] {
        in_flight.push(browser.clone());
        browser.post(path).await;
    }
    for old in &mut in_flight {
        assert_eq!(old.get("/greet").await.header("set-cookie"), None);
        assert_eq!(old.me().await, refused(401, "missing_credentials"));
    }
    for _ in 0..20 {
        browser.post("/step-up").await;
    }
    assert!(app.store.told().lines().all(|line| line.len() < 2_000), "the list is bounded");
    assert_eq!(browser.me().await, is("ann"));
}

#[tokio::test]
async fn login_over_another_user_ends_that_login_first() {
    let app = App::new();
    let mut browser = app.logged_in("ann").await;
    browser.post("/put/cart/books").await;
    let mut before = browser.clone();
    let sid = browser.get("/sid").await.body;
    assert_eq!(browser.post("/login/bob?keep").await.status, 204);
    assert_eq!((browser.me().await, browser.get("/get/cart").await.body.as_str()), (is("bob"), "-"));
    assert_ne!(browser.get("/sid").await.body, sid);
    assert_eq!(before.me().await, refused(401, "session_expired"));
    assert!(app.sids("ann").await.is_empty());
    // If that fails, nobody else is logged in.
    let old = browser.cookie.clone();
    for call in ["raise", "end", "create"] {
        app.store.break_calls(&[call]);
        assert!(browser.post("/login/eve").await.is(503, "unavailable"), "{call}");
        assert_eq!(browser.cookie, old);
        app.store.mend();
        assert_ne!(browser.clone().me().await, is("eve"));
    }
}

#[tokio::test]
async fn login_over_a_revoked_id_gets_a_new_id() {
    let app = App::new();
    for revocation in [auth_core::Revocation::session, auth_core::Revocation::credential] {
        let mut browser = app.logged_in("ann").await;
        let sid = browser.get("/sid").await.body;
        // An application that revokes what the evidence names, and knows no sessions.
        app.sessions.revocations().revoke(&revocation(String::new(), sid.clone())).await.unwrap();
        assert_eq!(browser.me().await, refused(401, "revoked"));
        assert_eq!(browser.post("/login/ann").await.status, 204);
        assert_eq!(browser.me().await, is("ann"));
        assert_ne!(browser.get("/sid").await.body, sid);
    }
}

#[tokio::test]
async fn step_up_needs_a_login() {
    let app = App::new();
    let mut browser = app.browser();
    for _ in 0..2 {
        assert!(browser.post("/step-up").await.is(401, "missing_credentials"));
        assert!(browser.post("/end-others").await.is(401, "missing_credentials"));
        browser.post("/put/a/b").await;
    }
}

#[tokio::test]
async fn secret_is_in_no_list_log_store_or_answer() {
    let (log, _guard) = test_support::everything();
    let app = App::new();
    let mut browser = app.logged_in("ann").await;
    let mut secrets = vec![browser.secret()];
    let mut seen = String::new();
    for (method, path) in [
        ("GET", "/me"),
        ("POST", "/put/a/b"),
        ("POST", "/step-up"),
        ("POST", "/login/ann?remember"),
        ("POST", "/end-others"),
        ("GET", "/sid"),
    ] {
        let answer = browser.send(method, path, &[]).await;
        secrets.push(browser.secret());
        seen += &answer.body;
    }
    app.store.break_calls(&["load", "save"]);
    seen += &format!("{:?}", browser.get("/me").await);
    app.store.mend();
    seen += &format!("{:?}", app.sessions.logins(&User("ann".to_owned())).await.unwrap());
    seen += &format!("{:?} {:?} {:?}", app.sessions, app.sessions.strategy(), app.sessions.layer());
    browser.post("/logout").await;
    let told = app.store.told();
    assert!(told.contains("carriers") && log.text().contains("logged in") && log.text().contains("logged out"));
    for secret in secrets {
        for (what, text) in [("the store", &told), ("the log", &log.text()), ("an answer", &seen)] {
            test_support::log::assert_clean(what, text, &secret);
        }
    }
    // A user name does not belong in a log either. The store may have it.
    assert!(log.lines().iter().filter(|line| line.contains("auth_session")).all(|line| !line.contains("ann")));
}
