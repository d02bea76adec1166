use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime},
};

use auth_core::{Clock as _, ManualClock};
use auth_store::{Budget, BudgetKey, BudgetPlace, Budgets, Taken};

/// Longer than a place stays taken that nobody settles.
const FORGOTTEN: Duration = Duration::from_secs(120);

pub(super) fn key() -> BudgetKey {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos();
    let parts = [std::process::id().to_string(), now.to_string(), COUNT.fetch_add(1, Ordering::Relaxed).to_string()];
    BudgetKey::new("law", &parts.each_ref().map(String::as_str))
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// Four places, one a minute, waits up to five minutes.
fn budget() -> Budget {
    Budget::new(4, secs(60)).unwrap().longest_wait(secs(300)).unwrap()
}

async fn place(store: &impl Budgets, key: &BudgetKey) -> BudgetPlace {
    match store.take(key, &budget()).await.unwrap() {
        Taken::Place(place) => place,
        Taken::Wait(wait) => panic!("no place for {wait:?}"),
    }
}

/// How long it has to wait; zero if there is a place, which becomes a failure.
async fn fail(store: &impl Budgets, key: &BudgetKey) -> Duration {
    match store.take(key, &budget()).await.unwrap() {
        Taken::Place(place) => {
            store.settle(key, &budget(), place, true).await.unwrap();
            Duration::ZERO
        }
        Taken::Wait(wait) => wait,
    }
}

async fn fail_all(store: &impl Budgets, key: &BudgetKey) {
    while fail(store, key).await.is_zero() {}
}

pub async fn there_are_as_many_places_as_the_budget_has<B: Budgets + Clone>(store: &B, _: &ManualClock) {
    let key = key();
    for _ in 0..4 {
        assert_eq!(fail(store, &key).await, Duration::ZERO);
    }
    assert_eq!(fail(store, &key).await, secs(60));
}

pub async fn failures_come_back_one_after_the_other<B: Budgets + Clone>(store: &B, clock: &ManualClock) {
    let key = key();
    for _ in 0..3 {
        fail(store, &key).await;
    }
    clock.advance(secs(59));
    // The one place that was left, and none of the others yet.
    assert_eq!(fail(store, &key).await, Duration::ZERO);
    assert_eq!(fail(store, &key).await, secs(60));
    clock.advance(Duration::from_millis(59_999));
    assert_eq!(fail(store, &key).await, Duration::from_millis(1));
    clock.advance(Duration::from_millis(1));
    assert_eq!(fail(store, &key).await, Duration::ZERO);
}

pub async fn giving_back_frees_a_place_and_never_more_than_there_are<B: Budgets + Clone>(
    store: &B,
    clock: &ManualClock,
) {
    let key = key();
    for round in 0..50 {
        let place = place(store, &key).await;
        clock.advance(secs(round % 7));
        store.settle(&key, &budget(), place, false).await.unwrap();
    }
    for _ in 0..4 {
        assert_eq!(fail(store, &key).await, Duration::ZERO);
    }
    assert_eq!(fail(store, &key).await, secs(60));
}

/// However long the attempt takes that is given back: only time refills.
pub async fn giving_back_erases_no_failure_of_another<B: Budgets + Clone>(store: &B, clock: &ManualClock) {
    for passed in [0, 30, 59, 60, 61, 119, 120, 200] {
        let (with, without) = (key(), key());
        fail(store, &with).await;
        fail(store, &without).await;
        let held = place(store, &with).await;
        clock.advance(secs(passed));
        for key in [&with, &without] {
            fail(store, key).await;
        }
        store.settle(&with, &budget(), held, false).await.unwrap();
        let mut left = [0, 0];
        for (left, key) in left.iter_mut().zip([&with, &without]) {
            while fail(store, key).await.is_zero() {
                *left += 1;
            }
        }
        assert!(left[0] <= left[1], "{passed}: {left:?}");
        assert!(passed >= 60 || left[0] == left[1], "{passed}: {left:?}");
    }
}

pub async fn waits_double_up_to_the_longest_until_all_has_come_back<B: Budgets + Clone>(
    store: &B,
    clock: &ManualClock,
) {
    let key = key();
    for _ in 0..2 {
        fail_all(store, &key).await;
        for expected in [60, 120, 240, 300, 300] {
            assert_eq!(fail(store, &key).await, secs(expected));
            clock.advance(secs(expected));
            assert_eq!(fail(store, &key).await, Duration::ZERO);
        }
        // Three places and the last wait: all has come back.
        clock.advance(secs(3 * 60 + 300));
    }
}

pub async fn place_that_nobody_settles_becomes_a_failure<B: Budgets + Clone>(store: &B, clock: &ManualClock) {
    let key = key();
    for _ in 0..4 {
        place(store, &key).await;
    }
    clock.advance(secs(59));
    assert!(!fail(store, &key).await.is_zero());
    clock.advance(FORGOTTEN - secs(59));
    // They are failures since at most a minute, and the first comes back a minute later.
    let wait = fail(store, &key).await;
    assert!(wait <= secs(60), "{wait:?}");
    clock.advance(wait);
    assert_eq!(fail(store, &key).await, Duration::ZERO);
    assert_eq!(fail(store, &key).await, secs(120), "the second wait");
}

pub async fn place_that_became_a_failure_is_not_given_back<B: Budgets + Clone>(store: &B, clock: &ManualClock) {
    let key = key();
    let late = [place(store, &key).await, place(store, &key).await, place(store, &key).await];
    clock.advance(FORGOTTEN);
    let current = place(store, &key).await;
    for late in late {
        store.settle(&key, &budget(), late, false).await.unwrap();
    }
    let mut left = 0;
    while fail(store, &key).await.is_zero() {
        left += 1;
    }
    // One or two of the three may have come back since they became failures.
    assert!(left <= 2, "{left}");
    store.settle(&key, &budget(), current, false).await.unwrap();
    assert_eq!(fail(store, &key).await, Duration::ZERO);
}

pub async fn attempts_in_progress_are_a_short_wait<B: Budgets + Clone>(store: &B, _: &ManualClock) {
    let key = key();
    let mut places = Vec::new();
    for _ in 0..4 {
        places.push(place(store, &key).await);
    }
    assert_eq!(fail(store, &key).await, secs(1));
    store.settle(&key, &budget(), places.remove(0), false).await.unwrap();
    assert_eq!(fail(store, &key).await, Duration::ZERO);
}

pub async fn counters_with_different_keys_are_apart<B: Budgets + Clone>(store: &B, _: &ManualClock) {
    let (one, two) = (key(), key());
    fail_all(store, &one).await;
    assert_eq!(fail(store, &two).await, Duration::ZERO);
    assert_eq!(fail(store, &one).await, secs(60));
}

pub async fn clock_that_is_set_back_keeps_nobody_out_for_longer<B: Budgets + Clone>(store: &B, clock: &ManualClock) {
    let key = key();
    fail_all(store, &key).await;
    let held = self::key();
    for _ in 0..4 {
        place(store, &held).await;
    }
    clock.set(clock.now() - secs(24 * 3600));
    let wait = fail(store, &key).await;
    assert!(secs(60) <= wait && wait <= secs(300), "{wait:?}");
    assert!(!fail(store, &held).await.is_zero());
    clock.advance(secs(300));
    assert_eq!(fail(store, &key).await, Duration::ZERO);
    assert_eq!(fail(store, &held).await, Duration::ZERO, "places that nobody settles");
}

pub async fn a_thousand_at_once_share_one_budget<B: Budgets + Clone + 'static>(store: &B, _: &ManualClock) {
    let key = key();
    let budget = Budget::new(100, secs(900)).unwrap();
    let tasks = (0..1000).map(|n| {
        let store = store.clone();
        tokio::spawn(async move {
            let Taken::Place(place) = store.take(&key, &budget).await.unwrap() else { return false };
            tokio::task::yield_now().await;
            // A third of them is settled later, or never.
            if n % 3 != 0 {
                store.settle(&key, &budget, place, true).await.unwrap();
            }
            true
        })
    });
    let mut places = 0;
    for task in tasks.collect::<Vec<_>>() {
        places += usize::from(task.await.unwrap());
    }
    assert_eq!(places, 100);
}
