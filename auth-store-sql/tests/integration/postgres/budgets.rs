//! Counters of failures. The suite is in `test-support`.

use std::time::{Duration, SystemTime};

use auth_core::ManualClock;
use auth_store::{Budget, BudgetKey, Budgets as _, Guess, Records as _, Taken, Throttle, Throttled};
use test_support::postgres::Database;

use super::store;
use crate::support::*;

mod laws {
    use auth_core::ManualClock;
    use auth_store_sql::PostgresStore;

    use super::{Database, clock, store};

    test_support::budget_laws!(start);

    async fn start() -> Option<(PostgresStore, ManualClock, Database)> {
        let (database, clock) = (Database::create()?, clock());
        let store = store(&database).await.timeout(std::time::Duration::from_secs(30));
        Some((store.budget_clock(clock.clone()), clock, database))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_share_one_budget() {
    let Some(database) = Database::create() else { return };
    let clock = clock();
    let one = Throttle::new(store(&database).await.budget_clock(clock.clone()));
    let nodes = [one, Throttle::new(store(&database).await.budget_clock(clock.clone()))];
    let tasks = (0..200).map(|n| {
        let node = nodes[n % 2].clone();
        tokio::spawn(async move {
            let guess = Guess::new("ann").address(Some("192.0.2.1".parse().unwrap()));
            match node.take(&guess).await {
                Ok(permit) => {
                    permit.failed().await;
                    1
                }
                Err(Throttled::TooMany { .. }) => 0,
                Err(other) => panic!("{other:?}"),
            }
        })
    });
    let mut looked_at = 0;
    for task in tasks.collect::<Vec<_>>() {
        looked_at += task.await.unwrap();
    }
    assert_eq!(looked_at, 10);
}

/// A node whose clock is a day ahead must not give back what the other has counted.
#[tokio::test]
async fn nodes_with_clocks_far_apart_share_one_budget() {
    let Some(database) = Database::create() else { return };
    let (key, budget) = (BudgetKey::new("account", &["ann"]), Budget::new(4, Duration::from_secs(600)).unwrap());
    let clock = ManualClock::new(SystemTime::now());
    let ahead = ManualClock::new(SystemTime::now() + Duration::from_secs(86_400));
    let nodes = [store(&database).await.clock(clock), store(&database).await.clock(ahead)];
    for node in nodes.iter().cycle().take(4) {
        let Taken::Place(place) = node.take(&key, &budget).await.unwrap() else { panic!("no place") };
        node.settle(&key, &budget, place, true).await.unwrap();
        assert_eq!(node.sweep(10).await.unwrap(), 0);
    }
    for node in &nodes {
        let Taken::Wait(wait) = node.take(&key, &budget).await.unwrap() else { panic!("a place") };
        assert!(Duration::from_secs(590) < wait && wait <= Duration::from_secs(600), "{wait:?}");
    }
    database.ask("UPDATE portcullis_budgets SET ends_at = 1");
    assert_eq!(nodes[0].sweep(10).await.unwrap(), 1);
}

/// Guesses for one account wait for its row. Meanwhile others are let in.
#[tokio::test]
async fn counter_that_is_locked_does_not_use_up_the_connections() {
    let Some(database) = Database::create() else { return };
    let store = store(&database).await.max_connections(3);
    let (key, other) = (BudgetKey::new("account", &["ann"]), BudgetKey::new("account", &["bob"]));
    let budget = Budget::new(100, Duration::from_secs(60)).unwrap();
    store.take(&key, &budget).await.unwrap();
    let hold = database.hold("SELECT 1 FROM portcullis_budgets FOR UPDATE");
    let guesses = (0..20).map(|_| {
        let store = store.clone();
        tokio::spawn(async move { store.take(&key, &budget).await.is_ok() })
    });
    let guesses = guesses.collect::<Vec<_>>();
    let waiting = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    soon(async {
        while database.ask(waiting).is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    store.create(&record("kept")).await.unwrap();
    store.take(&other, &budget).await.unwrap();
    drop(hold);
    for guess in guesses {
        assert!(guess.await.unwrap());
    }
}

#[tokio::test]
async fn counter_shows_no_name_and_is_swept_when_all_has_come_back() {
    let Some(database) = Database::create() else { return };
    let (clock, key) = (clock(), BudgetKey::new("account", &["MARKER"]));
    let store = store(&database).await.budget_clock(clock.clone());
    let budget = Budget::new(4, Duration::from_secs(60)).unwrap();
    let Taken::Place(place) = store.take(&key, &budget).await.unwrap() else { panic!("no place") };
    store.settle(&key, &budget, place, true).await.unwrap();
    let rows = database.ask("SELECT * FROM portcullis_budgets");
    assert!(rows.contains("account:") && !rows.contains("MARKER"), "{rows}");
    assert_eq!(store.sweep(10).await.unwrap(), 0);
    clock.advance(Duration::from_secs(1000));
    assert_eq!(store.sweep(10).await.unwrap(), 1);
    database.ask("INSERT INTO portcullis_budgets VALUES ('account:x', '1 2 x', 0)");
    database.ask(&format!("UPDATE portcullis_budgets SET key = '{}'", key.as_str()));
    assert!(store.take(&key, &budget).await.is_err(), "what is no counter lets nobody guess");
}
