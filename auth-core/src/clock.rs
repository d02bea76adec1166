use std::{
    sync::{Arc, LazyLock},
    time::{Duration, Instant, SystemTime},
};

/// The time of day, and how much time has passed.
///
/// Every decision about a lifetime reads the time from here, so that a test can move it. The middleware reads the clock once
/// per request and passes the instant on in [`AuthRequest::now`](crate::AuthRequest::now).
///
/// Use the time of day, [`now`](Self::now), for what a credential says: `exp`, `iat`, a maximum age. Use
/// [`monotonic`](Self::monotonic) for a duration that starts here, such as a timeout or an interval: setting the machine's
/// clock must not change it.
pub trait Clock: Send + Sync + 'static {
    /// The time of day. It may jump forwards and backwards.
    fn now(&self) -> SystemTime;

    /// How much time has passed since some fixed moment. It never goes back and cannot be set. A clock that wraps another one
    /// takes both times from it.
    fn monotonic(&self) -> Duration;
}

impl<C: Clock + ?Sized> Clock for Arc<C> {
    fn now(&self) -> SystemTime {
        (**self).now()
    }

    fn monotonic(&self) -> Duration {
        (**self).monotonic()
    }
}

/// The clocks of the operating system.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "it has no settings")]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn monotonic(&self) -> Duration {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        START.elapsed()
    }
}
