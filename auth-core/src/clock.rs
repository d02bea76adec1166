use std::{
    sync::{Arc, LazyLock},
    time::{Duration, Instant, SystemTime},
};

/// Tells the time: the time of day, and how much time has passed.
///
/// Every decision about a lifetime reads the time from here, so that a test can move it. The middleware reads the
/// clock once a request and hands the instant on in [`AuthRequest::now`](crate::AuthRequest::now).
///
/// What a credential says is judged by the time of day, [`now`](Self::now): `exp`, `iat`, a maximum age. A duration that
/// begins here, such as a timeout or an interval, is measured by [`monotonic`](Self::monotonic), so that setting the clock
/// of the machine neither shortens nor stretches it.
pub trait Clock: Send + Sync + 'static {
    /// The time of day. It may be set, forwards and backwards.
    fn now(&self) -> SystemTime;

    /// How much time has passed since some fixed moment. It never goes back, and nobody can set it. A clock around another
    /// one takes both times from there.
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
#[expect(clippy::exhaustive_structs, reason = "there is nothing to tell about it but its name")]
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
