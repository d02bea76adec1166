//! How many logins a user may have at once, on a limit of two.

use auth_session::{LoginOverflow, Sessions};

use super::App;
use crate::support::*;

fn limited(overflow: LoginOverflow) -> App {
    App::with(|builder| builder.max_logins(2, overflow))
}

/// Logs in a second after what was before.
async fn log_in(app: &App, name: &str) -> Browser {
    app.clock.advance(secs(1));
    app.logged_in(name).await
}

#[tokio::test]
async fn login_beyond_the_limit_ends_the_least_recently_used_one() {
    let app = limited(LoginOverflow::EndOldest);
    let (mut every_day, mut forgotten) = (log_in(&app, "ann").await, log_in(&app, "ann").await);
    let mut bob = log_in(&app, "bob").await;
    // The first one is used, so it is not the oldest.
    app.clock.advance(secs(120));
    assert_eq!(every_day.me().await, is("ann"));
    let mut new = log_in(&app, "ann").await;
    assert_eq!(forgotten.me().await, refused(401, "session_expired"));
    for browser in [&mut every_day, &mut new] {
        assert_eq!(browser.me().await, is("ann"));
    }
    assert_eq!((app.sids("ann").await.len(), bob.me().await), (2, is("bob")));
}

#[tokio::test]
async fn login_beyond_the_limit_closes_the_socket_of_the_ended_one() {
    use test_support::server::{Server, close};
    let app = limited(LoginOverflow::EndOldest);
    let server = Server::start(with_socket(&app.sessions, &app.clock, app.router.clone())).await;
    let mut browsers = Vec::new();
    for _ in 0..2 {
        let mut browser = Browser::at(&server);
        browser.post("/login/ann").await;
        app.clock.advance(secs(1));
        browsers.push(browser);
    }
    let (mut ended, mut kept) = (browsers[0].open().await, browsers[1].open().await);
    assert!(ended.echoes("hello").await && kept.echoes("hello").await);
    assert_eq!(Browser::at(&server).post("/login/ann").await.status, 204);
    assert_eq!(ended.closed().await, close(4403, "revoked"));
    assert!(kept.echoes("still here").await);
}

#[tokio::test]
async fn login_beyond_the_limit_is_refused_and_changes_nothing() {
    let app = limited(LoginOverflow::RefuseNew);
    let (mut one, mut two) = (log_in(&app, "ann").await, log_in(&app, "ann").await);
    let mut visitor = app.browser();
    visitor.post("/put/cart/books").await;
    let mut bob = log_in(&app, "bob").await;
    for browser in [&mut visitor, &mut bob] {
        let cookie = browser.cookie.clone();
        let answer = browser.post("/login/ann").await;
        assert!(answer.is(409, "too_many_logins"), "{answer:?}");
        assert_eq!((answer.header("set-cookie"), &browser.cookie), (None, &cookie));
    }
    assert_eq!((visitor.get("/get/cart").await.body.as_str(), bob.me().await), ("books", is("bob")));
    assert_eq!((one.me().await, two.me().await), (is("ann"), is("ann")));
    // There is room again after a logout, and after an end by time.
    one.post("/logout").await;
    assert_eq!(visitor.post("/login/ann").await.status, 204);
    assert!(app.browser().post("/login/ann").await.is(409, "too_many_logins"));
    app.clock.advance(secs(3_600));
    assert_eq!(app.browser().post("/login/ann").await.status, 204);
}

#[tokio::test]
async fn second_login_in_the_same_browser_does_not_count() {
    for overflow in [LoginOverflow::RefuseNew, LoginOverflow::EndOldest] {
        let app = limited(overflow);
        let (mut one, mut two) = (log_in(&app, "ann").await, log_in(&app, "ann").await);
        let sids = app.sids("ann").await;
        for path in ["/login/ann", "/step-up", "/login/ann?remember"] {
            app.clock.advance(secs(1));
            assert_eq!(one.post(path).await.status, 204, "{path} {overflow:?}");
            assert_eq!((one.me().await, two.me().await), (is("ann"), is("ann")));
        }
        let mut now = app.sids("ann").await;
        now.sort();
        let mut before = sids;
        before.sort();
        assert_eq!(now, before);
        // A login over that of another user does count.
        let mut bob = log_in(&app, "bob").await;
        let status = bob.post("/login/ann").await.status;
        assert_eq!(status, if overflow == LoginOverflow::RefuseNew { 409 } else { 204 });
        assert_eq!(app.sids("ann").await.len(), 2);
    }
}

#[tokio::test]
async fn revoked_logins_keep_nobody_out() {
    let app = limited(LoginOverflow::RefuseNew);
    let (one, two) = (log_in(&app, "ann").await, log_in(&app, "ann").await);
    let mut sids = Vec::new();
    for mut browser in [one, two] {
        sids.push(browser.get("/sid").await.body);
    }
    app.clock.advance(secs(1));
    let by_id = auth_core::Revocation::session("", &*sids[0]).ends_at(now() + secs(90_000));
    app.sessions.revocations().revoke(&by_id).await.unwrap();
    let mut third = log_in(&app, "ann").await;
    assert_eq!(third.me().await, is("ann"));
    assert!(app.browser().post("/login/ann").await.is(409, "too_many_logins"));
    let user = auth_core::PrincipalId::new("", "ann");
    let all = auth_core::Revocation::user(user, auth_core::Clock::now(&app.clock));
    app.sessions.revocations().revoke(&all).await.unwrap();
    for _ in 0..2 {
        assert_eq!(log_in(&app, "ann").await.me().await, is("ann"));
    }
    assert!(app.browser().post("/login/ann").await.is(409, "too_many_logins"));
}

