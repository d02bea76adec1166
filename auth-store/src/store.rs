use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use auth_core::BoxError;

/// What a store must do, so that nodes can share tickets and revocations.
///
/// This crate has [`MemoryStore`](crate::MemoryStore) and `RedisStore` (feature `redis`); you may write your own. A store has
/// three parts: values that are taken once, marks that only rise, and messages to subscribers. Keys are visible ASCII without
/// blanks, at most 64 bytes long. They hold neither secrets nor names in clear text. A value and a mark never have the same key.
///
/// # Errors
/// An error of any method means that the store is down. The text goes to the log, never to a client. A method must not hang:
/// give up after about a second.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Keeps `value` until it is taken, or until `ttl` has passed.
    ///
    /// # Errors
    /// If the store is down or full.
    async fn put(&self, key: &str, value: &[u8], ttl: Duration) -> Result<(), BoxError>;

    /// Returns the value and removes it, atomically: of any number of concurrent calls, on any nodes, only one gets it. `None`
    /// if there is no value.
    ///
    /// # Errors
    /// If the store is down.
    async fn take(&self, key: &str) -> Result<Option<Vec<u8>>, BoxError>;

    /// Raises the mark under `key` to `value`. A higher mark stays. It is kept for `ttl` from now, or forever if `ttl` is
    /// `None`. An earlier call may have set a longer lifetime: the longer one counts.
    ///
    /// # Errors
    /// If the store is down or full.
    async fn raise(&self, key: &str, value: u64, ttl: Option<Duration>) -> Result<(), BoxError>;

    /// The marks under these keys, in the same order; `None` for a key without a mark.
    ///
    /// # Errors
    /// If the store is down, or if a key holds something else.
    async fn marks(&self, keys: &[String]) -> Result<Vec<Option<u64>>, BoxError>;

    /// True if the store knows without waiting that it has no mark at all, so that nobody need make keys to ask about. The default is
    /// false: somebody has to be asked.
    ///
    /// # Security
    /// After `true`, no credential is looked up. A store whose marks others may set must answer false.
    fn has_no_marks(&self) -> bool {
        false
    }

    /// Whether one of these marks is at or above the number beside it, if the store knows without waiting; false for no marks. `None`,
    /// the default, if [`marks`](Self::marks) has to be asked, also where it would fail. It must not do I/O. A wrapper that counts,
    /// delays or fails calls need not forward it.
    fn reaches_at_once(&self, marks: &[(&str, u64)]) -> Option<bool> {
        let _ = marks;
        None
    }

    /// Sends a message to all subscribers, here and on other nodes.
    ///
    /// # Errors
    /// If the store is down. Some subscribers may have received it.
    async fn publish(&self, message: &[u8]) -> Result<(), BoxError>;

    /// Subscribes to messages. The subscription receives every later message, or [`SubscriptionEvent::Missed`]. If the store is
    /// down, that is not an error: the subscription tries again until the store is back.
    async fn subscribe(&self) -> Box<dyn Subscription>;
}

/// Receives the messages of a [`Store`].
#[async_trait]
pub trait Subscription: Send {
    /// Waits for the next event; `None` if there will be no more. It is cancel-safe: dropping the future loses no event.
    async fn next(&mut self) -> Option<SubscriptionEvent>;
}

/// What a [`Subscription`] receives.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SubscriptionEvent {
    /// A published message.
    Message(Vec<u8>),
    /// Messages may have been lost: the store was down, or the subscriber was too slow.
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

    fn has_no_marks(&self) -> bool {
        (**self).has_no_marks()
    }

    fn reaches_at_once(&self, marks: &[(&str, u64)]) -> Option<bool> {
        (**self).reaches_at_once(marks)
    }

    async fn publish(&self, message: &[u8]) -> Result<(), BoxError> {
        (**self).publish(message).await
    }

    async fn subscribe(&self) -> Box<dyn Subscription> {
        (**self).subscribe().await
    }
}
