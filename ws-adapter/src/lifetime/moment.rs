use std::time::{Duration, SystemTime};

use auth_core::Timer;

/// One moment by both clocks: the time of day, which can be set, and the time that has passed, which nobody can set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) wall: SystemTime,
    pub(crate) passed: Duration,
}

impl Moment {
    pub(crate) fn of(timer: &(impl Timer + ?Sized)) -> Self {
        Self { wall: timer.now(), passed: timer.monotonic() }
    }
}

/// When the owner has to ask again: at the first of both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wake {
    /// At this time of day.
    pub(crate) wall: Option<SystemTime>,
    /// When the monotonic clock shows this.
    pub(crate) passed: Option<Duration>,
}

impl Wake {
    /// Completes when either has come.
    pub(crate) async fn reached(self, timer: &dyn Timer) {
        let wall = async {
            match self.wall {
                Some(at) => timer.sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        let passed = async {
            match self.passed {
                Some(at) => timer.sleep(at.saturating_sub(timer.monotonic())).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = wall => {}
            () = passed => {}
        }
    }
}

/// Whole seconds that are left.
pub(crate) fn ttl(end: SystemTime, now: SystemTime) -> u64 {
    end.duration_since(now).as_ref().map_or(0, Duration::as_secs)
}
