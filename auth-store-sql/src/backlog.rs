//! A bounded queue of published messages.

use auth_store::{Subscription, SubscriptionEvent};
use tokio::sync::broadcast::{self, error::RecvError};

/// How many messages a listener may lag before it misses some.
const LEN: usize = 1024;

/// The sending end.
pub(crate) fn new<T: Clone>() -> broadcast::Sender<T> {
    broadcast::Sender::new(LEN)
}

/// The receiving end, as a subscription.
pub(crate) struct Backlog<K> {
    pub(crate) receiver: broadcast::Receiver<SubscriptionEvent>,
    /// Kept alive as long as the subscription.
    pub(crate) _keep: K,
}

#[async_trait::async_trait]
impl<K: Send + Sync> Subscription for Backlog<K> {
    async fn next(&mut self) -> Option<SubscriptionEvent> {
        match self.receiver.recv().await {
            Ok(heard) => Some(heard),
            Err(RecvError::Lagged(_)) => Some(SubscriptionEvent::Missed),
            Err(RecvError::Closed) => None,
        }
    }
}
