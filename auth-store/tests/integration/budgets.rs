//! Counters of failures, on the memory store. The suite is in `test-support`.

use std::time::Duration;

use auth_store::{Budget, BudgetKey, Budgets as _, MemoryStore, Taken};

use crate::support::*;

mod laws {
    use auth_core::ManualClock;
    use auth_store::MemoryStore;

    test_support::budget_laws!(start);

    async fn start() -> Option<(MemoryStore, ManualClock, ())> {
        let clock = crate::support::clock();
        Some((MemoryStore::new().clock(clock.clone()), clock, ()))
    }
}

fn budget() -> Budget {
    Budget::new(100, Duration::from_secs(900)).unwrap()
}

fn key(name: impl std::fmt::Display) -> BudgetKey {
    BudgetKey::new("account", &[&format!("{name}")])
}

/// Whether there was a place. It becomes a failure.
async fn fail(store: &MemoryStore, key: &BudgetKey) -> bool {
    let Taken::Place(place) = store.take(key, &budget()).await.unwrap() else { return false };
    store.settle(key, &budget(), place, true).await.unwrap();
    true
}

async fn fail_often(store: &MemoryStore, key: &BudgetKey, times: usize) {
    for _ in 0..times {
        assert!(fail(store, key).await);
    }
}

fn counters(store: &MemoryStore) -> usize {
    let shown = format!("{store:?}");
    let count = shown.split("budgets: ").nth(1).unwrap();
    count.split(',').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_million_made_up_names_push_out_no_full_counter() {
    let store = MemoryStore::new().clock(clock()).max_budgets(1000);
    let (full, half) = (key("full"), key("half"));
    fail_often(&store, &full, 100).await;
    fail_often(&store, &half, 50).await;
    let address = BudgetKey::new("address-32", &["192.0.2.1/32"]);
    fail_often(&store, &address, 1).await;
    for name in 0..1_000_000_u32 {
        assert!(fail(&store, &key(name)).await);
    }
    assert_eq!(counters(&store), 1001);
    assert!(!fail(&store, &full).await);
    fail_often(&store, &half, 50).await;
    assert!(!fail(&store, &half).await);
    fail_often(&store, &address, 99).await;
    assert!(!fail(&store, &address).await, "names have pushed out an address");
}

#[tokio::test]
async fn table_full_of_real_counters_has_one_for_all_new_names() {
    let clock = clock();
    let store = MemoryStore::new().clock(clock.clone()).max_budgets(10);
    for name in 0..10 {
        fail_often(&store, &key(name), 26).await;
    }
    let mut looked_at = 0;
    for name in 10..1000 {
        looked_at += usize::from(fail(&store, &key(name)).await);
    }
    assert_eq!((looked_at, counters(&store)), (100, 10));
    for name in 0..10 {
        fail_often(&store, &key(name), 74).await;
        assert!(!fail(&store, &key(name)).await);
    }
    // When time has refilled them, names have counters again.
    clock.advance(Duration::from_secs(100 * 900));
    for name in 10..20 {
        fail_often(&store, &key(name), 100).await;
    }
}

#[tokio::test]
async fn success_with_the_shared_counter_gives_its_place_back() {
    let store = MemoryStore::new().clock(clock()).max_budgets(0);
    for name in 0..1000 {
        let Taken::Place(place) = store.take(&key(name), &budget()).await.unwrap() else { panic!("{name}") };
        store.settle(&key(name), &budget(), place, false).await.unwrap();
    }
    fail_often(&store, &key("other"), 100).await;
    assert!(!fail(&store, &key("third")).await);
}

#[tokio::test]
async fn counter_that_is_refilled_takes_no_memory() {
    let clock = clock();
    let store = MemoryStore::new().clock(clock.clone());
    for name in 0..100 {
        let Taken::Place(place) = store.take(&key(name), &budget()).await.unwrap() else { panic!("{name}") };
        store.settle(&key(name), &budget(), place, false).await.unwrap();
    }
    assert_eq!(counters(&store), 0);
    for name in 0..100 {
        fail_often(&store, &key(name), 2).await;
        // Nobody settles it.
        assert!(matches!(store.take(&key(name), &budget()).await.unwrap(), Taken::Place(_)));
    }
    assert_eq!(counters(&store), 100);
    clock.advance(Duration::from_secs(3 * 900 + 120));
    for name in 100..102 {
        fail_often(&store, &key(name), 1).await;
    }
    assert_eq!(counters(&store), 2);
}

#[test]
fn budget_has_places_and_waits_that_make_sense() {
    let secs = Duration::from_secs;
    assert!(Budget::new(1, secs(1)).is_err() && Budget::new(10_001, secs(1)).is_err());
    assert!(Budget::new(2, Duration::ZERO).is_err() && Budget::new(2, secs(31 * 24 * 3600)).is_err());
    assert!(budget().longest_wait(secs(899)).is_err() && budget().longest_wait(secs(31 * 24 * 3600)).is_err());
    assert!(Budget::new(2, Duration::from_millis(1)).is_ok() && budget().longest_wait(secs(900)).is_ok());
}
