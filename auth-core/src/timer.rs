use std::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    task::Poll,
    time::{Duration, SystemTime},
};

use crate::Clock;

/// The future of a [`Timer`].
pub(crate) type BoxSleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A clock that can also wait. It times the end of connections and the fetching of keys.
///
/// [`SystemClock`](crate::SystemClock) implements it with the feature `tokio`; [`ManualClock`](crate::ManualClock) does so for
/// tests.
pub trait Timer: Clock {
    /// Completes when the time of day is `deadline` or later, even if the clock is set meanwhile. Completes at once if the
    /// deadline has passed.
    fn sleep_until(&self, deadline: SystemTime) -> Pin<Box<dyn Future<Output = ()> + Send>>;

    /// Completes when this much time has passed, even if the clock is set meanwhile.
    fn sleep(&self, span: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>>;

    /// Completes at `deadline` by the time of day, or after `span` of elapsed time, whichever comes first; at once if the deadline
    /// has passed or the span is zero. An open connection waits for both as long as it lives. The default makes two sleeps;
    /// override it if one timer can do it with less memory.
    fn sleep_until_or(&self, deadline: SystemTime, span: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let (mut until, mut span) = (self.sleep_until(deadline), self.sleep(span));
        Box::pin(poll_fn(move |cx| match until.as_mut().poll(cx) {
            Poll::Pending => span.as_mut().poll(cx),
            ready @ Poll::Ready(()) => ready,
        }))
    }
}

impl<T: Timer + ?Sized> Timer for Arc<T> {
    fn sleep_until(&self, deadline: SystemTime) -> BoxSleep {
        (**self).sleep_until(deadline)
    }

    fn sleep(&self, span: Duration) -> BoxSleep {
        (**self).sleep(span)
    }

    fn sleep_until_or(&self, deadline: SystemTime, span: Duration) -> BoxSleep {
        (**self).sleep_until_or(deadline, span)
    }
}

#[cfg(feature = "tokio")]
mod system {
    use std::{
        sync::{
            Arc, LazyLock,
            atomic::{AtomicUsize, Ordering},
        },
        thread,
        time::{Duration, Instant, SystemTime},
    };

    use tokio::{sync::Notify, time};

    use super::{BoxSleep, Timer};
    use crate::{Clock as _, SystemClock};

    /// How often the clock is checked for a jump. A sleep that a jump shortens ends at most this late.
    const LOOK: Duration = Duration::from_secs(5);
    /// A smaller difference does not count as a jump.
    const JUMP: Duration = Duration::from_millis(500);
    /// The longest sleep if no thread checks for jumps.
    const UNWATCHED: Duration = Duration::from_secs(30);

    impl Timer for SystemClock {
        /// Needs a tokio runtime with its timer enabled. Nothing runs while it waits; tokio wakes it in time. One thread for the
        /// whole process checks whether the clock was set or the machine was asleep.
        fn sleep_until(&self, deadline: SystemTime) -> BoxSleep {
            boxed_sleep(deadline, None)
        }

        /// Needs a tokio runtime with its timer enabled.
        fn sleep(&self, span: Duration) -> BoxSleep {
            Box::pin(async move { time::sleep(span).await })
        }

        /// As [`sleep_until`](Self::sleep_until), with one timer for both. A span that is too long for the clock never ends.
        fn sleep_until_or(&self, deadline: SystemTime, span: Duration) -> BoxSleep {
            boxed_sleep(deadline, time::Instant::now().checked_add(span))
        }
    }

    /// Waits for the deadline, and for the end if there is one, with one timer. An async function would hold its arguments twice.
    fn boxed_sleep(deadline: SystemTime, end: Option<time::Instant>) -> BoxSleep {
        static SLEEPS: AtomicUsize = AtomicUsize::new(0);
        let number = SLEEPS.fetch_add(1, Ordering::Relaxed);
        let jumps = JUMPS.as_ref().and_then(|jumps| jumps.get(number % SHARDS));
        Box::pin(async move {
            while !left(deadline, end).is_zero() {
                match jumps {
                    Some(jumps) => {
                        // From here on a jump is noticed, so the clock is read once more.
                        let jumped = jumps.notified();
                        drop(time::timeout(left(deadline, end), jumped).await);
                    }
                    None => time::sleep(left(deadline, end).min(UNWATCHED)).await,
                }
            }
        })
    }

    /// The time until the first of the two.
    fn left(deadline: SystemTime, end: Option<time::Instant>) -> Duration {
        let left = deadline.duration_since(SystemClock.now()).unwrap_or_default();
        end.map_or(left, |end| left.min(end.saturating_duration_since(time::Instant::now())))
    }

    /// A poll of a sleep locks the list of those who wait for a jump. Several lists keep the threads from waiting for each other.
    const SHARDS: usize = 8;

