//! A store over several independent Redis servers: each key and each message belongs to one of them.

use std::time::Duration;

use async_trait::async_trait;
use auth_core::BoxError;
use auth_store::{RedisStore, Store, Subscription, SubscriptionEvent};
use futures_util::{
    FutureExt as _,
    future::{select_all, try_join_all},
};

#[derive(Clone)]
pub struct Sharded(pub Vec<RedisStore>);

impl Sharded {
    /// Keys end in a SHA-256 hash in base64url, so any bytes of it spread them evenly.
    fn index(&self, bytes: &[u8]) -> usize {
        let sum = bytes.iter().fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(*byte)));
        sum % self.0.len()
    }

    fn of(&self, bytes: &[u8]) -> &RedisStore {
        &self.0[self.index(bytes)]
    }
}

#[async_trait]
impl Store for Sharded {
    async fn put(&self, key: &str, value: &[u8], ttl: Duration) -> Result<(), BoxError> {
        self.of(key.as_bytes()).put(key, value, ttl).await
    }

    async fn take(&self, key: &str) -> Result<Option<Vec<u8>>, BoxError> {
        self.of(key.as_bytes()).take(key).await
    }

    async fn raise(&self, key: &str, value: u64, ttl: Option<Duration>) -> Result<(), BoxError> {
        self.of(key.as_bytes()).raise(key, value, ttl).await
    }

    /// One query to each server that has one of the keys. If one of them fails, nothing is known.
    async fn marks(&self, keys: &[String]) -> Result<Vec<Option<u64>>, BoxError> {
        let mut groups = vec![(Vec::new(), Vec::new()); self.0.len()];
        for (place, key) in keys.iter().enumerate() {
            let (places, keys) = &mut groups[self.index(key.as_bytes())];
            places.push(place);
            keys.push(key.clone());
        }
        let asked = self.0.iter().zip(&groups).map(|(store, (_, keys))| store.marks(keys));
        let mut marks = vec![None; keys.len()];
        for (found, (places, _)) in try_join_all(asked).await?.into_iter().zip(&groups) {
            if found.len() != places.len() {
                return Err("a store returned a wrong number of marks".into());
            }
            for (mark, place) in found.into_iter().zip(places) {
                marks[*place] = mark;
            }
        }
        Ok(marks)
    }

    async fn publish(&self, message: &[u8]) -> Result<(), BoxError> {
        self.of(message).publish(message).await
    }

    async fn subscribe(&self) -> Box<dyn Subscription> {
        let mut parts = Vec::new();
        for store in &self.0 {
            parts.push(store.subscribe().await);
        }
        Box::new(All(parts))
    }
}

/// The subscriptions to all servers.
struct All(Vec<Box<dyn Subscription>>);

#[async_trait]
impl Subscription for All {
    async fn next(&mut self) -> Option<SubscriptionEvent> {
        // `next` is cancel-safe, so the others lose nothing.
        select_all(self.0.iter_mut().map(|part| part.next().boxed())).await.0
    }
}
