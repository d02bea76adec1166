//! The memory store.

use std::time::Duration;

use auth_store::{MemoryStore, Store as _, SubscriptionEvent};

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
