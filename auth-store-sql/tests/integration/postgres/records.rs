//! Records. The suite is in `test-support`.

use std::time::{Duration, SystemTime};

use auth_store::{Record, RecordKey, Records as _, Saved, SavedEnd};
use test_support::postgres::Database;

use super::store;
use crate::support::*;

mod laws {
    use auth_store_sql::PostgresStore;

    use super::{Database, store};

    test_support::record_laws!(start);

    async fn start() -> Option<(PostgresStore, Database)> {
        let database = Database::create()?;
        Some((store(&database).await, database))
    }
}

/// Whoever has seen that a mark has ended a record never sees it again, though a save is under way that began before.
#[tokio::test(flavor = "multi_thread")]
async fn save_waits_for_a_mark_that_is_being_written() {
    let Some(database) = Database::create() else { return };
    let store = store(&database).await;
    for (round, owner) in [Some(RecordKey::owner(&ann())), None].into_iter().enumerate() {
        let read = Record { ends_at: SystemTime::now() + Duration::from_secs(60), ..record(&round.to_string()) };
        store.create(&read).await.unwrap();
        let by = read.owner.as_ref().unwrap().as_str();
        // What `end_owned` does, before it is committed.
        let mark = database.hold(&format!(
            "SELECT pg_advisory_xact_lock(hashtextextended('portcullis ended {by}', 0));
             INSERT INTO portcullis_ended VALUES ('{by}', {0}, {0}) ON CONFLICT DO NOTHING",
            i64::MAX
        ));
        // In the second round the mark is there.
        let late = Record { since: in_secs(60), owner, ..read.clone() };
        let (saving, of) = (store.clone(), late.clone());
        let save = tokio::spawn(async move { saving.save(&of, SavedEnd::Keep).await });
        let waiting =
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'";
        if round == 0 {
            soon(async {
                while database.ask(waiting) != "1" {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            })
            .await;
        }
        mark.commit();
        assert_eq!(save.await.unwrap().unwrap(), Saved::Ended);
        assert!(store.load(&late.key).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn value_that_is_not_a_record_is_an_error() {
    let Some(database) = Database::create() else { return };
    let store = store(&database).await.clock(clock());
    store.create(&record("a")).await.unwrap();
    for broken in ["version = -1", "owner = repeat('a', 65)", "indexes = ARRAY[repeat('a', 65)]"] {
        database.ask("UPDATE portcullis_records SET version = 1, owner = 'a', indexes = '{}'");
        assert!(store.load(&record("a").key).await.unwrap().is_some());
        database.ask(&format!("UPDATE portcullis_records SET {broken}"));
        assert!(store.load(&record("a").key).await.is_err(), "{broken}");
    }
}
