use std::time::Duration;

use crate::{ConnectionId, auth::Config};

/// The shutdown of the server, as one connection sees it. While this is held, the connection counts as open, and
/// [`Shutdown::drained`](crate::Shutdown::drained) waits for it.
#[derive(Debug)]
pub struct Draining {
    #[cfg(feature = "axum")]
    begun: crate::shutdown::ShutdownWatch,
    /// Where in the time over which connections are closed this one goes.
    #[cfg(feature = "axum")]
    fraction: f64,
    /// Whether the shutdown began before the connection. Such a connection goes at once.
    #[cfg(feature = "axum")]
    is_late: bool,
}

impl Draining {
    #[cfg(feature = "axum")]
    pub(super) fn of<U>(config: &Config<U>, id: ConnectionId) -> Self {
        let begun = config.shutdown.watch();
        Self { is_late: begun.has_begun(), begun, fraction: id.fraction() }
    }

    #[cfg(not(feature = "axum"))]
    pub(super) fn of<U>(_: &Config<U>, _: ConnectionId) -> Self {
        Self {}
    }

    /// Waits until the shutdown begins, or begins again, and says how long after that the connection is to end. It may be
    /// dropped and called again.
    pub async fn begun(&mut self) -> Duration {
        #[cfg(feature = "axum")]
        {
            let spread = self.begun.begun().await;
            if self.is_late { Duration::ZERO } else { spread.mul_f64(self.fraction) }
        }
        #[cfg(not(feature = "axum"))]
        std::future::pending().await
    }
}