#[tokio::test]
async fn lower_limit_counts_from_the_next_login_on() {
    let app = App::new();
    let mut old = Vec::new();
    for _ in 0..4 {
        old.push(log_in(&app, "ann").await);
    }
    let node = |overflow| {
        let builder = Sessions::builder(app.store.clone(), app.users.clone(), ORIGIN).clock(app.clock.clone());
        let sessions = builder.max_logins(2, overflow).build().unwrap();
        Browser::of(routes(&sessions, &app.clock))
    };
    assert!(node(LoginOverflow::RefuseNew).post("/login/ann").await.is(409, "too_many_logins"));
    assert_eq!(app.sids("ann").await.len(), 4);
    app.clock.advance(secs(1));
    let mut new = node(LoginOverflow::EndOldest);
    assert_eq!(new.post("/login/ann").await.status, 204);
    let newest = old.last_mut().unwrap();
    assert_eq!((new.me().await, newest.me().await, app.sids("ann").await.len()), (is("ann"), is("ann"), 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_logins_at_once_leave_as_many_as_allowed() {
    for overflow in [LoginOverflow::RefuseNew, LoginOverflow::EndOldest] {
        let app = limited(overflow);
        let server = app.serve().await;
        let logins: Vec<_> = (0..200)
            .map(|_| {
                let (mut browser, clock) = (Browser::at(&server), app.clock.clone());
                tokio::spawn(async move {
                    clock.advance(std::time::Duration::from_nanos(1));
                    let answer = browser.post("/login/ann").await;
                    assert!(answer.status == 204 || answer.is(409, "too_many_logins"), "{answer:?}");
                    (answer.status, browser)
                })
            })
            .collect();
        let mut browsers = Vec::new();
        for login in logins {
            let (status, browser) = login.await.unwrap();
            assert_eq!(browser.cookie.is_some(), status == 204);
            browsers.push(browser);
        }
        let mut inside = 0;
        for mut browser in browsers {
            inside += usize::from(browser.me().await == is("ann"));
        }
        assert_eq!((inside, app.sids("ann").await.len()), (2, 2), "{overflow:?}");
    }
}

#[tokio::test]
async fn logins_whose_steps_mix_leave_as_many_as_allowed() {
    for overflow in [LoginOverflow::RefuseNew, LoginOverflow::EndOldest] {
        for seed in 0..50 {
            let app = limited(overflow);
            let mut old = log_in(&app, "ann").await;
            app.clock.advance(secs(1));
            app.store.take_turns(seed);
            let logins = (0..6).map(|_| {
                let mut browser = app.browser();
                async move { browser.post("/login/ann").await.status }
            });
            let statuses = futures_util::future::join_all(logins).await;
            assert!(statuses.iter().all(|status| [204, 409].contains(status)), "{statuses:?}");
            assert_eq!(app.sids("ann").await.len(), 2, "{overflow:?} {seed}");
            if overflow == LoginOverflow::RefuseNew {
                assert_eq!(old.me().await, is("ann"), "one that is established stays");
            }
        }
    }
}

#[tokio::test]
async fn use_of_another_login_meanwhile_does_not_keep_a_user_out() {
    let app = App::with(|builder| builder.max_logins(1, LoginOverflow::EndOldest));
    let other = log_in(&app, "ann").await;
    app.clock.advance(secs(120));
    let (clock, mut tab) = (app.clock.clone(), other.clone());
    app.store.before("create", async move {
        clock.advance(secs(1));
        assert_eq!(tab.me().await, is("ann"));
    });
    let mut new = app.logged_in("ann").await;
    assert_eq!((new.me().await, other.clone().me().await), (is("ann"), refused(401, "session_expired")));
}

#[tokio::test]
async fn store_that_fails_at_the_limit_logs_nobody_out() {
    let app = limited(LoginOverflow::RefuseNew);
    let mut one = log_in(&app, "ann").await;
    app.store.break_calls(&["owned"]);
    let answer = app.browser().post("/login/ann").await;
    assert!(answer.is(503, "unavailable") && answer.header("set-cookie").is_none(), "{answer:?}");
    app.store.mend();
    assert_eq!((one.me().await, app.sids("ann").await.len()), (is("ann"), 1));

    let app = limited(LoginOverflow::EndOldest);
    let (mut one, mut two) = (log_in(&app, "ann").await, log_in(&app, "ann").await);
    // The new login is stored, so it counts. The next one ends what is too many.
    for call in ["owned", "raise"] {
        app.store.break_calls(&[call]);
        let mut new = log_in(&app, "ann").await;
        app.store.mend();
        assert_eq!((new.me().await, one.me().await, two.me().await), (is("ann"), is("ann"), is("ann")), "{call}");
        new.post("/logout").await;
    }
    log_in(&app, "ann").await;
    assert_eq!(app.sids("ann").await.len(), 2);
}

#[tokio::test]
async fn limit_of_no_login_does_not_build() {
    let app = App::new();
    let builder = Sessions::builder(app.store.clone(), app.users.clone(), ORIGIN);
    assert!(builder.max_logins(0, LoginOverflow::EndOldest).build().is_err());
}
