use std::{fmt, sync::Arc};

use auth_core::SystemClock;
use auth_jwt::HmacSecret;
use auth_store::{MemoryStore, Records, Store};
use ws_adapter::{Shutdown, Timer};

/// The settings of the application.
#[derive(Clone)]
#[non_exhaustive]
pub struct Settings {
    /// The HMAC secret of the tokens.
    pub secret: HmacSecret,
    /// The clock for issuing and checking tokens, and for ending sockets.
    pub timer: Arc<dyn Timer>,
    /// The state shared with other nodes: tickets and revocations.
    pub store: Arc<dyn Store>,
    /// The logins, shared with other nodes.
    pub records: Arc<dyn Records>,
    /// Where browsers find the server.
    pub public_origin: String,
    /// Closes the sockets on shutdown.
    pub shutdown: Shutdown,
    /// Whether a page that is refused at `/ws` sees a close code, instead of a failure without a reason.
    pub accept_then_close: bool,
}

impl Settings {
    /// Settings with this secret and the clock of the operating system.
    pub fn new(secret: impl Into<HmacSecret>) -> Self {
        // Both are for the tutorial, whose secret is `secret`. `warnings` says so at the start.
        let secret = secret.into().dangerous_allow_short_secret();
        let store = MemoryStore::new();
        Self {
            secret,
            timer: Arc::new(SystemClock),
            store: Arc::new(store.clone()),
            records: Arc::new(store),
            public_origin: "http://localhost:3000".to_owned(),
            shutdown: Shutdown::new(),
            accept_then_close: false,
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").finish_non_exhaustive()
    }
}
