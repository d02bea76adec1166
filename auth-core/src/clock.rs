use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, Waker},
    time::{Duration, SystemTime},
};

/// Tells the time of day.
///
/// Every decision about a lifetime reads the time from here, so that a test can move it. The middleware reads the
/// clock once a request and hands the instant on in [`AuthRequest::now`](crate::AuthRequest::now).
pub trait Clock: Send + Sync + 'static {
    /// The present instant.
    fn now(&self) -> SystemTime;
}

impl<C: Clock + ?Sized> Clock for Arc<C> {
    fn now(&self) -> SystemTime {
        (**self).now()
    }
}

/// The clock of the operating system.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "there is nothing to tell about it but its name")]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}

/// A clock that stands still until it is moved by hand; clones share the same hands.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use auth_core::{Clock, ManualClock};
///
/// let clock = ManualClock::new(SystemTime::UNIX_EPOCH);
/// clock.advance(Duration::from_secs(60));
/// assert_eq!(clock.now(), SystemTime::UNIX_EPOCH + Duration::from_secs(60));
/// ```
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<Mutex<Hands>>);

#[derive(Debug)]
struct Hands {
    now: SystemTime,
    waiting: Vec<Waker>,
}

impl ManualClock {
    /// A clock that shows `now`.
    #[must_use]
    pub fn new(now: SystemTime) -> Self {
        Self(Arc::new(Mutex::new(Hands { now, waiting: Vec::new() })))
    }

    /// Moves the clock forward and wakes who waits for it. A step past the last representable instant is ignored.
    pub fn advance(&self, step: Duration) {
        let waiting = {
            let mut hands = self.hands();
            hands.now = hands.now.checked_add(step).unwrap_or(hands.now);
            std::mem::take(&mut hands.waiting)
        };
        // The lock is free by now: who is woken may read the clock at once.
        waiting.into_iter().for_each(Waker::wake);
    }

    /// Completes as soon as the clock shows `deadline` or later.
    pub fn wait_until(&self, deadline: SystemTime) -> impl Future<Output = ()> + Send + 'static {
        WaitUntil { clock: self.clone(), deadline }
    }

    fn hands(&self) -> std::sync::MutexGuard<'_, Hands> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> SystemTime {
        self.hands().now
    }
}

struct WaitUntil {
    clock: ManualClock,
    deadline: SystemTime,
}

impl Future for WaitUntil {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut hands = self.clock.hands();
        if hands.now >= self.deadline {
            return Poll::Ready(());
        }
        if !hands.waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
            hands.waiting.push(cx.waker().clone());
        }
        Poll::Pending
    }
}
