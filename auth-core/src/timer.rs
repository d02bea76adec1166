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
        future::Future,
        pin::Pin,
        task::{Context, Poll, ready},
        time::{Duration, SystemTime},
    };

    use pin_project_lite::pin_project;
    use tokio::time;

    use super::{BoxSleep, Timer};
    use crate::{
        Clock as _, SystemClock,
        jumps::{self, Listener},
    };

    /// The longest sleep if no thread checks for jumps.
    const UNWATCHED: Duration = Duration::from_secs(30);

    impl Timer for SystemClock {
        /// Needs a tokio runtime with its timer enabled. Nothing runs while it waits; tokio wakes it in time. One thread for the
        /// whole process checks whether the clock was set or the machine was asleep.
        fn sleep_until(&self, deadline: SystemTime) -> BoxSleep {
            Box::pin(Sleep::new(deadline, None))
        }

        /// Needs a tokio runtime with its timer enabled.
        fn sleep(&self, span: Duration) -> BoxSleep {
            Box::pin(async move { time::sleep(span).await })
        }

        /// As [`sleep_until`](Self::sleep_until), with one timer for both. A span that is too long for the clock never ends.
        fn sleep_until_or(&self, deadline: SystemTime, span: Duration) -> BoxSleep {
            Box::pin(Sleep::new(deadline, time::Instant::now().checked_add(span)))
        }
    }

    pin_project! {
        /// Waits for the deadline, and for the end if there is one, with one timer. Each open connection keeps one, so it is
        /// written by hand: an async block would hold more than this.
        struct Sleep {
            deadline: SystemTime,
            end: Option<time::Instant>,
            jumps: Listener,
            // `None` before the first poll.
            #[pin]
            timer: Option<time::Sleep>,
        }
    }

    impl Sleep {
        fn new(deadline: SystemTime, end: Option<time::Instant>) -> Self {
            Self { deadline, end, jumps: Listener::new(), timer: None }
        }

        /// The time until the first of the two.
        fn left(&self) -> Duration {
            let left = self.deadline.duration_since(SystemClock.now()).unwrap_or_default();
            self.end.map_or(left, |end| left.min(end.saturating_duration_since(time::Instant::now())))
        }
    }

    impl Future for Sleep {
        type Output = ();

        fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
            // From here on a jump is noticed, so the clock is read after this.
            let mut is_set = !self.jumps.listen(cx);
            loop {
                if !is_set {
                    let left = self.left();
                    if left.is_zero() {
                        return Poll::Ready(());
                    }
                    let left = if jumps::are_reported() { left } else { left.min(UNWATCHED) };
                    self.as_mut().project().timer.set(Some(time::sleep(left)));
                }
                if let Some(timer) = self.as_mut().project().timer.as_pin_mut() {
                    ready!(timer.poll(cx));
                }
                is_set = false;
            }
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

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
            let size = size_of::<Sleep>();
            assert!(size <= 152, "{size}");
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
