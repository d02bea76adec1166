//! WebSockets that end with their credential.

mod driver;
mod refuse;
mod stream;
mod upgrade;

use std::{fmt, sync::Arc, time::SystemTime};

use http::HeaderValue;

pub(crate) use self::refuse::accept_then_close;
pub use self::{
    stream::AuthSocket,
    upgrade::{AuthWebSocketUpgrade, UpgradeRejection},
};
use crate::{Shutdown, Timer};

/// What the layers leave for the sockets behind them.
#[derive(Clone)]
pub(crate) struct SocketContext {
    lifetime: Lifetime,
    shutdowns: Vec<Shutdown>,
    subprotocol: HeaderValue,
}

impl SocketContext {
    pub(crate) fn new(
        timer: Arc<dyn Timer>,
        ends_at: Option<SystemTime>,
        shutdown: Shutdown,
        subprotocol: HeaderValue,
    ) -> Self {
        Self { lifetime: Lifetime { timer, ends_at }, shutdowns: vec![shutdown], subprotocol }
    }

    /// Adds what a layer further out has left: the credential that ends first ends the socket, and so does any shutdown.
    pub(crate) fn within(mut self, outer: Self) -> Self {
        let ends = [self.lifetime.ends_at, outer.lifetime.ends_at];
        self.lifetime.ends_at = ends.into_iter().flatten().min();
        for shutdown in outer.shutdowns {
            if !self.shutdowns.iter().any(|known| known.is_same(&shutdown)) {
                self.shutdowns.push(shutdown);
            }
        }
        self
    }
}

/// How long a socket may live.
#[derive(Clone)]
struct Lifetime {
    timer: Arc<dyn Timer>,
    ends_at: Option<SystemTime>,
}

impl Lifetime {
    fn is_over(&self) -> bool {
        self.ends_at.is_some_and(|end| self.timer.now() >= end)
    }

    async fn end(&self) {
        match self.ends_at {
            Some(end) => self.timer.sleep_until(end).await,
            None => std::future::pending().await,
        }
    }
}

impl fmt::Debug for SocketContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SocketContext").finish_non_exhaustive()
    }
}
