//! Records, on the memory store. The suite is in `test-support`.

use std::{collections::HashSet, sync::Arc, time::Duration};

use auth_store::{MemoryStore, Record, RecordKey, Records, Saved, SavedEnd};

use crate::support::*;

mod laws {
    use super::MemoryStore;

    test_support::record_laws!(start);

    async fn start() -> Option<(MemoryStore, ())> {
        Some((MemoryStore::new(), ()))
    }
}

const HOUR: Duration = Duration::from_secs(3600);

fn record(name: &str) -> Record {
    Record {
        key: RecordKey::new("login", &[name]),
        owner: Some(RecordKey::owner(&ann())),
        indexes: vec![RecordKey::new("index", &["all"])],
        since: now(),
        used_at: now(),
        ends_at: now() + HOUR,
        version: 1,
        value: b"MARKER".to_vec().into(),
    }
}

#[tokio::test]
async fn record_ends_by_time_exclusive_and_frees_its_key() {
    let clock = clock();
    let store = MemoryStore::new().clock(clock.clone());
    let record = record("a");
    store.create(&record).await.unwrap();
    clock.advance(HOUR - Duration::from_nanos(1));
    assert!(store.load(&record.key).await.unwrap().is_some());
    clock.advance(Duration::from_nanos(1));
    assert!(store.load(&record.key).await.unwrap().is_none());
    assert_eq!(store.owned(record.owner.as_ref().unwrap()).await.unwrap().len(), 0);
    assert_eq!(store.save(&record, SavedEnd::Keep).await.unwrap(), Saved::Ended);
    assert!(!store.touch(&record.key, now(), now() + HOUR * 2).await.unwrap());
    assert!(!store.end(&record.key).await.unwrap());
    assert!(store.create(&Record { ends_at: now() + HOUR * 2, ..record }).await.unwrap());
}

#[tokio::test]
async fn touched_record_lives_on() {
    let clock = clock();
    let store = MemoryStore::new().clock(clock.clone());
    let record = record("a");
    store.create(&record).await.unwrap();
    store.touch(&record.key, now(), now() + HOUR * 2).await.unwrap();
    clock.advance(HOUR);
    // The addition of another removes what has ended.
    store
        .create(&Record { key: RecordKey::new("login", &["b"]), ends_at: now() + HOUR * 3, ..record.clone() })
        .await
        .unwrap();
    assert!(store.load(&record.key).await.unwrap().is_some());
    assert_eq!(store.indexed(&record.indexes[0]).await.unwrap().len(), 2);
}

#[tokio::test]
async fn full_store_refuses_new_records_and_changes_old_ones() {
    let store = MemoryStore::new().clock(clock()).max_records(1);
    let (old, new) = (record("old"), record("new"));
    store.create(&old).await.unwrap();
    assert!(store.create(&new).await.is_err());
    assert_eq!(store.owned(old.owner.as_ref().unwrap()).await.unwrap().len(), 1);
    assert_eq!(store.save(&old, SavedEnd::Replace).await.unwrap(), Saved::As(2));
    assert!(store.touch(&old.key, now(), now() + HOUR * 2).await.unwrap());
    store.end(&old.key).await.unwrap();
    assert!(store.create(&new).await.unwrap());
}

#[tokio::test]
async fn ended_and_covered_records_make_room() {
    let clock = clock();
    let store = MemoryStore::new().clock(clock.clone()).max_records(10);
    let owner = RecordKey::owner(&ann());
    for round in 0..10_u32 {
        for name in 0..10 {
            let (since, ends_at) = (now() + HOUR * round, now() + HOUR * (round + 1));
            let name = format!("{round}-{name}");
            assert!(store.create(&Record { since, used_at: since, ends_at, ..record(&name) }).await.unwrap());
        }
        if round.is_multiple_of(2) {
            store.end_owned(&owner, now() + HOUR * round, now() + HOUR * 100).await.unwrap();
            assert!(format!("{store:?}").contains("records: 0"), "{store:?}");
        }
        clock.advance(HOUR);
    }
}

#[tokio::test]
async fn mark_is_kept_as_long_as_asked() {
    let clock = clock();
    let store = MemoryStore::new().clock(clock.clone());
    let owner = RecordKey::owner(&ann());
    store.end_owned(&owner, now(), now() + HOUR * 2).await.unwrap();
    store.end_owned(&owner, now(), now() + HOUR).await.unwrap();
    clock.advance(HOUR * 2 - Duration::from_nanos(1));
    let late = Record { ends_at: now() + HOUR * 9, ..record("late") };
    store.create(&late).await.unwrap();
    assert!(store.load(&late.key).await.unwrap().is_none());
}

