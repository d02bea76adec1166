//! Counters of failures. The suite is in `test-support`.

use std::time::Duration;

use auth_store::{Budget, BudgetKey, Budgets as _, Guess, Taken, Throttle, Throttled};
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
        Some((store.clock(clock.clone()), clock, database))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_share_one_budget() {
    let Some(database) = Database::create() else { return };
    let clock = clock();
    let one = Throttle::new(store(&database).await.clock(clock.clone()));
    let nodes = [one, Throttle::new(store(&database).await.clock(clock.clone()))];
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

#[tokio::test]
async fn counter_shows_no_name_and_is_swept_when_all_has_come_back() {
    let Some(database) = Database::create() else { return };
    let (clock, key) = (clock(), BudgetKey::new("account", &["MARKER"]));
    let store = store(&database).await.clock(clock.clone());
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
