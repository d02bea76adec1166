//! The memory store.

use std::{sync::Arc, time::Duration};

use auth_core::ManualClock;
use auth_store::{MemoryStore, Record, RecordKey, Records as _, Saved, SavedEnd, Store, SubscriptionEvent};

use crate::support::*;

const TTL: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn value_taken_by_100_at_once_is_returned_once() {
    let store = MemoryStore::new();
    for _ in 0..100 {
        assert_eq!(takers(&store).await, 1);
    }
}

#[tokio::test]
async fn value_is_kept_until_its_lifetime_ends_exclusive() {
    let clock = clock();
    let store = MemoryStore::new().clock(clock.clone());
    store.put("a", b"value", TTL).await.unwrap();
    store.put("b", b"value", TTL).await.unwrap();
    clock.advance(TTL - Duration::from_nanos(1));
    assert_eq!(store.take("a").await.unwrap().as_deref(), Some(b"value".as_slice()));
    clock.advance(Duration::from_nanos(1));
    assert_eq!(store.take("b").await.unwrap(), None);
}

#[tokio::test]
async fn mark_only_rises_and_only_lives_longer() {
    let clock = clock();
    let store = MemoryStore::new().clock(clock.clone());
    let mark = async || store.marks(&["key".to_owned()]).await.unwrap()[0];
    store.raise("key", 2, Some(TTL * 2)).await.unwrap();
    store.raise("key", 1, Some(TTL)).await.unwrap();
    assert_eq!(mark().await, Some(2));
    clock.advance(TTL);
    store.raise("key", 3, Some(TTL / 2)).await.unwrap();
    assert_eq!(mark().await, Some(3));
    clock.advance(TTL - Duration::from_nanos(1));
    assert_eq!(mark().await, Some(3));
    clock.advance(Duration::from_nanos(1));
    assert_eq!(mark().await, None);

    store.raise("key", 1, None).await.unwrap();
    store.raise("key", 1, Some(TTL)).await.unwrap();
    clock.advance(TTL * 1_000_000);
    assert_eq!(mark().await, Some(1));
}

#[tokio::test]
async fn marks_that_are_known_at_once_are_those_that_are_asked_for() {
    let clock = clock();
    let stores: [Arc<dyn Store>; 2] = [
        Arc::new(MemoryStore::new().clock(clock.clone())),
        Arc::new(Arc::new(MemoryStore::new().clock(clock.clone()))),
    ];
    for store in stores {
        let compare = async || {
            for keys in [&["none"][..], &["two"], &["forever"], &["none", "two", "forever"], &[]] {
                let owned = keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>();
                let marks = store.marks(&owned).await.unwrap();
                for from in 0..=4 {
                    let asked = keys.iter().map(|key| (*key, from)).collect::<Vec<_>>();
                    let is_reached = marks.iter().flatten().any(|mark| from <= *mark);
                    assert_eq!(store.reaches_at_once(&asked), Some(is_reached), "{keys:?} {from}");
                }
            }
        };
        compare().await;
        assert!(store.has_no_marks());
        store.raise("two", 2, Some(TTL)).await.unwrap();
        assert!(!store.has_no_marks());
        compare().await;
        store.raise("forever", 3, None).await.unwrap();
        compare().await;
        clock.advance(TTL - Duration::from_nanos(1));
        compare().await;
        clock.advance(Duration::from_nanos(1));
        compare().await;
        // Each mark is compared with the number beside it.
        assert_eq!(store.reaches_at_once(&[("none", 0), ("two", 0), ("forever", 4)]), Some(false));
        assert_eq!(store.reaches_at_once(&[("none", 4), ("forever", 3)]), Some(true));
    }
}

#[tokio::test]
async fn expired_and_taken_values_make_room() {
    let clock = clock();
    let store = MemoryStore::new().clock(clock.clone()).max_tickets(10).max_revocations(10);
    for round in 0..100 {
        for key in 0..10 {
            store.put(&format!("{round}-{key}"), b"", TTL).await.unwrap();
            store.raise(&format!("{round}-{key}"), 1, Some(TTL)).await.unwrap();
        }
        assert!(store.take(&format!("{round}-0")).await.unwrap().is_some());
        store.put("in its place", b"", TTL).await.unwrap();
        assert!(format!("{store:?}").contains("tickets: 10, revocations: 10"), "{store:?}");
        clock.advance(TTL);
    }
}

