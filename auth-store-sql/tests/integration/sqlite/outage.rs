//! The file is locked, full, read-only or broken.

use std::{
    fs,
    io::{Seek as _, SeekFrom, Write as _},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use auth_core::{Revocation, RevocationCheck as _};
use auth_store::{Record, Records as _, Revocations, Saved, SavedEnd, Store as _};
use auth_store_sql::{SetupErrorKind, SqliteStore};
use futures_util::FutureExt as _;
use sqlx::{Connection as _, SqliteConnection, sqlite::SqlitePoolOptions};

use super::file::File;
use crate::support::*;

/// Every change fails with this, nothing is changed, and what is there is still found.
async fn only_reads(store: &SqliteStore, kept: &Record, says: &str) {
    let new = Record { ends_at: kept.ends_at, ..record("new") };
    let failures = [
        store.create(&new).await.unwrap_err(),
        store.touch(&kept.key, kept.used_at, kept.ends_at + Duration::from_secs(60)).await.unwrap_err(),
        store.save(&Record { value: vec![7; 60_000].into(), ..kept.clone() }, SavedEnd::Keep).await.unwrap_err(),
        store.put("key", &[7; 60_000], Duration::from_secs(30)).await.unwrap_err(),
    ];
    for failure in failures {
        assert!(failure.to_string().contains(says), "{failure}");
    }
    assert_eq!(ticket(&tickets(store.clone())).await, Err("unavailable"));
    assert!(store.load(&kept.key).await.unwrap().as_ref() == Some(kept));
    assert!(store.load(&new.key).await.unwrap().is_none());
    assert!(Revocations::new(store.clone()).is_revoked(&evidence().await).await.unwrap());
    store.ping().await.unwrap();
}

/// A record, and a revocation of Ann.
async fn filled(store: &SqliteStore) -> Record {
    let kept = record("kept");
    store.create(&kept).await.unwrap();
    Revocations::new(store.clone()).revoke(&Revocation::user(ann(), now())).await.unwrap();
    kept
}

#[tokio::test]
async fn locked_file_fails_changes_in_time_and_nothing_else() {
    let file = File::new();
    let store = file.store().await.clock(clock());
    let kept = filled(&store).await;
    let mut other = SqliteConnection::connect_with(&file.options()).await.unwrap();
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    let begun = Instant::now();
    let locked = store.put("key", b"value", Duration::from_secs(30)).await.unwrap_err();
    assert!(begun.elapsed() < Duration::from_millis(1900), "{:?}", begun.elapsed());
    // On a busy machine the call gives up first.
    let locked = locked.to_string();
    assert!(locked.contains("locked") || locked.contains("in time"), "{locked}");
    only_reads(&store, &kept, "SQLite").await;
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
    assert_eq!(store.save(&kept, SavedEnd::Keep).await.unwrap(), Saved::As(2));
}

/// Also if their calls are dropped when their runtime is gone.
#[test]
fn clients_who_hang_up_while_the_file_is_locked_stop_nobody_from_reading() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let file = File::new();
    let (store, kept, mut other) = runtime.block_on(async {
        let store = file.store().await.clock(clock());
        let kept = filled(&store).await;
        (store, kept, SqliteConnection::connect_with(&file.options()).await.unwrap())
    });
    // Shorter than a connection waits for a lock.
    let store = store.timeout(Duration::from_millis(300));
    runtime.block_on(sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut other)).unwrap();
    for _ in 0..8 {
        let mut call = store.end(&kept.key);
        runtime.block_on(async {
            for _ in 0..3 {
                assert!((&mut call).now_or_never().is_none());
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        });
        drop(call);
    }
    assert!(runtime.block_on(store.load(&kept.key)).unwrap() == Some(kept));
    runtime.block_on(other.close()).unwrap();
}

#[tokio::test]
async fn call_gives_up_after_the_timeout() {
    let file = File::new();
    let store = file.store().await.timeout(Duration::from_millis(50));
    let mut other = SqliteConnection::connect_with(&file.options()).await.unwrap();
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    let begun = Instant::now();
    let writers = [(); 8].map(|()| store.raise("key", 1, None));
    for writer in writers {
        let late = writer.await.unwrap_err();
        assert!(late.to_string().contains("in time") || late.to_string().contains("locked"), "{late}");
    }
    assert!(begun.elapsed() < Duration::from_millis(1900), "{:?}", begun.elapsed());
}

/// As if the disk were full: no page may be added.
#[tokio::test]
async fn full_file_refuses_what_is_new_and_still_ends_what_is_old() {
    let file = File::new();
    let kept = filled(&file.store().await.clock(clock())).await;
    let options = file.options().pragma("max_page_count", "1");
    let pool = SqlitePoolOptions::new().connect_with(options).await.unwrap();
    let store = SqliteStore::of_pool(pool).clock(clock());
    let full = store.put("key", &[7; 60_000], Duration::from_secs(30)).await.unwrap_err();
    assert!(full.to_string().contains("full"), "{full}");
    assert!(store.save(&Record { value: vec![7; 60_000].into(), ..kept.clone() }, SavedEnd::Keep).await.is_err());
    assert!(store.load(&kept.key).await.unwrap().as_ref() == Some(&kept));
    assert!(store.end(&kept.key).await.unwrap());
}

