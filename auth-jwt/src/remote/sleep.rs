use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use auth_core::{Clock, ManualClock, SystemClock};

/// A clock that one can also sleep by: refreshes, retries and time limits do.
///
/// Spans are slept, not instants, so that a clock which is set back delays nothing.
pub trait Sleep: Clock {
    /// Completes when this much time has passed.
    fn sleep(&self, span: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

impl<S: Sleep + ?Sized> Sleep for Arc<S> {
    fn sleep(&self, span: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        (**self).sleep(span)
    }
}

impl Sleep for SystemClock {
    /// Needs a tokio runtime with its timer enabled.
    fn sleep(&self, span: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move { tokio::time::sleep(span).await })
    }
}

impl Sleep for ManualClock {
    fn sleep(&self, span: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        match self.now().checked_add(span) {
            Some(deadline) => Box::pin(self.wait_until(deadline)),
            None => Box::pin(std::future::pending()),
        }
    }
}
