use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::{Duration, SystemTime},
};

use crate::{Clock, Timer, timer::BoxSleep};

/// A clock that stands still until a test moves it. Clones share one time.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use auth_core::{Clock, ManualClock};
///
/// let clock = ManualClock::new(SystemTime::UNIX_EPOCH);
/// clock.advance(Duration::from_secs(60));
/// assert_eq!(clock.now(), SystemTime::UNIX_EPOCH + Duration::from_secs(60));
///
/// // An operator sets the machine's clock back: no time has passed.
/// clock.set(SystemTime::UNIX_EPOCH);
/// assert_eq!((clock.now(), clock.monotonic()), (SystemTime::UNIX_EPOCH, Duration::from_secs(60)));
/// ```
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<Mutex<Hands>>);

#[derive(Debug)]
struct Hands {
    now: SystemTime,
    passed: Duration,
    waiting: Vec<Waker>,
}

impl ManualClock {
    /// A clock that shows `now`.
    #[must_use]
    pub fn new(now: SystemTime) -> Self {
        Self(Arc::new(Mutex::new(Hands { now, passed: Duration::ZERO, waiting: Vec::new() })))
    }

    /// Lets time pass, and wakes all waiters. A step past the last representable instant is ignored.
    pub fn advance(&self, step: Duration) {
        self.move_hands(|hands| {
            if let (Some(now), Some(passed)) = (hands.now.checked_add(step), hands.passed.checked_add(step)) {
                (hands.now, hands.passed) = (now, passed);
            }
        });
    }

    /// Sets the time of day, forwards or backwards, as an operator does. No time passes.
    pub fn set(&self, now: SystemTime) {
        self.move_hands(|hands| hands.now = now);
    }

    /// Completes as soon as the clock shows `deadline` or later.
    pub fn wait_until(&self, deadline: SystemTime) -> impl Future<Output = ()> + Send + 'static {
        Wait { clock: self.clone(), is_over: move |hands: &Hands| hands.now >= deadline }
    }

    /// Completes as soon as this much time has passed, counted from now.
    pub fn wait_for(&self, span: Duration) -> impl Future<Output = ()> + Send + 'static {
        let end = self.hands().passed.saturating_add(span);
        Wait { clock: self.clone(), is_over: move |hands: &Hands| hands.passed >= end }
    }

    fn move_hands(&self, change: impl FnOnce(&mut Hands)) {
        let waiting = {
            let mut hands = self.hands();
            change(&mut hands);
            std::mem::take(&mut hands.waiting)
        };
        // The lock is free here: a waiter may read the clock at once.
        waiting.into_iter().for_each(Waker::wake);
    }

    fn hands(&self) -> MutexGuard<'_, Hands> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> SystemTime {
        self.hands().now
    }

    fn monotonic(&self) -> Duration {
        self.hands().passed
    }
}

impl Timer for ManualClock {
    fn sleep_until(&self, deadline: SystemTime) -> BoxSleep {
        Box::pin(self.wait_until(deadline))
    }

    fn sleep(&self, span: Duration) -> BoxSleep {
        Box::pin(self.wait_for(span))
    }
}

struct Wait<F> {
    clock: ManualClock,
    is_over: F,
}

impl<F: Fn(&Hands) -> bool> Future for Wait<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut hands = self.clock.hands();
        if (self.is_over)(&hands) {
            return Poll::Ready(());
        }
        if !hands.waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
            hands.waiting.push(cx.waker().clone());
        }
        Poll::Pending
    }
}
