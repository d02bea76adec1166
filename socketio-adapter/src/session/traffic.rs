use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use auth_core::Timer;
use tokio::sync::Notify;

/// Whether anything passes over a transport now, and when its client last sent a message.
pub(crate) struct Traffic {
    timer: Arc<dyn Timer>,
    is_paused: AtomicBool,
    resumed: Notify,
    /// By the monotonic clock, in nanoseconds.
    spoke_at: AtomicU64,
}

impl Traffic {
    /// The opening counts as a message.
    pub(crate) fn new(timer: &Arc<dyn Timer>) -> Self {
        let timer = Arc::clone(timer);
        let traffic = Self { timer, is_paused: false.into(), resumed: Notify::new(), spoke_at: 0.into() };
        traffic.spoke();
        traffic
    }

    /// The client has sent a message. Pings and pongs don't count.
    pub(crate) fn spoke(&self) {
        let now = u64::try_from(self.timer.monotonic().as_nanos()).unwrap_or(u64::MAX);
        self.spoke_at.store(now, Ordering::Relaxed);
    }

    /// When the client last sent a message, by the time of day now.
    pub(crate) fn used_at(&self) -> SystemTime {
        let spoke_at = Duration::from_nanos(self.spoke_at.load(Ordering::Relaxed));
        let span = self.timer.monotonic().saturating_sub(spoke_at);
        self.timer.now().checked_sub(span).unwrap_or(SystemTime::UNIX_EPOCH)
    }

    /// Lets nothing pass while it is not known whether the transport has ended.
    pub(crate) fn pause(&self, is_paused: bool) {
        if self.is_paused.swap(is_paused, Ordering::SeqCst) && !is_paused {
            self.resumed.notify_waiters();
        }
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.is_paused.load(Ordering::SeqCst)
    }

    /// Completes at the next time that it is resumed, from this call on.
    pub(crate) fn resumed(&self) -> impl Future<Output = ()> {
        self.resumed.notified()
    }

    /// Waits until something may pass.
    pub(crate) async fn flows(&self) {
        loop {
            let resumed = self.resumed();
            if !self.is_paused() {
                return;
            }
            resumed.await;
        }
    }
}
