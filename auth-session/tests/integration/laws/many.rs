//! Several tabs, several logins, several nodes. Row 93: nothing is lost, and nothing comes back.

use auth_core::Revocation;
use auth_session::Sessions;

use super::App;
use crate::support::*;

/// How often a race is run with each kind of store: 1,000 times in all.
const ROUNDS: usize = 500;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_tabs_that_save_at_once_keep_both_changes() {
    let app = App::new();
    let tab = app.logged_in("ann").await;
    for n in 0..ROUNDS {
        let (mut one, mut other) = (tab.clone(), tab.clone());
        let one = tokio::spawn(async move { one.post(&format!("/put/one/{n}")).await.status });
        let other = tokio::spawn(async move { other.post(&format!("/put/other/{n}")).await.status });
        assert_eq!((one.await.unwrap(), other.await.unwrap()), (204, 204));
        let mut read = tab.clone();
        let values = (read.get("/get/one").await.body, read.get("/get/other").await.body);
        assert_eq!(values, (n.to_string(), n.to_string()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn save_that_races_a_logout_never_brings_the_login_back() {
    let app = App::new();
    for n in 0..ROUNDS {
        let mut tab = app.logged_in("ann").await;
        let (mut one, mut other) = (tab.clone(), tab.clone());
        let save = tokio::spawn(async move { one.post(&format!("/put/n/{n}")).await.status });
        let logout = tokio::spawn(async move { other.post("/logout").await.status });
        assert_eq!((save.await.unwrap(), logout.await.unwrap()), (204, 204));
        assert_eq!(tab.me().await, refused(401, "session_expired"));
        assert!(app.sids("ann").await.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn login_that_races_a_logout_leaves_a_whole_state() {
    let app = App::new();
    for _ in 0..ROUNDS / 5 {
        let tab = app.logged_in("ann").await;
        let (mut one, mut other) = (tab.clone(), tab.clone());
        let login = tokio::spawn(async move {
            let answer = one.post("/login/ann").await;
            (answer.status, one)
        });
        let logout = tokio::spawn(async move { other.post("/logout").await.status });
        let ((status, mut one), logout) = (login.await.unwrap(), logout.await.unwrap());
        assert_eq!(status, 204);
        assert!([204, 409].contains(&logout));
        // Either the login came last, or the logout has ended it.
        let me = one.me().await;
        assert!(me == is("ann") || me.clone().unwrap_err().0 == 401, "{me:?}");
        assert!(app.sids("ann").await.len() <= 1);
        app.sessions.end_all(&User("ann".to_owned())).await.unwrap();
        app.clock.advance(secs(1));
    }
}

#[tokio::test]
async fn conflict_replays_inserts_and_removes_on_the_newest() {
    let app = App::new();
    let mut tab = app.logged_in("ann").await;
    for name in ["kept", "both", "gone"] {
        tab.post(&format!("/put/{name}/old")).await;
    }
    let other = tab.clone();
    let handler = axum::routing::post(move |session: auth_session::Session<User>| async move {
        session.insert("mine", "1").unwrap();
        session.insert("both", "mine").unwrap();
        session.remove("gone").unwrap();
        // Another tab saves between this request's load and its save.
        let mut other = other;
        for path in ["/put/theirs/2", "/put/both/theirs", "/put/gone/again"] {
            assert_eq!(other.post(path).await.status, 204);
        }
    });
    let mut page = Browser::of(axum::Router::new().route("/", handler).layer(app.sessions.layer()));
    page.cookie = tab.cookie.clone();
    app.store.calls();
    assert_eq!(page.post("/").await.status, 200);
    assert_eq!(app.store.calls().get("save"), Some(&5), "three, and two of which one met a conflict");
    let mut values = Vec::new();
    for name in ["kept", "both", "gone", "mine", "theirs"] {
        values.push(tab.get(&format!("/get/{name}")).await.body);
    }
    assert_eq!(values, ["old", "mine", "-", "1", "2"]);
}

#[tokio::test]
async fn inserts_of_a_stranger_do_not_reach_the_login_of_a_victim() {
    let app = App::new();
    let mut mallory = app.browser();
    mallory.post("/put/a/1").await;
    let mut victim = mallory.clone();
    let fresh = std::sync::Arc::new(std::sync::Mutex::new(None));
    let told = std::sync::Arc::clone(&fresh);
    // The stranger's request has read the session of nobody before the login, and saves after it.
    let handler = axum::routing::post(move |session: auth_session::Session<User>| async move {
        assert_eq!(victim.post("/login/ann").await.status, 204);
        session.insert("cart", "poison").unwrap();
        *told.lock().unwrap() = victim.cookie;
    });
    let router = axum::Router::new().route("/", handler).layer(app.sessions.layer());
    let server = test_support::server::Server::start(router).await;
    let cookie = mallory.cookie.clone().unwrap();
    let answer = server.send(http::Method::POST, "/", &[("cookie", &cookie), OURS], "").await;
    // The stranger may also be another tab of the victim, whose browser has the fresh cookie.
    assert!(answer.is(409, "session_replaced"), "{answer:?}");
    assert_eq!(answer.header("set-cookie"), None);
    let mut victim = app.browser();
    victim.cookie = fresh.lock().unwrap().take();
    assert_eq!((victim.me().await, victim.get("/get/cart").await.body.as_str()), (is("ann"), "-"));
}

#[tokio::test]
async fn logins_of_a_user_are_listed_and_ended() {
    let app = App::new();
    let mut first = app.browser();
    first.post("/login/ann?remember&label=Firefox%0a%20on%20Linux").await;
    app.clock.advance(secs(60));
    let mut second = app.logged_in("ann").await;
    let mut bob = app.logged_in("bob").await;
    let logins = app.sessions.logins(&User("ann".to_owned())).await.unwrap();
    let facts: Vec<_> = logins.iter().map(|login| (login.is_remembered(), login.label(), login.used_at())).collect();
    assert_eq!(facts, [(false, None, now() + secs(60)), (true, Some("Firefox on Linux"), now())]);
    assert!(app.sessions.end(logins[1].sid()).await.unwrap());
    assert!(!app.sessions.end(logins[1].sid()).await.unwrap());
    for unknown in ["", "AAAAAAAAAAAAAAAAAAAAAA", "../../etc", &"a".repeat(10_000)] {
        assert!(!app.sessions.end(unknown).await.unwrap());
    }
    assert_eq!(first.me().await, refused(401, "session_expired"));
    assert_eq!((second.me().await, bob.me().await), (is("ann"), is("bob")));
    app.sessions.end_all(&User("ann".to_owned())).await.unwrap();
    assert_eq!((second.me().await, bob.me().await), (refused(401, "session_expired"), is("bob")));
    app.clock.advance(secs(1));
    assert_eq!(app.logged_in("ann").await.me().await, is("ann"));
}

#[tokio::test]
async fn end_others_keeps_only_the_current_login() {
    let app = App::new();
    let (mut current, mut other) = (app.logged_in("ann").await, app.logged_in("ann").await);
    current.post("/put/cart/books").await;
    app.clock.advance(secs(60));
    assert_eq!(current.post("/end-others").await.status, 204);
    assert_eq!(other.me().await, refused(401, "session_expired"));
    assert_eq!((current.me().await, current.get("/get/cart").await.body.as_str()), (is("ann"), "books"));
    assert_eq!(app.sids("ann").await.len(), 1);
    // A step up and a login at the same instant do not fall behind the mark.
    for path in ["/end-others", "/step-up", "/end-others", "/login/ann"] {
        assert_eq!((current.post(path).await.status, current.me().await), (204, is("ann")), "{path}");
    }
    app.store.break_calls(&["end_owned"]);
    assert!(current.post("/end-others").await.is(503, "unavailable"));
    app.store.mend();
    assert_eq!(current.me().await, is("ann"));
}

#[tokio::test]
async fn head_that_outlives_its_request_is_judged_anew() {
    use auth_core::{AuthRequest, Transport};
    // An adapter keeps the head of a handshake, and asks the chain about it again while the connection is open.
    let app = App::new();
    let kept = std::sync::Arc::new(std::sync::Mutex::new(None));
    let keep = std::sync::Arc::clone(&kept);
    let handler =
        axum::routing::get(move |session: auth_session::Session<User>, parts: http::request::Parts| async move {
            *keep.lock().unwrap() = Some((parts, session));
        });
    let mut browser = app.logged_in("ann").await;
    let mut page = Browser::of(axum::Router::new().route("/", handler).layer(app.sessions.layer()));
    page.cookie = browser.cookie.clone();
    page.get("/").await;
    let (parts, session) = kept.lock().unwrap().take().unwrap();
    let ask = async || app.chain().authenticate(&AuthRequest::new(&parts, Transport::WebSocket, now())).await;
    assert!(ask().await.is_ok());
    browser.post("/logout").await;
    assert_eq!(ask().await.unwrap_err().code(), "session_expired");
    // A session that outlives its request keeps nothing, and says so.
    assert!(session.login(&User("ann".to_owned())).await.is_err() && session.step_up(&[], None).await.is_err());
    assert!(app.sids("ann").await.is_empty());
    let (log, _guard) = test_support::everything();
    session.insert("a", 1).unwrap();
    assert!(log.text().contains("after the response"), "{}", log.text());
}

#[tokio::test]
async fn another_node_knows_login_and_logout() {
    let app = App::new();
    let node =
        Sessions::builder(app.store.clone(), app.users.clone(), ORIGIN).clock(app.clock.clone()).build().unwrap();
    let mut browser = app.logged_in("ann").await;
    assert_eq!(node.logins(&User("ann".to_owned())).await.unwrap().len(), 1);
    let sid = browser.get("/sid").await.body;
    assert!(node.end(&sid).await.unwrap());
    assert_eq!(browser.me().await, refused(401, "session_expired"));
}

#[tokio::test]
async fn logout_revokes_what_hangs_on_the_id() {
    use auth_core::{RevocationEvent, RevocationFeed as _};
    let app = App::with(|builder| builder.token_issuer("https://app.example"));
    let mut browser = app.logged_in("ann").await;
    let sid = browser.get("/sid").await.body;
    let mut listener = app.sessions.revocations().listen().await;
    browser.post("/logout").await;
    for issuer in ["", "https://app.example"] {
        let Some(RevocationEvent::Revoked(revocation)) = listener.next().await else { panic!("nothing came") };
        assert_eq!(revocation.target(), Revocation::session(issuer, &*sid).target());
        // Another request may have logged in on the record for as long as a login can be remembered.
        assert_eq!(revocation.end(), Some(now() + secs(30 * 86_400)));
    }
}
