//! Records, in one Redis.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

use auth_store::{Record, RecordKey, Records as _, RedisStore, Saved, SavedEnd};
use test_support::redis::Server;

use super::{ask, server::Stored as _};
use crate::support::*;

mod laws {
    use super::{super::server::Stored as _, RedisStore, Server};

    test_support::record_laws!(start);

    async fn start() -> Option<(RedisStore, Server)> {
        let server = Server::start().await?;
        Some((server.store(), server))
    }
}

fn record(name: &str) -> Record {
    Record {
        key: RecordKey::new("login", &[name]),
        owner: Some(RecordKey::owner(&ann())),
        indexes: vec![RecordKey::new("index", &["MARKER"])],
        since: now(),
        used_at: now(),
        ends_at: in_secs(60),
        version: 1,
        value: b"value".to_vec().into(),
    }
}

/// How long a key is kept, in seconds.
async fn left(server: &Server, key: &str) -> i64 {
    ask::<i64>(server, &["TTL", key]).await
}

#[tokio::test]
async fn record_is_kept_ten_minutes_longer_and_its_lists_and_marks_longer_still() {
    let Some(server) = Server::start().await else { return };
    let (store, record) = (server.store().clock(clock()), record("a"));
    let name = format!("auth:record:{}", record.key.as_str());
    let lists = [record.owner.as_ref().unwrap(), &record.indexes[0]].map(|key| format!("auth:list:{}", key.as_str()));
    store.create(&record).await.unwrap();
    let about = |expected: i64, left: i64| assert!((expected - 30..=expected).contains(&left), "{left} of {expected}");
    about(660, left(&server, &name).await);
    store.touch(&record.key, now(), in_secs(3600)).await.unwrap();
    about(4200, left(&server, &name).await);
    for list in &lists {
        about(4800, left(&server, list).await);
    }
    store.save(&Record { ends_at: in_secs(10), ..record.clone() }, SavedEnd::Replace).await.unwrap();
    about(610, left(&server, &name).await);

    store.end_owned(record.owner.as_ref().unwrap(), now(), in_secs(100)).await.unwrap();
    about(1300, left(&server, &format!("auth:ended:{}", record.owner.as_ref().unwrap().as_str())).await);
}

/// An entry whose record vanished goes when the record would have ended, at the latest.
#[tokio::test]
async fn stale_entries_of_a_list_are_removed() {
    let Some(server) = Server::start().await else { return };
    let (store, owner) = (server.store().clock(clock()), RecordKey::owner(&ann()));
    let list = format!("auth:list:{}", owner.as_str());
    for name in ["ended", "lost", "kept"] {
        store.create(&record(name)).await.unwrap();
    }
    store.end(&record("ended").key).await.unwrap();
    assert_eq!(ask::<i64>(&server, &["ZCARD", &list]).await, 2);
    let lost = record("lost").key;
    ask::<i64>(&server, &["DEL", &format!("auth:record:{}", lost.as_str())]).await;
    assert_eq!(store.owned(&owner).await.unwrap().len(), 1);
    // As if the time had passed.
    ask::<i64>(&server, &["ZADD", &list, "1000", lost.as_str()]).await;
    assert_eq!(store.owned(&owner).await.unwrap().len(), 1);
    assert_eq!(ask::<i64>(&server, &["ZCARD", &list]).await, 1);
}

#[tokio::test]
async fn value_that_is_not_a_record_is_an_error() {
    let Some(server) = Server::start().await else { return };
    let store = server.store();
    let name = |name: &str| format!("auth:record:{}", record(name).key.as_str());
    ask::<i64>(&server, &["HSET", &name("broken"), "v", "x"]).await;
    ask::<String>(&server, &["SET", &name("text"), "x"]).await;
    for key in ["broken", "text"].map(|name| record(name).key) {
        assert!(store.load(&key).await.is_err());
        assert!(store.save(&Record { key, ..record("") }, SavedEnd::Keep).await.is_err());
    }
}