#[test]
fn keys_and_values_are_not_in_debug() {
    let debug = format!("{:?} {:?}", record("MARKER"), RecordKey::new("login", &["MARKER"]));
    assert!(debug.contains("login:") && !debug.contains("MARKER"), "{debug}");
    let key = RecordKey::new("login", &["a"]);
    assert_eq!(RecordKey::from_stored(key.as_str()), Some(key));
    assert_ne!(RecordKey::new("login", &["a", "b"]), RecordKey::new("login", &["ab", ""]));
}

#[test]
fn kind_that_is_too_long_still_has_a_key_of_its_own() {
    let kinds = ["a-kind-of-20-letters", "a-kind-of-21-letters!", "a-kind-of-21-letters?"];
    let of = |kind| [RecordKey::new(kind, &["a"]), RecordKey::of_id(kind, "a"), RecordKey::new(kind, &["b"])];
    let all: HashSet<_> = kinds.into_iter().flat_map(of).collect();
    assert_eq!(all.len(), 7, "{all:?}");
    assert!(all.iter().all(|key| (1..=64).contains(&key.as_str().len())), "{all:?}");
    assert_eq!(RecordKey::from_stored(&"a".repeat(65)), None);
}

#[tokio::test]
async fn shared_store_is_the_store() {
    test_support::records::all(&Arc::new(MemoryStore::new()), 1).await;
    let store: Arc<dyn Records> = Arc::new(MemoryStore::new().clock(clock()));
    let record = record("a");
    assert!(store.load_at_once(&record.key).is_some_and(|found| found.is_none()));
    assert!(store.create(&record).await.unwrap());
    assert_eq!(store.load_at_once(&record.key), Some(store.load(&record.key).await.unwrap().map(Arc::new)));
}

fn of_nobody(name: &str) -> Record {
    Record { owner: None, indexes: Vec::new(), ..record(name) }
}

#[tokio::test]
async fn records_of_nobody_leave_half_of_the_room_to_logins() {
    let store = MemoryStore::new().clock(clock()).max_records(4);
    let visitors = [of_nobody("a"), of_nobody("b")];
    for visitor in &visitors {
        assert!(store.create(visitor).await.unwrap());
    }
    assert!(store.create(&of_nobody("c")).await.is_err());
    assert!(store.create(&record("d")).await.unwrap());

    // A visitor who logs in makes room for another one.
    let [visitor, _] = visitors;
    let login = Record { owner: record("a").owner, ..visitor };
    assert_eq!(store.save(&login, SavedEnd::Keep).await.unwrap(), Saved::As(2));
    assert!(store.create(&of_nobody("c")).await.unwrap());
    assert!(store.create(&record("e")).await.is_err());

    // What has ended makes room too.
    assert!(store.end(&login.key).await.unwrap());
    assert!(store.create(&record("e")).await.unwrap());
}

#[tokio::test]
async fn records_take_no_more_bytes_than_the_limit() {
    // 2,560 bytes, twice the value of 1,000, and no index: 4,560 each.
    let long = |name| Record { value: vec![7; 1000].into(), ..of_nobody(name) };
    let owned = |name| Record { owner: record("").owner, ..long(name) };
    let clock = clock();
    let store = MemoryStore::new().clock(clock.clone()).max_record_bytes(4560 * 4);
    assert!(store.create(&long("a")).await.unwrap());
    assert!(store.create(&long("b")).await.unwrap());
    assert!(store.create(&long("c")).await.is_err());
    assert!(store.create(&owned("d")).await.unwrap());
    assert!(store.create(&owned("e")).await.unwrap());
    assert!(store.create(&owned("f")).await.is_err());

    // A full store still notes a use, and saves what is not longer.
    let kept = store.load(&owned("d").key).await.unwrap().unwrap();
    assert!(store.touch(&kept.key, now(), now() + HOUR * 2).await.unwrap());
    assert_eq!(store.save(&kept, SavedEnd::Keep).await.unwrap(), Saved::As(2));
    let longer = Record { value: vec![7; 1001].into(), version: 2, ..kept.clone() };
    assert!(store.save(&longer, SavedEnd::Keep).await.is_err());
    assert!(store.load(&kept.key).await.unwrap().is_some_and(|record| *record.value == [7; 1000]));

    clock.advance(HOUR);
    assert!(store.create(&long("g")).await.unwrap());
    assert!(store.create(&long("h")).await.unwrap());
}
