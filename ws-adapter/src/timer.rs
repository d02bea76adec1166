use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    time::{Duration, SystemTime},
};

use auth_core::{Clock, ManualClock, SystemClock};

/// The longest sleep before the clock is read again: it may have been set, or the machine may have been asleep.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

/// A clock that can also be waited for. Sockets end by it.
pub trait Timer: Clock {
    /// Completes as soon as the clock shows `deadline` or later; at once if it does so already.
    fn sleep_until(&self, deadline: SystemTime) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

impl<T: Timer + ?Sized> Timer for Arc<T> {
    fn sleep_until(&self, deadline: SystemTime) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        (**self).sleep_until(deadline)
    }
}

impl Timer for SystemClock {
    /// Needs a tokio runtime with its timer enabled.
    fn sleep_until(&self, deadline: SystemTime) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let clock = *self;
        Box::pin(async move {
            while let Ok(left) = deadline.duration_since(clock.now())
                && !left.is_zero()
            {
                tokio::time::sleep(left.min(LONGEST_SLEEP)).await;
            }
        })
    }
}

impl Timer for ManualClock {
    fn sleep_until(&self, deadline: SystemTime) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(self.wait_until(deadline))
    }
}
