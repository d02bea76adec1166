use std::{
    collections::HashMap,
    fmt,
    future::poll_fn,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
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

/// A channel of tokio would do the same, with a future of 216 bytes for each open socket. An entry here takes 25.
#[derive(Default)]
struct Shared {
    /// How many times it has begun. It changes under the lock.
    times: AtomicUsize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The time over which the sockets are to be closed.
    spread: Duration,
    /// The open sockets, and the tasks that wait for the shutdown.
    open: HashMap<u64, Option<Waker>>,
    opened: u64,
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
        // They stay in the table, because the sockets may wait for another beginning.
        let waiting: Vec<_> = state.open.values().flatten().cloned().collect();
        drop(state);
        waiting.into_iter().for_each(Waker::wake);
    }

    /// Completes when no socket is open.
    pub async fn drained(&self) {
        poll_fn(|cx| {
            let mut state = self.0.state();
            if state.open.is_empty() {
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
        self.0.state().open.len()
    }

    #[cfg(feature = "axum")]
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(crate) fn watch(&self) -> ShutdownWatch {
        let mut state = self.0.state();
        state.opened += 1;
        let key = state.opened;
        state.open.insert(key, None);
        drop(state);
        ShutdownWatch { shared: Arc::clone(&self.0), key, told: 0, waker: None }
    }
}

impl fmt::Debug for Shutdown {
    /// Omits the table, which has an entry for each open socket.
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
    fn times(&self) -> usize {
        self.times.load(Ordering::SeqCst)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What an open socket waits for; while it is held, the socket counts as open.
pub(crate) struct ShutdownWatch {
    shared: Arc<Shared>,
    key: u64,
    /// Which beginning was told last; 0 for none.
    told: usize,
    /// The waker in the table, so that most polls need no lock.
    waker: Option<Waker>,
}

impl ShutdownWatch {
    /// Whether it has begun before there was anything to close.
    pub(crate) fn has_begun(&self) -> bool {
        self.told == 0 && self.shared.times() > 0
    }

    /// Waits until it begins, or begins anew, and tells over how long the sockets are to be closed. It may be dropped and
    /// called again.
    #[cfg(feature = "axum")]
    pub(crate) async fn begun(&mut self) -> Duration {
        poll_fn(|cx| self.poll_begun(cx)).await
    }

    /// Tells over how long the sockets are to be closed, once it begins, or begins anew. If it has to wait, it wakes the task of
    /// the last poll.
    pub(crate) fn poll_begun(&mut self, cx: &Context<'_>) -> Poll<Duration> {
        let is_waiting = self.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker()));
        if is_waiting && self.shared.times() == self.told {
            return Poll::Pending;
        }
        let waker = cx.waker().clone();
        let mut state = self.shared.state();
        let times = self.shared.times();
        if times != self.told {
            self.told = times;
            return Poll::Ready(state.spread);
        }
        let replaced = state.open.insert(self.key, Some(waker.clone()));
        // A waker may drop its task, which may take the lock. So it is dropped after the lock.
        drop(state);
        drop(replaced);
        self.waker = Some(waker);
        Poll::Pending
    }
}

impl Drop for ShutdownWatch {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        let left = state.open.remove(&self.key);
        let drained = if state.open.is_empty() { std::mem::take(&mut state.draining) } else { Vec::new() };
        drop(state);
        drop(left);
        drained.into_iter().for_each(Waker::wake);
    }
}
