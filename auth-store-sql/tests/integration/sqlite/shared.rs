//! Tickets, revocations, what has ended, and what is in the file.

use std::{fs, time::Duration};

use auth_core::{Revocation, RevocationEvent};
use auth_store::{Record, RecordKey, Records as _, Revocations, Store as _};
use auth_store_sql::{SetupErrorKind, SqliteStore};
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection, sqlite::SqlitePoolOptions};

use super::file::File;
use crate::support::*;

const TTL: Duration = Duration::from_secs(30);

async fn count(store: &mut SqliteConnection, table: &'static str) -> i64 {
    let (count,): (i64,) = sqlx::query_as(table).fetch_one(store).await.unwrap();
    count
}

#[tokio::test]
async fn tickets_and_revocations_outlive_the_store() {
    let file = File::new();
    tickets_and_revocations(file.store().await, file.store().await).await;
    let good = ticket(&tickets(file.store().await)).await.unwrap();
    open(&tickets(file.store().await), &good).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn value_taken_by_100_at_once_is_returned_once() {
    let file = File::new();
    assert_eq!(takers(&[file.store().await]).await, 1);
    // And if other processes have the file too.
    assert_eq!(takers(&[file.store().await, file.store().await]).await, 1);
}

#[tokio::test]
async fn mark_only_rises_and_lives_for_the_longer_time() {
    let file = File::new();
    let clock = clock();
    let store = file.store().await.clock(clock.clone());
    marks_only_rise(&store).await;
    store.raise("long", 1, Some(TTL * 2)).await.unwrap();
    store.raise("long", 2, Some(TTL)).await.unwrap();
    clock.advance(TTL * 2 - Duration::from_nanos(1));
    let mark = async || store.marks(&["long".to_owned()]).await.unwrap()[0];
    assert_eq!(mark().await, Some(2));
    clock.advance(Duration::from_nanos(1));
    assert_eq!(mark().await, None);
    store.raise("long", 1, Some(TTL)).await.unwrap();
    assert_eq!(mark().await, Some(1), "what has ended does not count");
}

#[tokio::test]
async fn value_ends_with_its_lifetime() {
    let file = File::new();
    let clock = clock();
    let store = file.store().await.clock(clock.clone());
    for (passed, is_there) in [(TTL - Duration::from_nanos(1), true), (TTL, false)] {
        store.put("key", b"value", TTL).await.unwrap();
        clock.advance(passed);
        assert_eq!(store.take("key").await.unwrap().is_some(), is_there);
    }
    assert!(store.put("key", &[0; Record::MAX_VALUE_LEN + 1], TTL).await.is_err());
}

#[tokio::test]
async fn clones_hear_revocations_and_slow_ones_learn_that_they_missed_some() {
    let file = File::new();
    let store = file.store().await;
    let (mut near, mut slow) = (listen(store.clone()).await, listen(store.clone()).await);
    let revocations = Revocations::new(store.clone());
    for _ in 0..1100 {
        revocations.revoke(&Revocation::connection("name")).await.unwrap();
        assert_eq!(hear(&mut near).await, RevocationEvent::Revoked(Revocation::connection("name")));
    }
    assert_eq!(hear(&mut slow).await, RevocationEvent::Missed);
}

#[tokio::test]
async fn record_counts_until_ten_minutes_after_its_end_and_frees_its_key() {
    let file = File::new();
    let clock = clock();
    let store = file.store().await.clock(clock.clone());
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
    let file = File::new();
    let clock = clock();
    let store = file.store().await.clock(clock.clone());
    for n in 0..10_u64 {
        store.create(&Record { ends_at: in_secs(60 + n), ..record(&n.to_string()) }).await.unwrap();
        store.put(&n.to_string(), b"value", Duration::from_secs(660 + n)).await.unwrap();
        store.raise(&n.to_string(), 1, Some(Duration::from_secs(660 + n))).await.unwrap();
    }
    store.raise("forever", 1, None).await.unwrap();
    store.end_owned(&RecordKey::new("owner", &["b"]), now(), in_secs(60)).await.unwrap();
    clock.advance(Duration::from_secs(664));
    assert_eq!(store.sweep(3).await.unwrap(), 9);
    assert_eq!(store.sweep(10).await.unwrap(), 6);
    assert_eq!(store.sweep(10).await.unwrap(), 0);
    assert_eq!(store.owned(record("").owner.as_ref().unwrap()).await.unwrap().len(), 5);
    // The mark of an owner is kept longer than any record that it covers.
    let mut rows = SqliteConnection::connect_with(&file.options()).await.unwrap();
    assert_eq!(count(&mut rows, "SELECT count(*) FROM portcullis_ended").await, 1);
    assert_eq!(count(&mut rows, "SELECT count(*) FROM portcullis_indexes").await, 5);
    clock.advance(Duration::from_secs(3600));
    assert_eq!(store.sweep(10).await.unwrap(), 16);
    assert_eq!(count(&mut rows, "SELECT count(*) FROM portcullis_marks").await, 1);
}

#[tokio::test]
async fn additions_remove_what_has_ended_by_the_way() {
    let file = File::new();
    let clock = clock();
    let store = file.store().await.clock(clock.clone());
    for n in 0..60 {
        store.put(&format!("old-{n}"), b"value", TTL).await.unwrap();
    }
    clock.advance(TTL);
    for n in 0..4 {
        store.put(&format!("new-{n}"), b"value", TTL).await.unwrap();
    }
    let mut rows = SqliteConnection::connect_with(&file.options()).await.unwrap();
    soon(async { while count(&mut rows, "SELECT count(*) FROM portcullis_values").await > 4 {} }).await;
}

#[tokio::test]
async fn tables_are_set_up_once_beside_those_of_the_application() {
    let file = File::new();
    let mut rows = SqliteConnection::connect_with(&file.options().create_if_missing(true)).await.unwrap();
    let others = "CREATE TABLE users (name TEXT); CREATE TABLE _sqlx_migrations (version BIGINT)";
    sqlx::raw_sql(others).execute(&mut rows).await.unwrap();
    let opened = (0..8).map(|_| tokio::spawn(SqliteStore::open(file.path())));
    for store in opened.collect::<Vec<_>>() {
        store.await.unwrap().unwrap().ping().await.unwrap();
    }
    assert_eq!(count(&mut rows, "SELECT count(*) FROM portcullis_migrations").await, 1);
    assert_eq!(count(&mut rows, "SELECT count(*) FROM _sqlx_migrations").await, 0);
}

#[tokio::test]
async fn tables_of_a_newer_version_are_refused() {
    let file = File::new();
    let store = file.store().await;
    let mut rows = SqliteConnection::connect_with(&file.options()).await.unwrap();
    sqlx::raw_sql("INSERT INTO portcullis_migrations (version) VALUES (99)").execute(&mut rows).await.unwrap();
    assert_eq!(store.migrate().await.unwrap_err().kind(), SetupErrorKind::NewerTables);
    assert_eq!(SqliteStore::open(file.path()).await.unwrap_err().kind(), SetupErrorKind::NewerTables);
}

#[tokio::test]
async fn application_may_share_its_pool() {
    let file = File::new();
    let options = file.options().create_if_missing(true).busy_timeout(Duration::from_millis(500));
    let pool = SqlitePoolOptions::new().max_connections(2).connect_with(options).await.unwrap();
    let store = SqliteStore::of_pool(pool.clone());
    assert!(store.ping().await.is_err(), "it has no tables yet");
    store.migrate().await.unwrap();
    store.migrate().await.unwrap();
    test_support::records::all(&store, 10).await;
    pool.close().await;
    let closed = store.ping().await.unwrap_err();
    assert!(closed.to_string().contains("closed"), "{closed}");
}

#[cfg(unix)]
#[tokio::test]
async fn new_file_is_readable_by_its_user_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let file = File::new();
    let store = file.store().await;
    store.raise("key", 1, None).await.unwrap();
    for entry in fs::read_dir(file.path().parent().unwrap()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.path());
    }
}

