//! How the tables are set up, swept, and what is in them.

use std::time::Duration;

use auth_core::Revocation;
use auth_store::{Record, RecordKey, Records as _, Revocations, Store as _};
use auth_store_sql::{PostgresStore, SetupErrorKind};
use test_support::postgres::Database;

use super::store;
use crate::support::*;

fn count(database: &Database, table: &str) -> u32 {
    database.ask(&format!("SELECT count(*) FROM {table}")).parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_are_set_up_once_beside_those_of_the_application() {
    let Some(database) = Database::create() else { return };
    database.ask("CREATE TABLE users (name TEXT); CREATE TABLE _sqlx_migrations (version BIGINT)");
    let nodes = [(); 8].map(|()| {
        let store = PostgresStore::connect(&database.url()).unwrap();
        tokio::spawn(async move {
            store.migrate().await.unwrap();
            store.ping().await.unwrap();
        })
    });
    for node in nodes {
        node.await.unwrap();
    }
    assert_eq!((count(&database, "portcullis_migrations"), count(&database, "_sqlx_migrations")), (1, 0));
}

#[tokio::test]
async fn tables_of_a_newer_version_are_refused() {
    let Some(database) = Database::create() else { return };
    let store = store(&database).await;
    database.ask("INSERT INTO portcullis_migrations (version) VALUES (99)");
    assert_eq!(store.migrate().await.unwrap_err().kind(), SetupErrorKind::NewerTables);
}

/// Also the other way round: with the tables, a user without rights to make any can start.
#[tokio::test]
async fn user_who_may_only_use_the_tables_works_when_they_are_there() {
    let Some(database) = Database::create() else { return };
    let role = format!("worker_of_{}", database.name());
    database.ask(&format!("CREATE ROLE {role} LOGIN; REVOKE CREATE ON SCHEMA public FROM public"));
    let url = database.url().replace("app:", &format!("{role}:"));
    let worker = PostgresStore::connect(&url).unwrap();
    assert_eq!(worker.migrate().await.unwrap_err().kind(), SetupErrorKind::Unavailable);
    store(&database).await;
    database.ask(&format!("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}"));
    worker.migrate().await.unwrap();
    test_support::records::all(&worker, 1).await;
    let mut heard = listen(worker.clone()).await;
    Revocations::new(worker.clone()).revoke(&Revocation::connection("a".repeat(9000))).await.unwrap();
    hear(&mut heard).await;
    worker.sweep(10).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn laws_hold_whatever_the_default_of_transactions_is() {
    let Some(database) = Database::create() else { return };
    database.alter("SET default_transaction_isolation = 'serializable'");
    test_support::records::all(&store(&database).await, 50).await;
}

#[tokio::test]
async fn record_counts_until_ten_minutes_after_its_end_and_frees_its_key() {
    let Some(database) = Database::create() else { return };
    let clock = clock();
    let store = store(&database).await.clock(clock.clone());
    let record = record("a");
    store.create(&record).await.unwrap();
    clock.advance(Duration::from_secs(660) - Duration::from_nanos(1));
    assert!(store.load(&record.key).await.unwrap().is_some());
    assert!(!store.create(&record).await.unwrap());
    clock.advance(Duration::from_nanos(1));
    assert!(store.load(&record.key).await.unwrap().is_none());
    assert!(store.owned(record.owner.as_ref().unwrap()).await.unwrap().is_empty());
    assert!(!store.touch(&record.key, now(), in_secs(9000)).await.unwrap());
    let index = RecordKey::new("index", &["other"]);
    let again = Record { indexes: vec![index.clone()], ends_at: in_secs(9000), ..record.clone() };
    assert!(store.create(&again).await.unwrap());
    assert!(store.indexed(&record.indexes[0]).await.unwrap().is_empty());
    assert!(store.indexed(&index).await.unwrap() == [again]);
}

#[tokio::test]
async fn sweep_removes_what_has_ended_and_nothing_else() {
    let Some(database) = Database::create() else { return };
    let clock = clock();
    let store = store(&database).await.clock(clock.clone());
    for n in 0..10_u64 {
        store.create(&Record { ends_at: in_secs(60 + n), ..record(&n.to_string()) }).await.unwrap();
        store.put(&n.to_string(), b"value", Duration::from_secs(600)).await.unwrap();
        store.raise(&n.to_string(), 1, Some(Duration::from_secs(600))).await.unwrap();
        store.publish(&[0; 10]).await.unwrap();
    }
    store.raise("forever", 1, None).await.unwrap();
    store.end_owned(&RecordKey::new("owner", &["b"]), now(), in_secs(60)).await.unwrap();
    let half = "WHERE key IN ('0', '1', '2', '3', '4')";
    database.ask(&format!("UPDATE portcullis_values SET ends_at = 1 {half}"));
    database.ask(&format!("UPDATE portcullis_marks SET ends_at = 1 {half}"));
    database.ask("UPDATE portcullis_messages SET ends_at = 1 WHERE id <= 5");
    clock.advance(Duration::from_secs(664));
    assert_eq!(store.sweep(3).await.unwrap(), 12);
    assert_eq!(store.sweep(10).await.unwrap(), 8);
    assert_eq!(store.sweep(10).await.unwrap(), 0);
    assert_eq!(store.owned(record("").owner.as_ref().unwrap()).await.unwrap().len(), 5);
    // The mark of an owner is kept longer than any record that it covers.
    assert_eq!(count(&database, "portcullis_ended"), 1);
    clock.advance(Duration::from_secs(3600));
    assert_eq!(store.sweep(10).await.unwrap(), 6);
    let left = ["values", "marks", "messages", "records"].map(|name| count(&database, &format!("portcullis_{name}")));
    assert_eq!(left, [5, 6, 5, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_sweep_at_once_and_leave_alone_what_another_has_locked() {
    let Some(database) = Database::create() else { return };
    let clock = clock();
    let nodes = [store(&database).await.clock(clock.clone()), store(&database).await.clock(clock.clone())];
    for n in 0..200 {
        nodes[0].create(&record(&n.to_string())).await.unwrap();
    }
    clock.advance(Duration::from_secs(660));
    let sweeps = nodes.clone().map(|node| tokio::spawn(async move { node.sweep(100).await.unwrap() }));
    let mut removed = 0;
    for sweep in sweeps {
        removed += sweep.await.unwrap();
    }
    assert_eq!(removed + u64::from(count(&database, "portcullis_records")), 200);
    assert_eq!(nodes[0].sweep(1000).await.unwrap(), 200 - removed);
}

#[tokio::test]
async fn additions_remove_what_has_ended_by_the_way() {
    let Some(database) = Database::create() else { return };
    let store = store(&database).await;
    for n in 0..60 {
        store.put(&format!("old-{n}"), b"value", Duration::from_secs(600)).await.unwrap();
    }
    database.ask("UPDATE portcullis_values SET ends_at = 1");
    for n in 0..4 {
        store.put(&format!("new-{n}"), b"value", Duration::from_secs(600)).await.unwrap();
    }
    soon(async {
        while count(&database, "portcullis_values") > 4 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn tickets_names_and_password_are_in_no_table_log_or_debug() {
    let (log, _guard) = test_support::everything();
    let Some(database) = Database::create() else { return };
    let store = store(&database).await;
    let ticket = ticket(&tickets(store.clone())).await.unwrap();
    store.create(&record("MARKER")).await.unwrap();
    store.end_owned(&RecordKey::owner(&ann()), now(), in_secs(60)).await.unwrap();
    Revocations::new(store.clone()).revoke(&Revocation::credential("MARKER", "MARKER")).await.unwrap();
    let mut heard = store.subscribe().await;
    store.publish(b"news").await.unwrap();
    soon(heard.next()).await.unwrap();
    // Errors of a wrong address, database and user.
    let mut shown = format!("{store:?}");
    let url = database.url();
    for wrong in [url.replace("test_", "none_"), url.replace("app:", "nobody:"), url.replace("127.0.0.1", "127.0.0.9")]
    {
        let store = PostgresStore::connect(&wrong).unwrap();
        let _missed = store.subscribe().await;
        shown += &format!("{:?} {}", store.migrate().await.unwrap_err(), store.ping().await.unwrap_err());
    }
    let tables = ["values", "marks", "records", "ended"];
    let stored = tables.map(|name| database.ask(&format!("SELECT * FROM portcullis_{name}"))).concat();
    assert!(stored.contains("ticket:") && stored.contains("login:") && log.text().contains("do not arrive"));
    for text in [&stored, &*shown, &*log.text()] {
        assert!(!text.contains(&ticket) && !text.contains("MARKER"), "{text}");
    }
}
