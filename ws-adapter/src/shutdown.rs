use std::{
    fmt,
    future::poll_fn,
    mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

/// Tells the sockets behind one or several layers that the server is going down.
///
/// Sockets live on after the server has stopped to listen, since an upgraded connection belongs to its handler; over
/// HTTP/2 they even keep a server from stopping. So give the layer a clone with
/// [`Sockets::shutdown`](crate::Sockets::shutdown), and begin as soon as the signal to stop comes:
///
/// ```no_run
/// # async fn serve(listener: tokio::net::TcpListener, app: axum::Router, signal: impl Future<Output = ()> + Send + 'static) -> std::io::Result<()> {
/// # use std::time::Duration;
/// let shutdown = ws_adapter::Shutdown::new();
/// let begin = shutdown.clone();
/// let stop = async move {
///     signal.await;
///     begin.begin(); // every socket is closed with 1012 `restarting`
/// };
/// axum::serve(listener, app).with_graceful_shutdown(stop).await?;
/// let _ = tokio::time::timeout(Duration::from_secs(5), shutdown.drained()).await;
/// # Ok(()) }
/// ```
#[derive(Clone, Default)]
pub struct Shutdown(Arc<Shared>);

/// A channel of tokio would do the same, with a future of 216 bytes for each open socket. A place here takes 16.
#[derive(Default)]
struct Shared {
    /// How many times it has begun. It changes under the lock.
    times: AtomicU32,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The time over which the sockets are to be closed.
    spread: Duration,
    open: usize,
    /// A place for each open socket, with the waker of the task that waits for the shutdown.
    places: Vec<Option<Waker>>,
    /// The places that are free again.
    free: Vec<u32>,
    /// The tasks that wait until no socket is open.
    draining: Vec<Waker>,
}

impl Shutdown {
    /// A shutdown that has not begun.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins: sockets that are open are closed now, and those that are being opened as soon as they are.
    pub fn begin(&self) {
        self.begin_over(Duration::ZERO);
    }

    /// Begins, and closes the sockets that are open one by one, spread over this time: where thousands of clients come
    /// back, the other servers should not see them all in one second. Those that are being opened meanwhile are closed at
    /// once. Called again, what is left is spread anew.
    pub fn begin_over(&self, spread: Duration) {
        let mut state = self.0.state();
        state.spread = spread;
        self.0.times.fetch_add(1, Ordering::SeqCst);
        // They stay in their places, because the sockets may wait for another beginning.
        let waiting: Vec<_> = state.places.iter().flatten().cloned().collect();
        drop(state);
        waiting.into_iter().for_each(Waker::wake);
    }

    /// Completes when no socket is open.
    pub async fn drained(&self) {
        poll_fn(|cx| {
            let mut state = self.0.state();
            if state.open == 0 {
                return Poll::Ready(());
            }
            if !state.draining.iter().any(|waiting| waiting.will_wake(cx.waker())) {
                state.draining.push(cx.waker().clone());
            }
            Poll::Pending
        })
        .await;
    }

    /// How many sockets are open.
    #[must_use]
    pub fn open_sockets(&self) -> usize {
        self.0.state().open
    }

    #[cfg(feature = "axum")]
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(crate) fn watch(&self) -> ShutdownWatch {
        let place = self.0.state().enter();
        ShutdownWatch { shared: Arc::clone(&self.0), place, told: 0, is_late: false, is_waiting: false }
    }
}

impl fmt::Debug for Shutdown {
    /// Omits the places, of which each open socket has one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shutdown")
            .field("times", &self.0.times())
            .field("open_sockets", &self.open_sockets())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for ShutdownWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShutdownWatch").field("told", &self.told).finish_non_exhaustive()
    }
}

impl Shared {
    fn times(&self) -> u32 {
        self.times.load(Ordering::SeqCst)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes a place for a socket.
    fn enter(&mut self) -> u32 {
        self.open += 1;
        self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            // OK because no machine has so many sockets open.
            u32::try_from(self.places.len() - 1).unwrap_or(u32::MAX)
        })
    }

    fn place(&mut self, place: u32) -> Option<&mut Option<Waker>> {
        self.places.get_mut(usize::try_from(place).ok()?)
    }

    /// Gives a place back. Returns the waker that was in it.
    fn leave(&mut self, place: u32) -> Option<Waker> {
        let waker = self.place(place).and_then(Option::take);
        self.open -= 1;
        if self.open == 0 {
            // The memory of all places is free again.
            (self.places, self.free) = Default::default();
        } else {
            self.free.push(place);
        }
        waker
    }
}

/// What an open socket waits for; while it is held, the socket counts as open.
pub(crate) struct ShutdownWatch {
    shared: Arc<Shared>,
    place: u32,
    /// Which beginning was told last; 0 for none.
    told: u32,
    /// Whether it began before the connection was open.
    is_late: bool,
    /// Whether there is a waker in the place.
    is_waiting: bool,
}