#[tokio::test]
async fn full_store_refuses_new_entries_and_keeps_old_ones() {
    let store = MemoryStore::new().clock(clock()).max_tickets(1).max_revocations(1);
    store.put("a", b"", TTL).await.unwrap();
    assert!(store.put("b", b"", TTL).await.is_err());
    assert!(store.take("a").await.unwrap().is_some());
    store.raise("a", 1, None).await.unwrap();
    assert!(store.raise("b", 1, None).await.is_err());
    store.raise("a", 2, None).await.unwrap();
    assert_eq!(store.marks(&["a".to_owned(), "b".to_owned()]).await.unwrap(), [Some(2), None]);
}

#[tokio::test]
async fn slow_subscriber_learns_that_it_missed_something() {
    let store = MemoryStore::new();
    let mut subscription = store.subscribe().await;
    for _ in 0..1024 {
        store.publish(b"news").await.unwrap();
    }
    assert_eq!(soon(subscription.next()).await, Some(SubscriptionEvent::Message(b"news".to_vec())));
    for _ in 0..2 {
        store.publish(b"news").await.unwrap();
    }
    assert_eq!(soon(subscription.next()).await, Some(SubscriptionEvent::Missed));
    assert_eq!(soon(subscription.next()).await, Some(SubscriptionEvent::Message(b"news".to_vec())));
}

#[tokio::test]
async fn subscription_outlives_the_store() {
    let store = MemoryStore::new();
    let mut subscription = store.subscribe().await;
    store.publish(b"last").await.unwrap();
    drop(store);
    assert_eq!(soon(subscription.next()).await, Some(SubscriptionEvent::Message(b"last".to_vec())));
    assert!(tokio::time::timeout(Duration::from_millis(20), subscription.next()).await.is_err());
}

/// Ends in a minute.
fn record(name: &str, owner: Option<&str>, len: usize) -> Record {
    Record {
        key: RecordKey::new("login", &[name]),
        owner: owner.map(|owner| RecordKey::new("owner", &[owner])),
        indexes: Vec::new(),
        since: now(),
        used_at: now(),
        ends_at: now() + TTL * 2,
        version: 1,
        value: vec![7; len].into(),
    }
}

/// A thousand of each kind, all of which have ended.
async fn after_the_night(store: MemoryStore) -> (MemoryStore, ManualClock) {
    let clock = clock();
    let store = store.clock(clock.clone());
    for count in 0..1000 {
        let name = count.to_string();
        store.put(&name, b"", TTL).await.unwrap();
        store.raise(&name, 1, Some(TTL)).await.unwrap();
        let owner = (count % 2 == 1).then_some("ann");
        assert!(store.create(&record(&name, owner, 0)).await.unwrap());
    }
    clock.advance(TTL * 2);
    (store, clock)
}

async fn add_one_of_each(store: &MemoryStore, name: &str) {
    store.put(name, b"", TTL).await.unwrap();
    store.raise(name, 1, Some(TTL)).await.unwrap();
    let fresh = Record { ends_at: now() + TTL * 9, ..record(name, Some("ann"), 0) };
    assert!(store.create(&fresh).await.unwrap());
}

fn kept(store: &MemoryStore, count: usize) -> bool {
    format!("{store:?}").contains(&format!("tickets: {count}, revocations: {count}, records: {count},"))
}

#[tokio::test]
async fn addition_frees_64_ended_ones_and_many_additions_free_all() {
    let (store, _) = after_the_night(MemoryStore::new()).await;
    for count in 1..=15 {
        add_one_of_each(&store, &format!("new {count}")).await;
        assert!(kept(&store, 1000 - 63 * count), "{store:?}");
    }
    for count in 16..=20 {
        add_one_of_each(&store, &format!("new {count}")).await;
        assert!(kept(&store, count), "{store:?}");
    }
}

#[tokio::test]
async fn ended_ones_that_are_not_free_yet_do_not_fill_the_store() {
    let store = MemoryStore::new().max_tickets(1000).max_revocations(1000).max_records(1000);
    let (store, _) = after_the_night(store).await;
    for count in 0..1000 {
        add_one_of_each(&store, &format!("new {count}")).await;
    }
    assert!(store.put("another", b"", TTL).await.is_err());
    assert!(store.raise("another", 1, None).await.is_err());
    assert!(store.create(&record("another", Some("ann"), 0)).await.is_err());
}

