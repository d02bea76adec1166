use async_trait::async_trait;
use auth_core::{Revocation, RevocationEvent, RevocationFeed, RevocationListener};
use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::{
    Revocations,
    message::{Decoded, decode},
};
use crate::{Subscription, SubscriptionEvent};

#[async_trait]
impl RevocationFeed for Revocations {
    async fn listen(&self) -> Box<dyn RevocationListener> {
        let here = self.here.subscribe();
        let everywhere = self.store.subscribe().await;
        Box::new(Listener { here, everywhere, source: self.clone() })
    }
}

/// Receives revocations of this node and of other nodes.
struct Listener {
    here: Receiver<Revocation>,
    everywhere: Box<dyn Subscription>,
    /// Keeps the sender alive, and recognizes our own messages.
    source: Revocations,
}

#[async_trait]
impl RevocationListener for Listener {
    async fn next(&mut self) -> Option<RevocationEvent> {
        loop {
            let heard = tokio::select! {
                here = self.here.recv() => match here {
                    Ok(revocation) => return Some(RevocationEvent::Revoked(revocation)),
                    Err(RecvError::Lagged(_)) => return Some(RevocationEvent::Missed),
                    Err(RecvError::Closed) => return None,
                },
                heard = self.everywhere.next() => heard?,
            };
            match heard {
                SubscriptionEvent::Missed => return Some(RevocationEvent::Missed),
                SubscriptionEvent::Message(message) => match decode(&message, &self.source.node) {
                    Decoded::Revoked(revocation) => return Some(RevocationEvent::Revoked(revocation)),
                    Decoded::Own => {}
                    Decoded::Unknown => {
                        tracing::warn!("a revocation message is unreadable: all connections are checked again");
                        return Some(RevocationEvent::Missed);
                    }
                },
            }
        }
    }
}
