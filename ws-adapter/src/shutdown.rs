use std::sync::Arc;

use tokio::sync::watch;

/// Tells the sockets behind one or several layers that the server is going down.
///
/// Sockets live on after the server has stopped to listen, since an upgraded connection belongs to its handler. Give
/// the layer a clone with [`AuthLayer::shutdown`](crate::AuthLayer::shutdown), and on the way out:
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// # use std::time::Duration;
/// let shutdown = ws_adapter::Shutdown::new();
/// // … serve, until a signal comes …
/// shutdown.begin(); // every socket is closed with 1012 `restarting`
/// let _ = tokio::time::timeout(Duration::from_secs(5), shutdown.drained()).await;
/// # }
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
    pub fn open(&self) -> usize {
        self.0.receiver_count()
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