#[tokio::test]
async fn tickets_names_and_path_are_in_no_file_log_or_debug() {
    let (log, _guard) = test_support::everything();
    let file = File::new();
    let store = file.store().await;
    let ticket = ticket(&tickets(store.clone())).await.unwrap();
    store.create(&record("MARKER")).await.unwrap();
    store.end_owned(&RecordKey::owner(&ann()), now(), in_secs(60)).await.unwrap();
    Revocations::new(store.clone()).revoke(&Revocation::credential("MARKER", "MARKER")).await.unwrap();
    let errors = format!("{:?}", SqliteStore::open("/nowhere/MARKER/auth.db").await.unwrap_err());
    let shown = format!("{store:?} {errors}");
    drop(store);
    let mut rows = SqliteConnection::connect_with(&file.options().disable_statement_logging()).await.unwrap();
    sqlx::raw_sql("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut rows).await.unwrap();
    let bytes = fs::read(file.path()).unwrap();
    let stored = String::from_utf8_lossy(&bytes);
    assert!(stored.contains("ticket:") && stored.contains("login:"));
    for text in [&stored, &*shown, &*log.text()] {
        assert!(!text.contains(&ticket) && !text.contains("MARKER"), "{text}");
    }
}

#[tokio::test]
async fn longest_values_are_kept_whole() {
    let file = File::new();
    keeps_the_longest_values(&file.store().await.clock(clock())).await;
}

#[tokio::test]
async fn instants_far_away_are_kept_as_the_nearest() {
    let file = File::new();
    keeps_instants_far_away(&file.store().await.clock(clock())).await;
}

#[tokio::test]
async fn call_with_an_endless_timeout_works() {
    let file = File::new();
    file.store().await.timeout(Duration::MAX).ping().await.unwrap();
}