#[tokio::test]
async fn full_redis_refuses_new_records_and_still_ends_old_ones() {
    let Some(server) = Server::start().await else { return };
    let (store, old) =
        (server.store(), Record { ends_at: SystemTime::now() + Duration::from_secs(60), ..record("old") });
    store.create(&old).await.unwrap();
    ask::<String>(&server, &["CONFIG", "SET", "maxmemory", "1"]).await;
    assert!(store.create(&record("new")).await.is_err());
    assert!(store.load(&old.key).await.unwrap().is_some());
    ask::<String>(&server, &["CONFIG", "SET", "maxmemory", "0"]).await;
    assert!(store.end(&old.key).await.unwrap());
}

/// Every answer that came before holds after the restart; every failure is an error that names Redis.
#[tokio::test(flavor = "multi_thread")]
async fn redis_killed_under_load_resurrects_nothing_and_loses_nothing() {
    let Some(mut server) = Server::start().await else { return };
    let stops = Arc::new(AtomicBool::new(false));
    let workers = (0..8).map(|worker| {
        let (store, stops) = (server.store().timeout(Duration::from_millis(300)), Arc::clone(&stops));
        tokio::spawn(async move { work(&store, worker, &stops).await })
    });
    let workers = workers.collect::<Vec<_>>();
    for _ in 0..2 {
        let before = ask::<i64>(&server, &["DBSIZE"]).await;
        soon(async { while ask::<i64>(&server, &["DBSIZE"]).await < before + 100 {} }).await;
        server.kill();
        server.start_again().await;
    }
    stops.store(true, Ordering::SeqCst);
    let store = server.store();
    let (mut kept, mut ended, mut failures) = (0, 0, 0);
    for worker in workers {
        let done = worker.await.unwrap();
        failures += done.failures;
        for (key, version) in done.kept {
            let record = store.load(&key).await.unwrap().unwrap();
            assert!(record.version >= version, "{key:?}: {} < {version}", record.version);
            kept += 1;
        }
        for key in done.ended {
            assert!(store.load(&key).await.unwrap().is_none(), "{key:?}");
            ended += 1;
        }
    }
    assert!(kept > 50 && ended > 50 && failures > 0, "{kept} {ended} {failures}");
    assert!(store.owned(&RecordKey::owner(&ann())).await.unwrap().len() >= kept);
}

#[derive(Default)]
struct Done {
    kept: Vec<(RecordKey, u64)>,
    ended: Vec<RecordKey>,
    failures: usize,
}

/// Creates records, saves them and ends every other.
async fn work(store: &RedisStore, worker: usize, stops: &AtomicBool) -> Done {
    let mut done = Done::default();
    for round in 0.. {
        if stops.load(Ordering::SeqCst) {
            break;
        }
        let ends_at = SystemTime::now() + Duration::from_secs(600);
        let new = Record { ends_at, ..record(&format!("{worker}-{round}")) };
        let Ok(created) = store.create(&new).await else {
            done.failures += 1;
            tokio::task::yield_now().await;
            continue;
        };
        assert!(created);
        let mut kept = 1;
        match store.save(&new, SavedEnd::Keep).await {
            Ok(Saved::As(version)) => kept = version,
            Ok(other) => panic!("{other:?}"),
            Err(error) => {
                assert!(error.to_string().contains("Redis"), "{error}");
                done.failures += 1;
            }
        }
        if round % 2 == 0 {
            done.kept.push((new.key, kept));
        } else if store.end(&new.key).await.is_ok() {
            // A save that comes after the end, as of another request.
            if let Ok(saved) = store.save(&Record { version: kept, ..new.clone() }, SavedEnd::Replace).await {
                assert_eq!(saved, Saved::Ended);
            }
            done.ended.push(new.key);
        } else {
            done.failures += 1;
        }
    }
    done
}

#[tokio::test]
async fn names_of_owners_and_indexes_are_not_in_redis() {
    let Some(server) = Server::start().await else { return };
    let store = server.store().clock(clock());
    store.create(&record("MARKER")).await.unwrap();
    store.end_owned(&RecordKey::owner(&ann()), now(), in_secs(60)).await.unwrap();
    let keys = ask::<Vec<String>>(&server, &["KEYS", "*"]).await;
    assert_eq!(keys.len(), 4, "{keys:?}");
    assert!(keys.iter().all(|key| !key.contains("MARKER") && !key.contains("ann")), "{keys:?}");
}