impl ShutdownWatch {
    /// The connection is open from now on. If the shutdown has begun before, the connection closes at once.
    pub(crate) fn opened(mut self) -> Self {
        self.is_late = self.told == 0 && self.shared.times() > 0;
        self
    }

    /// When this connection is to close, if all are closed over the time `spread` and it is at this fraction of it.
    pub(crate) fn share(&self, spread: Duration, fraction: f64) -> Duration {
        if self.is_late { Duration::ZERO } else { spread.mul_f64(fraction) }
    }

    /// Waits until it begins, or begins anew, and tells over how long the sockets are to be closed. It may be dropped and
    /// called again.
    #[cfg(feature = "axum")]
    pub(crate) async fn begun(&mut self) -> Duration {
        let mut waiting = None;
        poll_fn(|cx| self.poll_begun(cx, &mut waiting)).await
    }

    /// The same, for a task that may change. `waiting` keeps its waker, so that most polls need no lock.
    pub(crate) fn poll_begun(&mut self, cx: &Context<'_>, waiting: &mut Option<Waker>) -> Poll<Duration> {
        self.is_waiting = waiting.as_ref().is_some_and(|waker| waker.will_wake(cx.waker()));
        let was_waiting = self.is_waiting;
        let begun = self.poll(|| cx.waker().clone());
        if begun.is_pending() && !was_waiting {
            *waiting = Some(cx.waker().clone());
        }
        begun
    }

    /// The same, for what wakes a task whichever it is.
    #[cfg(feature = "axum")]
    pub(crate) fn poll_begun_for<W: std::task::Wake + Send + Sync + 'static>(
        &mut self,
        wake: &Arc<W>,
    ) -> Poll<Duration> {
        self.poll(|| Waker::from(Arc::clone(wake)))
    }

    fn poll(&mut self, waker: impl FnOnce() -> Waker) -> Poll<Duration> {
        if self.is_waiting && self.shared.times() == self.told {
            return Poll::Pending;
        }
        let waker = waker();
        let mut state = self.shared.state();
        let times = self.shared.times();
        if times != self.told {
            self.told = times;
            return Poll::Ready(state.spread);
        }
        let replaced = state.place(self.place).and_then(|place| place.replace(waker));
        // A waker may drop its task, which may take the lock. So it is dropped after the lock.
        drop(state);
        drop(replaced);
        self.is_waiting = true;
        Poll::Pending
    }
}

impl Drop for ShutdownWatch {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        let left = state.leave(self.place);
        let drained = if state.open == 0 { mem::take(&mut state.draining) } else { Vec::new() };
        drop(state);
        drop(left);
        drained.into_iter().for_each(Waker::wake);
    }
}

#[cfg(all(test, feature = "axum"))]
mod tests {
    use test_support::Woken;

    use super::*;

    #[test]
    fn place_that_is_used_again_has_a_waker_of_its_own() {
        let shutdown = Shutdown::new();
        let (first, second) = (Arc::<Woken>::default(), Arc::<Woken>::default());
        let _other = shutdown.watch();
        let mut left = shutdown.watch();
        let place = left.place;
        assert!(left.poll_begun_for(&first).is_pending());
        drop(left);
        assert_eq!(Arc::strong_count(&first), 1);
        let mut next = shutdown.watch();
        assert_eq!(next.place, place);
        shutdown.begin();
        // It has not waited yet.
        assert_eq!((first.count(), second.count()), (0, 0));
        assert!(next.poll_begun_for(&second).is_ready());
        assert!(next.poll_begun_for(&second).is_pending());
        shutdown.begin();
        assert_eq!((first.count(), second.count()), (0, 1));
    }

    #[test]
    fn second_begin_reaches_those_that_stayed() {
        let shutdown = Shutdown::new();
        let (leaves, stays) = (Arc::<Woken>::default(), Arc::<Woken>::default());
        let (mut one, mut other) = (shutdown.watch(), shutdown.watch());
        assert!(one.poll_begun_for(&leaves).is_pending());
        assert!(other.poll_begun_for(&stays).is_pending());
        shutdown.begin_over(Duration::from_secs(60));
        assert!(one.poll_begun_for(&leaves).is_ready());
        assert_eq!(other.poll_begun_for(&stays), Poll::Ready(Duration::from_secs(60)));
        assert!(other.poll_begun_for(&stays).is_pending());
        drop(one);
        shutdown.begin();
        assert_eq!((leaves.count(), stays.count()), (1, 2));
        assert_eq!(other.poll_begun_for(&stays), Poll::Ready(Duration::ZERO));
    }
}
