use std::{
    future::Future,
    pin::Pin,
    time::{Duration, SystemTime},
};

use auth_core::Timer;

/// One moment by two clocks: the time of day, which can be set, and the monotonic clock, which cannot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Moment {
    /// The time of day.
    pub wall: SystemTime,
    /// What the monotonic clock shows.
    pub passed: Duration,
}

impl Moment {
    /// Now, by this timer.
    pub fn of(timer: &(impl Timer + ?Sized)) -> Self {
        Self { wall: timer.now(), passed: timer.monotonic() }
    }
}

/// When the owner has to ask again: at the first of the two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Wake {
    /// At this time of day.
    pub wall: Option<SystemTime>,
    /// When the monotonic clock shows this.
    pub passed: Option<Duration>,
}

impl Wake {
    /// Completes when the first of them is reached. Without any, it never completes.
    pub async fn reached(self, timer: &dyn Timer) {
        match self.sleep(timer) {
            Some(sleep) => sleep.await,
            None => std::future::pending().await,
        }
    }

    /// A future that completes when the first of them is reached; `None` without any.
    pub(crate) fn sleep(self, timer: &dyn Timer) -> Option<Sleep> {
        let span = self.passed.map(|at| at.saturating_sub(timer.monotonic()));
        match (self.wall, span) {
            (Some(wall), Some(span)) => Some(timer.sleep_until_or(wall, span)),
            (Some(wall), None) => Some(timer.sleep_until(wall)),
            (None, Some(span)) => Some(timer.sleep(span)),
            (None, None) => None,
        }
    }
}

/// The future of a timer.
pub(crate) type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The whole seconds that are left; 0 after the end.
pub fn ttl(end: SystemTime, now: SystemTime) -> u64 {
    end.duration_since(now).as_ref().map_or(0, Duration::as_secs)
}
