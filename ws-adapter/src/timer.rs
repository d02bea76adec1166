use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, LazyLock},
    thread,
    time::{Duration, Instant, SystemTime},
};

use auth_core::{Clock, ManualClock, SystemClock};
use tokio::{select, sync::watch, time};

/// How often it is looked whether the clock was set. So late at most is whatever waits for an instant that has come sooner.
const LOOK: Duration = Duration::from_secs(5);
/// A difference that is worth to wake everybody for.
const JUMP: Duration = Duration::from_millis(500);
/// The longest sleep where nobody looks.
const UNWATCHED: Duration = Duration::from_secs(30);

/// A clock that can also be waited for. Sockets end by it.
pub trait Timer: Clock {
    /// Completes as soon as the clock shows `deadline` or later; at once if it does so already.
    fn sleep_until(&self, deadline: SystemTime) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

/// The same, for an instant that may never come.
#[cfg(feature = "axum")]
pub(crate) async fn reached(timer: &dyn Timer, deadline: Option<SystemTime>) {
    match deadline {
        Some(deadline) => timer.sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

impl<T: Timer + ?Sized> Timer for Arc<T> {
    fn sleep_until(&self, deadline: SystemTime) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        (**self).sleep_until(deadline)
    }
}

impl Timer for SystemClock {
    /// Needs a tokio runtime with its timer enabled. Nothing runs while it waits: tokio wakes it when the time has come,
    /// and a single thread for the whole process looks whether the clock was set or the machine was asleep.
    fn sleep_until(&self, deadline: SystemTime) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let clock = *self;
        Box::pin(async move {
            let mut jumps = JUMPS.as_ref().map(|sender| sender.subscribe());
            while let Ok(left) = deadline.duration_since(clock.now())
                && !left.is_zero()
            {
                match &mut jumps {
                    Some(jumps) => select! {
                        () = time::sleep(left) => {}
                        _ = jumps.changed() => {}
                    },
                    None => time::sleep(left.min(UNWATCHED)).await,
                }
            }
        })
    }
}

/// Tells that the clock of the system has moved in a way that a timer does not see. `None` if no thread could be had.
static JUMPS: LazyLock<Option<Arc<watch::Sender<()>>>> = LazyLock::new(|| {
    let sender = Arc::new(watch::Sender::new(()));
    let told = Arc::clone(&sender);
    let watcher = thread::Builder::new().name("auth-clock".to_owned()).spawn(move || {
        let mut watch = ClockWatch::new(SystemTime::now(), Instant::now());
        loop {
            thread::sleep(LOOK);
            if watch.has_jumped(SystemTime::now(), Instant::now()) {
                told.send_replace(());
            }
        }
    });
    watcher.is_ok().then_some(sender)
});

/// Compares the clock of the system with one that is never set.
struct ClockWatch {
    shown: SystemTime,
    at: Instant,
}

impl ClockWatch {
    fn new(shown: SystemTime, at: Instant) -> Self {
        Self { shown, at }
    }

    /// Whether the clock has gone by more or less than the time that has passed.
    fn has_jumped(&mut self, shows: SystemTime, now: Instant) -> bool {
        let expected = self.shown.checked_add(now.saturating_duration_since(self.at)).unwrap_or(shows);
        (self.shown, self.at) = (shows, now);
        let off = shows.duration_since(expected).unwrap_or_else(|behind| behind.duration());
        off > JUMP
    }
}

impl Timer for ManualClock {
    fn sleep_until(&self, deadline: SystemTime) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(self.wait_until(deadline))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clock_that_was_set_is_told_once_in_either_direction() {
        let (system, instant) = (SystemTime::UNIX_EPOCH, Instant::now());
        let secs = Duration::from_secs;
        let mut watch = ClockWatch::new(system, instant);
        assert!(!watch.has_jumped(system + secs(5), instant + secs(5)));
        assert!(watch.has_jumped(system + secs(3610), instant + secs(10)), "set forward, or asleep");
        assert!(!watch.has_jumped(system + secs(3615), instant + secs(15)));
        assert!(watch.has_jumped(system + secs(20), instant + secs(20)), "set back");
        assert!(!watch.has_jumped(system + secs(25) + JUMP, instant + secs(25)), "off by what is no jump yet");
    }

    #[tokio::test(start_paused = true)]
    async fn deadline_that_has_passed_does_not_wait() {
        SystemClock.sleep_until(SystemTime::UNIX_EPOCH).await;
    }
}
