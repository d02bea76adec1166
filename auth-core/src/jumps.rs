use std::{
    sync::{
        LazyLock, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Waker},
    thread,
    time::{Duration, Instant, SystemTime},
};

/// How often the clock is checked for a jump. A sleep that a jump shortens ends at most this late.
const LOOK: Duration = Duration::from_secs(5);
/// A smaller difference does not count as a jump.
const JUMP: Duration = Duration::from_millis(500);
/// Each poll of a sleep locks the list of those who listen. Several lists keep the threads from waiting for each other.
const LISTS: usize = 8;

static LISTENERS: [Listeners; LISTS] = [const { Listeners::new() }; LISTS];

/// Whether a thread reports jumps of the clock, which tokio's timer does not see. It starts with the first question.
pub(crate) fn are_reported() -> bool {
    static WATCHED: LazyLock<bool> = LazyLock::new(|| {
        let watcher = thread::Builder::new().name("auth-clock".to_owned()).spawn(|| {
            let mut watch = ClockWatch::new(SystemTime::now(), Instant::now());
            loop {
                thread::sleep(LOOK);
                if watch.has_jumped(SystemTime::now(), Instant::now()) {
                    LISTENERS.iter().for_each(Listeners::report);
                }
            }
        });
        watcher.is_ok()
    });
    *WATCHED
}

/// Has its task woken when the clock jumps. Each open connection keeps one, so it is small: a list and a place in it.
#[derive(Debug)]
pub(crate) struct Listener(usize);

impl Listener {
    pub(crate) fn new() -> Self {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let list = MADE.fetch_add(1, Ordering::Relaxed) % LISTS;
        let place = LISTENERS.get(list).map(Listeners::add).unwrap_or_default();
        Self(place * LISTS + list)
    }

    /// Has this task woken from here on. Returns whether the clock may have jumped since the last call.
    pub(crate) fn listen(&self, cx: &Context<'_>) -> bool {
        self.list().is_none_or(|list| list.listen(self.0 / LISTS, cx))
    }

    fn list(&self) -> Option<&'static Listeners> {
        LISTENERS.get(self.0 % LISTS)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Some(list) = self.list() {
            list.remove(self.0 / LISTS);
        }
    }
}

/// Tasks to wake when the clock jumps. A waker may drop its task, and with it a listener. So none is woken or dropped under
/// the lock.
struct Listeners(Mutex<Places>);

struct Places {
    /// A place is empty if it is free, or if the clock has jumped since its listener was last polled.
    wakers: Vec<Option<Waker>>,
    free: Vec<usize>,
}

impl Places {
    const NONE: Self = Self { wakers: Vec::new(), free: Vec::new() };
}

impl Listeners {
    const fn new() -> Self {
        Self(Mutex::new(Places::NONE))
    }

    fn add(&self) -> usize {
        let mut places = self.lock();
        places.free.pop().unwrap_or_else(|| {
            places.wakers.push(None);
            places.wakers.len() - 1
        })
    }

    fn listen(&self, place: usize, cx: &Context<'_>) -> bool {
        let mut places = self.lock();
        let Some(kept) = places.wakers.get_mut(place) else {
            return true;
        };
        let replaced = match kept {
            Some(waker) if waker.will_wake(cx.waker()) => return false,
            kept => kept.replace(cx.waker().clone()),
        };
        drop(places);
        replaced.is_none()
    }

    fn remove(&self, place: usize) {
        let mut places = self.lock();
        let waker = places.wakers.get_mut(place).and_then(Option::take);
        places.free.push(place);
        if places.free.len() == places.wakers.len() {
            // The memory of all places is free again.
            *places = Places::NONE;
        }
        drop(places);
        drop(waker);
    }

    /// The clock has jumped.
    fn report(&self) {
        let waiting: Vec<Waker> = self.lock().wakers.iter_mut().filter_map(Option::take).collect();
        waiting.into_iter().for_each(Waker::wake);
    }

    fn lock(&self) -> MutexGuard<'_, Places> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

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
    use std::sync::Arc;

    use test_support::Woken;

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

    #[test]
    fn task_that_polled_last_is_woken_by_a_jump_and_told_of_it_once() {
        let listeners = Listeners::new();
        let place = listeners.add();
        let ((before, early), (woken, waker)) = (Woken::task(), Woken::task());
        assert!(listeners.listen(place, &Context::from_waker(&early)), "nothing is known yet");
        let cx = Context::from_waker(&waker);
        assert!(!listeners.listen(place, &cx), "another task, and no jump");
        listeners.report();
        assert_eq!([&before, &woken].map(|woken| woken.count()), [0, 1]);
        assert!(listeners.listen(place, &cx));
        assert!(!listeners.listen(place, &cx));
    }

    #[test]
    fn listener_that_is_gone_leaves_no_waker_and_its_place() {
        let listeners = Listeners::new();
        let (woken, waker) = Woken::task();
        let (one, other) = (listeners.add(), listeners.add());
        assert!(listeners.listen(one, &Context::from_waker(&waker)));
        drop(waker);
        listeners.remove(one);
        assert_eq!(Arc::strong_count(&woken), 1);
        assert_eq!((listeners.add(), listeners.add()), (one, 2));
        [one, other, 2].into_iter().for_each(|place| listeners.remove(place));
        assert_eq!(listeners.lock().wakers.capacity(), 0);
    }
}
