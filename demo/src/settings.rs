use std::{fmt, sync::Arc};

use auth_core::{ClientAddress, Secret, SystemClock};
use auth_jwt::HmacSecret;
use auth_store::{Budgets, MemoryStore, Records, Store};
use ws_adapter::{Shutdown, Timer};

use crate::{Limits, Users};

/// The settings of the application.
#[derive(Clone)]
#[non_exhaustive]
pub struct Settings {
    /// The HMAC secret of the tokens, from which all other keys come.
    pub secret: Secret,
    /// The clock for issuing and checking tokens, and for ending sockets.
    pub timer: Arc<dyn Timer>,
    /// The state shared with other nodes: tickets and revocations.
    pub store: Arc<dyn Store>,
    /// The logins, shared with other nodes.
    pub records: Arc<dyn Records>,
    /// The failures of logins, shared with other nodes.
    pub budgets: Arc<dyn Budgets>,
    /// How often somebody may guess a password.
    pub limits: Limits,
    /// How the address of a client is found.
    pub client_address: ClientAddress,
    /// Who may log in.
    pub users: Users,
    /// Where browsers find the server.
    pub public_origin: String,
    /// Closes the sockets on shutdown.
    pub shutdown: Shutdown,
    /// Whether a page that is refused at `/ws` sees a close code, instead of a failure without a reason.
    pub accept_then_close: bool,
}

impl Settings {
    /// Settings with this secret and the clock of the operating system.
    #[must_use]
    pub fn new(secret: &str) -> Self {
        let store = MemoryStore::new();
        Self {
            secret: Secret::new(secret),
            timer: Arc::new(SystemClock),
            store: Arc::new(store.clone()),
            records: Arc::new(store.clone()),
            budgets: Arc::new(store),
            limits: Limits::default(),
            client_address: ClientAddress::peer(),
            users: Users::in_memory(),
            public_origin: "http://localhost:3000".to_owned(),
            shutdown: Shutdown::new(),
            accept_then_close: false,
        }
    }

    /// What signs tokens. `warnings` says at the start when it is short, as the tutorial's is.
    pub(crate) fn hmac_secret(&self) -> HmacSecret {
        HmacSecret::from(self.secret.expose()).dangerous_allow_short_secret()
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").finish_non_exhaustive()
    }
}