/// As on a disk that is full when the change is written: a trigger makes each commit fail, and no statement before.
#[tokio::test]
async fn change_that_cannot_be_committed_is_an_error() {
    let file = File::new();
    let store = file.store().await.clock(clock());
    let kept = filled(&store).await;
    let ticket = ticket(&tickets(store.clone())).await.unwrap();
    let mut other = SqliteConnection::connect_with(&file.options()).await.unwrap();
    let fails = "CREATE TABLE none (id INTEGER PRIMARY KEY);
         CREATE TABLE late (id INTEGER REFERENCES none (id) DEFERRABLE INITIALLY DEFERRED);
         CREATE TRIGGER a AFTER DELETE ON portcullis_values BEGIN INSERT INTO late VALUES (1); END;
         CREATE TRIGGER b AFTER DELETE ON portcullis_records BEGIN INSERT INTO late VALUES (1); END;
         CREATE TRIGGER c AFTER UPDATE ON portcullis_records BEGIN INSERT INTO late VALUES (1); END;";
    sqlx::raw_sql(fails).execute(&mut other).await.unwrap();
    assert_eq!(open(&tickets(store.clone()), &ticket).await.unwrap_err(), "unavailable");
    assert!(store.end(&kept.key).await.is_err());
    assert!(store.save(&kept, SavedEnd::Keep).await.is_err());
    assert!(store.touch(&kept.key, now(), in_secs(90)).await.is_err());
    assert!(store.load(&kept.key).await.unwrap().as_ref() == Some(&kept));
}

#[tokio::test]
async fn read_only_file_fails_changes_and_nothing_else() {
    let file = File::new();
    let kept = filled(&file.store().await.clock(clock())).await;
    let pool = SqlitePoolOptions::new().connect_with(file.options().pragma("query_only", "on")).await.unwrap();
    only_reads(&SqliteStore::of_pool(pool).clock(clock()), &kept, "read-only").await;
    let pool = SqlitePoolOptions::new().connect_with(file.options().read_only(true)).await.unwrap();
    only_reads(&SqliteStore::of_pool(pool).clock(clock()), &kept, "read-only").await;
}

#[tokio::test]
async fn broken_file_lets_nobody_in() {
    let file = File::new();
    let store = file.store().await;
    for n in 0..100 {
        store.create(&Record { value: vec![7; 1000].into(), ..record(&n.to_string()) }).await.unwrap();
    }
    drop(store);
    let mut rows = SqliteConnection::connect_with(&file.options()).await.unwrap();
    sqlx::raw_sql("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut rows).await.unwrap();
    rows.close().await.unwrap();
    let mut bytes = fs::OpenOptions::new().write(true).open(file.path()).unwrap();
    let len = bytes.metadata().unwrap().len();
    bytes.seek(SeekFrom::Start(4096)).unwrap();
    bytes.write_all(&vec![0xff; usize::try_from(len - 4096).unwrap()]).unwrap();
    if let Ok(store) = SqliteStore::open(file.path()).await {
        everything_fails(&store).await;
    }

    let text = File::new();
    fs::write(text.path(), "not a database ".repeat(1000)).unwrap();
    assert_eq!(SqliteStore::open(text.path()).await.unwrap_err().kind(), SetupErrorKind::Unavailable);
    assert!(SqliteStore::open("/nowhere/auth.db").await.is_err());
}

#[tokio::test]
async fn store_without_tables_lets_nobody_in() {
    let file = File::new();
    let pool = SqlitePoolOptions::new().connect_with(file.options().create_if_missing(true)).await.unwrap();
    everything_fails(&SqliteStore::of_pool(pool)).await;
}

/// Another process holds the lock again and again. Every answer holds afterwards.
#[tokio::test(flavor = "multi_thread")]
async fn file_locked_under_load_resurrects_nothing_and_loses_nothing() {
    let file = File::new();
    let stops = Arc::new(AtomicBool::new(false));
    let store = file.store().await.timeout(Duration::from_millis(200));
    let workers = (0..8).map(|worker| {
        let (store, stops) = (store.clone(), Arc::clone(&stops));
        tokio::spawn(async move { work(&store, worker, "SQLite", || stops.load(Ordering::SeqCst)).await })
    });
    let workers = workers.collect::<Vec<_>>();
    let mut other = SqliteConnection::connect_with(&file.options()).await.unwrap();
    let count = async |other: &mut SqliteConnection| {
        let (count,): (i64,) =
            sqlx::query_as("SELECT count(*) FROM portcullis_records").fetch_one(other).await.unwrap();
        count
    };
    for _ in 0..3 {
        let before = count(&mut other).await;
        soon(async { while count(&mut other).await < before + 30 {} }).await;
        sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
        // Until a call of each worker has failed.
        assert!(store.raise("key", 1, None).await.is_err());
        assert!(store.raise("key", 1, None).await.is_err());
        sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
    }
    stops.store(true, Ordering::SeqCst);
    let mut all = Vec::new();
    for worker in workers {
        all.push(worker.await.unwrap());
    }
    let (kept, ended, failures) = check(&file.store().await, all).await;
    assert!(kept > 30 && ended > 30 && failures > 0, "{kept} {ended} {failures}");
}