#[tokio::test]
async fn addition_of_a_long_record_frees_only_what_it_needs() {
    let (store, _) = after_the_night(MemoryStore::new().max_record_bytes(1000 * 2560)).await;
    let indexes = (0..200).map(|count| RecordKey::new("index", &[&count.to_string()])).collect();
    let long = Record { ends_at: now() + TTL * 9, indexes, ..record("long", Some("ann"), 64 * 1024) };
    assert!(store.create(&long).await.unwrap());
    // It takes as much as 73 of them. 64 are freed anyway.
    assert!(format!("{store:?}").contains("records: 928,"), "{store:?}");
}

#[tokio::test]
async fn ended_records_of_others_keep_no_room_from_those_of_nobody() {
    let clock = clock();
    let store = MemoryStore::new().clock(clock.clone()).max_records(1000);
    for count in 0..500 {
        assert!(store.create(&record(&format!("nobody's {count}"), None, 0)).await.unwrap());
        let sooner = Record { ends_at: now() + TTL, ..record(&count.to_string(), Some("ann"), 0) };
        assert!(store.create(&sooner).await.unwrap());
    }
    clock.advance(TTL * 2);
    for count in 0..500 {
        let fresh = Record { ends_at: now() + TTL * 9, ..record(&format!("new {count}"), None, 0) };
        assert!(store.create(&fresh).await.unwrap());
    }
    assert!(store.create(&record("one more", None, 0)).await.is_err());
}

#[tokio::test]
async fn key_of_an_ended_record_is_free_before_it_is_freed() {
    let (store, clock) = after_the_night(MemoryStore::new()).await;
    // The last one is not among the first that are freed.
    let old = record("999", Some("ann"), 0);
    assert!(!store.touch(&old.key, now(), now() + TTL * 9).await.unwrap());
    assert_eq!(store.save(&old, SavedEnd::Replace).await.unwrap(), Saved::Ended);
    assert!(store.owned(old.owner.as_ref().unwrap()).await.unwrap().is_empty());
    let new = Record { ends_at: now() + TTL * 9, owner: Some(RecordKey::new("owner", &["bob"])), ..old.clone() };
    assert!(store.create(&new).await.unwrap());
    assert_eq!(store.owned(new.owner.as_ref().unwrap()).await.unwrap(), std::slice::from_ref(&new));
    assert!(store.owned(old.owner.as_ref().unwrap()).await.unwrap().is_empty());

    // The end of the old one is forgotten.
    for count in 0..20 {
        add_one_of_each(&store, &format!("new {count}")).await;
    }
    assert_eq!(store.load(&new.key).await.unwrap(), Some(new));
    clock.advance(TTL * 9);
    assert!(!store.end(&old.key).await.unwrap());
}

#[tokio::test]
async fn clones_share_limits_and_clock() {
    let clock = clock();
    let store = MemoryStore::new();
    let clone = store.clone().clock(clock.clone()).max_tickets(1).max_revocations(1).max_records(1);
    for (one, other) in [(&store, &clone), (&clone, &store)] {
        one.put("a", b"", TTL).await.unwrap();
        one.raise("a", 1, Some(TTL)).await.unwrap();
        let login = Record { ends_at: auth_core::Clock::now(&clock) + TTL, ..record("a", Some("ann"), 0) };
        assert!(one.create(&login).await.unwrap());
        for store in [one, other] {
            assert!(store.put("b", b"", TTL).await.is_err());
            assert!(store.raise("b", 1, None).await.is_err());
            assert!(store.create(&record("b", Some("ann"), 0)).await.is_err());
        }
        clock.advance(TTL);
        for store in [one, other] {
            assert_eq!(store.marks(&["a".to_owned()]).await.unwrap(), [None]);
            assert_eq!(store.load(&login.key).await.unwrap(), None);
        }
        assert_eq!(other.take("a").await.unwrap(), None);
    }
}

#[tokio::test]
async fn limit_below_what_is_kept_refuses_until_enough_has_ended() {
    let clock = clock();
    let store = MemoryStore::new().clock(clock.clone());
    for count in 0..1000 {
        assert!(store.create(&record(&count.to_string(), Some("ann"), 0)).await.unwrap());
    }
    let store = store.max_records(10);
    assert!(store.create(&record("new", Some("ann"), 0)).await.is_err());
    clock.advance(TTL * 2);
    for count in 0..10 {
        let fresh = Record { ends_at: now() + TTL * 9, ..record(&format!("new {count}"), Some("ann"), 0) };
        assert!(store.create(&fresh).await.unwrap());
    }
    assert!(store.create(&record("one more", Some("ann"), 0)).await.is_err());
}
