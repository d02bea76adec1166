use std::sync::Arc;

use tokio::sync::watch;

/// Tells the sockets behind one or several layers that the server is going down.
///
/// Sockets live on after the server has stopped to listen, since an upgraded connection belongs to its handler; over
/// HTTP/2 they even keep a server from stopping. So give the layer a clone with
/// [`AuthLayer::shutdown`](crate::AuthLayer::shutdown), and begin as soon as the signal to stop comes:
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
pub struct Shutdown(Arc<watch::Sender<bool>>);

impl Shutdown {
    /// A shutdown that has not begun.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    /// Begins: sockets that are open are closed now, and those that are being opened as soon as they are.
    pub fn begin(&self) {
        self.0.send_replace(true);
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

    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(crate) fn watch(&self) -> watch::Receiver<bool> {
        self.0.subscribe()
    }
}

impl Default for Shutdown {
    fn default() -> Self {
        Self::new()
    }
}
