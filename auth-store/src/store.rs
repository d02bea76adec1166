use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use auth_core::BoxError;

/// The little that a store has to do, so that nodes can share tickets and revocations.
///
/// [`MemoryStore`](crate::MemoryStore) is one, `RedisStore` (feature `redis`) another, and yours may be a third. There are
/// three parts: values that are taken once, marks that only rise, and messages to whoever listens. Keys are visible ASCII
/// without blanks, at most 64 bytes long, and hold no secret and no name in clear. Nothing that a client sends is ever a
/// key, and none is that of a value and of a mark.
///
/// # Errors
/// An error of any method means that the store is away, and that nothing is known. It is never told to a client, and the
/// text goes to the log. No method may hang: give up after a second or so.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Keeps `value` until it is taken, or until `ttl` is over.
    ///
    /// # Errors
    /// If the store is away or full.
    async fn put(&self, key: &str, value: &[u8], ttl: Duration) -> Result<(), BoxError>;

    /// Gives the value and forgets it, in one step: of any number that ask at the same time, on whatever node, one gets it.
    /// `None` if there is none.
    ///
    /// # Errors
    /// If the store is away.
    async fn take(&self, key: &str) -> Result<Option<Vec<u8>>, BoxError>;

    /// Raises the mark under `key` to `value`; a mark that is higher stays. It is kept for `ttl` from now, or for ever.
    /// What was promised before is kept too: of two lifetimes, the longer one counts.
    ///
    /// # Errors
    /// If the store is away or full.
    async fn raise(&self, key: &str, value: u64, ttl: Option<Duration>) -> Result<(), BoxError>;

    /// The marks under these keys, in their order; `None` for each that there is none of.
    ///
    /// # Errors
    /// If the store is away, or if something else is under a key.
    async fn marks(&self, keys: &[String]) -> Result<Vec<Option<u64>>, BoxError>;

    /// Sends a message to everyone who listens, here and on other nodes.
    ///
    /// # Errors
    /// If the store is away. Some may have heard it.
    async fn publish(&self, message: &[u8]) -> Result<(), BoxError>;

    /// Begins to listen. What is published from now on is heard, or [`SubscriptionEvent::Missed`] is. A store that is away is no error:
    /// it is tried again until it is back.
    async fn subscribe(&self) -> Box<dyn Subscription>;
}

/// One who listens to the messages of a [`Store`].
#[async_trait]
pub trait Subscription: Send {
    /// Waits for the next message; `None` if there will be no more. It may be dropped while it waits, and asked again:
    /// nothing is lost by that.
    async fn next(&mut self) -> Option<SubscriptionEvent>;
}

/// What a [`Subscription`] hears.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SubscriptionEvent {
    /// Somebody published this.
    Message(Vec<u8>),
    /// Messages may have been lost: the store was away, or the listener too slow.
    Missed,
}

#[async_trait]
impl<S: Store + ?Sized> Store for Arc<S> {
    async fn put(&self, key: &str, value: &[u8], ttl: Duration) -> Result<(), BoxError> {
        (**self).put(key, value, ttl).await
    }

    async fn take(&self, key: &str) -> Result<Option<Vec<u8>>, BoxError> {
        (**self).take(key).await
    }

    async fn raise(&self, key: &str, value: u64, ttl: Option<Duration>) -> Result<(), BoxError> {
        (**self).raise(key, value, ttl).await
    }

    async fn marks(&self, keys: &[String]) -> Result<Vec<Option<u64>>, BoxError> {
        (**self).marks(keys).await
    }

    async fn publish(&self, message: &[u8]) -> Result<(), BoxError> {
        (**self).publish(message).await
    }

    async fn subscribe(&self) -> Box<dyn Subscription> {
        (**self).subscribe().await
    }
}
