//! WebSockets that end with their credential.

mod driver;
mod stream;
mod upgrade;

use std::{fmt, sync::Arc};

use http::HeaderValue;

pub use self::{
    stream::AuthSocket,
    upgrade::{AuthWebSocketUpgrade, UpgradeRejection},
};
use crate::{Shutdown, Timer};

/// What the layer leaves for the sockets behind it.
#[derive(Clone)]
pub(crate) struct SocketContext {
    timer: Arc<dyn Timer>,
    shutdown: Shutdown,
    subprotocol: HeaderValue,
}

impl SocketContext {
    pub(crate) fn new(timer: Arc<dyn Timer>, shutdown: Shutdown, subprotocol: HeaderValue) -> Self {
        Self { timer, shutdown, subprotocol }
    }
}

impl fmt::Debug for SocketContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SocketContext").finish_non_exhaustive()
    }
}
