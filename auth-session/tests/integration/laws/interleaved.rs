//! Requests of one user at the same moment, in many orders. Each order is the same at each run.

use std::time::{Duration, SystemTime};

use auth_core::Clock as _;

use super::App;
use crate::{support::*, watched::Random};

/// How many orders are tried, with each kind of store.
const ORDERS: u64 = 100;

/// What became of a request.
struct Done {
    /// When it was sent. Every request has an instant of its own.
    began: SystemTime,
    status: u16,
    /// The browser with the cookie that it has now.
    browser: Browser,
}

/// Sends these requests at the same moment, in an order of the seed.
async fn at_once<const N: usize>(app: &App, seed: u64, requests: [(&Browser, &str); N]) -> [Done; N] {
    app.clock.advance(secs(1));
    app.store.take_turns(seed);
    let mut random = Random::new(seed + ORDERS);
    let tasks = requests.map(|(browser, path)| {
        let (clock, mut browser, path, turns) = (app.clock.clone(), browser.clone(), path.to_owned(), random.below(24));
        tokio::spawn(async move {
            for _ in 0..turns {
                tokio::task::yield_now().await;
            }
            clock.advance(Duration::from_micros(1));
            let began = clock.now();
            let status = browser.post(&path).await.status;
            assert!(status < 500, "{path}: {status}");
            Done { began, status, browser }
        })
    });
    let mut done = Vec::new();
    for task in tasks {
        done.push(task.await.unwrap());
    }
    done.try_into().unwrap_or_else(|_| panic!("each request has an answer"))
}

/// Whether a browser is logged in. It must not be in doubt.
async fn lives(browser: &Browser) -> bool {
    let answer = browser.clone().get("/me").await;
    assert!([200, 401].contains(&answer.status), "{answer:?}");
    answer.status == 200
}

#[tokio::test]
async fn login_that_began_before_the_end_of_all_does_not_live() {
    let (mut before, mut after) = (0, 0);
    for (seed, ends) in (0..ORDERS).flat_map(|seed| [(seed, "/end-all/ann"), (seed, "/end-others")]) {
        let app = App::new();
        let own = app.logged_in("ann").await;
        let [end, login, _] =
            at_once(&app, seed, [(&own, ends), (&app.browser(), "/login/ann"), (&app.browser(), "/put/a/b")]).await;
        // A login that an end of all covers is refused, and not claimed.
        assert!(end.status == 204 && [204, 409].contains(&login.status), "{seed} {ends}");
        let login_lives = lives(&login.browser).await;
        assert!(login.began > end.began || !login_lives, "{seed} {ends}");
        *(if login.began < end.began { &mut before } else { &mut after }) += 1;
        assert_eq!(lives(&end.browser).await, ends == "/end-others", "{seed} {ends}");
    }
    assert!(before > 40 && after > 40, "{before} {after}");
}

#[tokio::test]
async fn step_up_that_races_a_logout_leaves_all_or_nothing() {
    let (mut all, mut nothing) = (0, 0);
    for seed in 0..ORDERS {
        let app = App::new();
        let tab = app.logged_in("ann").await;
        let [step_up, logout] = at_once(&app, seed, [(&tab, "/step-up"), (&tab, "/logout")]).await;
        match (step_up.status, logout.status) {
            // The logout was sent with the cookie from before. It has ended nothing, and says so.
            (204, 409) => {
                assert!(lives(&step_up.browser).await && app.sids("ann").await.len() == 1, "{seed}");
                all += 1;
            }
            (204 | 401, 204) => {
                assert!(!lives(&step_up.browser).await && app.sids("ann").await.is_empty(), "{seed}");
                nothing += 1;
            }
            other => panic!("{seed}: {other:?}"),
        }
        assert!(!lives(&tab).await, "{seed}: the cookie from before is worthless");
    }
    assert!(all > 10 && nothing > 10, "{all} {nothing}");
}

#[tokio::test]
async fn whatever_happens_at_once_the_end_of_all_ends_it() {
    for seed in 0..ORDERS {
        let app = App::new();
        let (one, other) = (app.logged_in("ann").await, app.logged_in("ann").await);
        let stranger = app.browser();
        let done = at_once(
            &app,
            seed,
            [
                (&one, "/end-others"),
                (&other, "/end-others"),
                (&one, "/step-up"),
                (&other, "/logout"),
                (&other, "/login/ann"),
                (&stranger, "/login/ann"),
                (&one, "/put/a/b"),
                (&one, "/login/bob"),
            ],
        )
        .await;
        for browser in done.iter().map(|done| &done.browser) {
            lives(browser).await;
        }
        app.sessions.end_all(&User("ann".to_owned())).await.unwrap();
        for Done { browser, .. } in &done {
            let me = browser.clone().get("/me").await;
            assert!(me.status == 401 || me.body == "bob", "{seed}: {me:?}");
        }
        assert!(app.sids("ann").await.is_empty(), "{seed}");
        assert!(lives(&app.logged_in("ann").await).await, "{seed}");
    }
}

/// The one that keeps it open may step up, or change the password in another tab, at the moment at which the user ends all.
#[tokio::test]
async fn login_that_changes_at_the_end_of_all_does_not_escape() {
    for (seed, ends) in (0..ORDERS).flat_map(|seed| [(seed, "/end-all/ann"), (seed, "/end-others")]) {
        let app = App::new();
        let (own, thief) = (app.logged_in("ann").await, app.logged_in("ann").await);
        let [end, step_up, _] = at_once(&app, seed, [(&own, ends), (&thief, "/step-up"), (&thief, "/put/a/b")]).await;
        assert_eq!(end.status, 204);
        assert!(!lives(&thief).await && !lives(&step_up.browser).await, "{seed} {ends}: the step up escaped");
        let is_kept = ends == "/end-others";
        assert_eq!((lives(&end.browser).await, app.sids("ann").await.len()), (is_kept, usize::from(is_kept)), "{seed}");
    }
}
