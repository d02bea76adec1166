use std::{
    fmt,
    future::poll_fn,
    task::{Context, Poll, Waker},
    time::Duration,
};

use crate::{ConnectionId, shutdown::ShutdownWatch};

/// The shutdown of the server, as one connection sees it. While this is held, the connection counts as open, and
/// [`Shutdown::drained`](crate::Shutdown::drained) waits for it.
#[must_use = "the connection counts as open while this is held"]
pub struct Draining {
    begun: ShutdownWatch,
    /// The waker of the last poll.
    waiting: Option<Waker>,
    /// When this connection closes, as a fraction of the time over which all are closed.
    fraction: f64,
}

impl Draining {
    pub(crate) fn new(begun: ShutdownWatch, id: ConnectionId) -> Self {
        Self { begun: begun.opened(), waiting: None, fraction: id.fraction() }
    }

    /// Waits until the shutdown begins, or begins again, and returns how long after that the connection is to end. It may be
    /// dropped and called again.
    pub async fn begun(&mut self) -> Duration {
        poll_fn(|cx| self.poll_begun(cx)).await
    }

    fn poll_begun(&mut self, cx: &Context<'_>) -> Poll<Duration> {
        let spread = self.begun.poll_begun(cx, &mut self.waiting);
        spread.map(|spread| self.begun.share(spread, self.fraction))
    }
}

impl fmt::Debug for Draining {
    /// Omits the waker, which prints as pointers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Draining").field("begun", &self.begun).field("fraction", &self.fraction).finish_non_exhaustive()
    }
}
