use std::{sync::Arc, time::Duration};

use tokio::sync::watch;

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
#[derive(Clone, Debug)]
pub struct Shutdown(Arc<watch::Sender<Option<Duration>>>);

impl Shutdown {
    /// A shutdown that has not begun.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(None)))
    }

    /// Begins: sockets that are open are closed now, and those that are being opened as soon as they are.
    pub fn begin(&self) {
        self.begin_over(Duration::ZERO);
    }

    /// Begins, and closes the sockets that are open one by one, spread over this time: where thousands of clients come
    /// back, the other servers should not see them all in one second. Those that are being opened meanwhile are closed at
    /// once. Called again, what is left is spread anew.
    pub fn begin_over(&self, spread: Duration) {
        self.0.send_replace(Some(spread));
    }

    /// Completes when no socket is open.
    pub async fn drained(&self) {
        self.0.closed().await;
    }

    /// How many sockets are open.
    #[must_use]
    pub fn open_sockets(&self) -> usize {
        self.0.receiver_count()
    }

    #[cfg(feature = "axum")]
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(crate) fn watch(&self) -> ShutdownWatch {
        ShutdownWatch { begun: self.0.subscribe(), is_told: false }
    }
}

impl Default for Shutdown {
    fn default() -> Self {
        Self::new()
    }
}

/// What an open socket waits for; while it is held, the socket counts as open.
#[derive(Debug)]
pub(crate) struct ShutdownWatch {
    begun: watch::Receiver<Option<Duration>>,
    is_told: bool,
}

impl ShutdownWatch {
    /// Whether it has begun before there was anything to close.
    pub(crate) fn has_begun(&self) -> bool {
        !self.is_told && self.begun.borrow().is_some()
    }

    /// Waits until it begins, or begins anew, and tells over how long the sockets are to be closed. It may be dropped and
    /// called again.
    pub(crate) async fn begun(&mut self) -> Duration {
        loop {
            // Seen only where it is told: another beginning that comes in between must not be missed.
            if !self.is_told
                && let Some(spread) = *self.begun.borrow_and_update()
            {
                self.is_told = true;
                return spread;
            }
            if self.begun.changed().await.is_err() {
                // Nothing is left that could begin it.
                std::future::pending::<()>().await;
            }
            self.is_told = false;
        }
    }
}