    /// Reports jumps of the clock, which tokio's timer does not see. `None` if the thread did not start.
    static JUMPS: LazyLock<Option<Arc<[Notify; SHARDS]>>> = LazyLock::new(|| {
        let sender: Arc<[Notify; SHARDS]> = Arc::default();
        let told = Arc::clone(&sender);
        let watcher = thread::Builder::new().name("auth-clock".to_owned()).spawn(move || {
            let mut watch = ClockWatch::new(SystemTime::now(), Instant::now());
            loop {
                thread::sleep(LOOK);
                if watch.has_jumped(SystemTime::now(), Instant::now()) {
                    told.iter().for_each(Notify::notify_waiters);
                }
            }
        });
        watcher.is_ok().then_some(sender)
    });

    /// Compares the time of day with a monotonic clock.
    struct ClockWatch {
        shown: SystemTime,
        at: Instant,
    }

    impl ClockWatch {
        fn new(shown: SystemTime, at: Instant) -> Self {
            Self { shown, at }
        }

        /// Whether the time of day has moved more or less than the time that has passed.
        fn has_jumped(&mut self, shows: SystemTime, now: Instant) -> bool {
            let expected = self.shown.checked_add(now.saturating_duration_since(self.at)).unwrap_or(shows);
            (self.shown, self.at) = (shows, now);
            let off = shows.duration_since(expected).unwrap_or_else(|behind| behind.duration());
            off > JUMP
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn jump_of_the_clock_is_reported_once_in_either_direction() {
            let (system, instant) = (SystemTime::UNIX_EPOCH, Instant::now());
            let secs = Duration::from_secs;
            let mut watch = ClockWatch::new(system, instant);
            assert!(!watch.has_jumped(system + secs(5), instant + secs(5)));
            assert!(watch.has_jumped(system + secs(3610), instant + secs(10)), "set forward, or asleep");
            assert!(!watch.has_jumped(system + secs(3615), instant + secs(15)));
            assert!(watch.has_jumped(system + secs(20), instant + secs(20)), "set back");
            assert!(!watch.has_jumped(system + secs(25) + JUMP, instant + secs(25)), "too small for a jump");
        }

        #[tokio::test(start_paused = true)]
        async fn passed_deadline_completes_at_once() {
            SystemClock.sleep_until(SystemTime::UNIX_EPOCH).await;
            SystemClock.sleep_until_or(SystemTime::UNIX_EPOCH, Duration::from_secs(60)).await;
        }

        #[tokio::test(start_paused = true)]
        async fn one_timer_waits_for_both_clocks() {
            let start = time::Instant::now();
            let deadline = SystemTime::now() + Duration::from_secs(3600);
            SystemClock.sleep_until_or(deadline, Duration::from_secs(60)).await;
            assert_eq!(start.elapsed().as_secs(), 60);
            // Two timers would take 424 bytes.
            let size = size_of_val(&*boxed_sleep(deadline, None));
            assert!(size <= 224, "{size}");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::ManualClock;

    const MINUTE: Duration = Duration::from_secs(60);

    /// Which of two waits for a minute are over after this.
    fn over(happens: impl FnOnce(&ManualClock)) -> (bool, bool) {
        let start = UNIX_EPOCH + MINUTE * 60;
        let clock = ManualClock::new(start);
        let (mut until, mut span) = (clock.sleep_until(start + MINUTE), clock.sleep(MINUTE));
        happens(&clock);
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        (until.as_mut().poll(&mut cx).is_ready(), span.as_mut().poll(&mut cx).is_ready())
    }

    #[test]
    fn wait_for_either_ends_with_the_first() {
        let start = UNIX_EPOCH + MINUTE * 60;
        for (deadline, span, is_over) in [
            (start + MINUTE, MINUTE * 2, true),
            (start + MINUTE * 2, MINUTE, true),
            (start + MINUTE * 2, MINUTE * 2, false),
        ] {
            let clock = ManualClock::new(start);
            let mut either = clock.sleep_until_or(deadline, span);
            clock.advance(MINUTE);
            let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
            assert_eq!(either.as_mut().poll(&mut cx).is_ready(), is_over);
        }
    }

    #[test]
    fn deadlines_follow_the_time_of_day_and_spans_follow_elapsed_time() {
        assert_eq!(over(|_| {}), (false, false));
        assert_eq!(over(|clock| clock.advance(MINUTE)), (true, true));
        assert_eq!(over(|clock| clock.advance(MINUTE - Duration::from_nanos(1))), (false, false));
        assert_eq!(over(|clock| clock.set(clock.now() + MINUTE)), (true, false), "set forward");
        let set_back = |clock: &ManualClock| {
            clock.set(clock.now() - MINUTE * 20);
            clock.advance(MINUTE);
        };
        assert_eq!(over(set_back), (false, true), "set back");
    }
}
