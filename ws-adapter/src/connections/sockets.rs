use std::{sync::Arc, time::Duration};

use auth_core::ClientAddress;

use super::{registry::Connections, settings::SocketSettings};
use crate::{CloseCodes, shutdown::Shutdown};

/// The settings of connections that stay open, for [`AuthLayer::sockets`](crate::AuthLayer::sockets).
///
/// ```
/// # use auth_basic::{Basic, BasicLogin};
/// # use auth_core::Chain;
/// use std::time::Duration;
///
/// use ws_adapter::{AuthLayer, Connections, Sockets};
///
/// # let chain = Chain::new().or(Basic::new("demo").verify(|_: BasicLogin| async { Some("somebody") }));
/// let connections = Connections::new();
/// let sockets = Sockets::new().connections(&connections).idle_timeout(Duration::from_secs(600));
/// let layer = AuthLayer::new(chain).sockets(sockets);
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "it does nothing until a layer gets it"]
pub struct Sockets {
    pub(crate) connections: Connections,
    pub(crate) client_address: ClientAddress,
    pub(crate) settings: Arc<SocketSettings>,
    pub(crate) shutdown: Shutdown,
    #[cfg(feature = "axum")]
    pub(crate) accept_then_close: bool,
}

impl Sockets {
    /// The defaults given at each method, with a registry of its own.
    pub fn new() -> Self {
        Self::default()
    }

    /// The registry that connections are entered into; one of its own by default.
    pub fn connections(mut self, connections: &Connections) -> Self {
        self.connections = connections.clone();
        self
    }

    /// How to find the address of a client, for the limits per address; the peer of the connection by default.
    pub fn client_address(mut self, address: ClientAddress) -> Self {
        self.client_address = address;
        self
    }

    /// Which close codes tell the client about authentication; private ones by default.
    pub fn close_codes(mut self, codes: CloseCodes) -> Self {
        self.settings_mut().codes = codes;
        self
    }

    /// How long before the end of its credential a client is told: by a message on the subprotocol `auth.v1`, by an event
    /// on Socket.IO. The default is 60 s. A credential with less than twice that left is announced after half of its time.
    pub fn expiry_notice(mut self, before: Duration) -> Self {
        self.settings_mut().notice = before;
        self
    }

    /// How often a silent peer of a WebSocket is pinged, and how long it may take to answer; then the socket is closed with
    /// 4408 `ping_timeout`. The defaults are 60 s and 20 s. Less than a millisecond counts as one.
    ///
    /// The server can't see an answer while the handler leaves a message unread, or while the peer has not taken 16 KiB of answers to
    /// its own pings. The socket is not closed then.
    #[cfg(feature = "axum")]
    pub fn ping(mut self, interval: Duration, timeout: Duration) -> Self {
        self.settings_mut().ping = Some(super::settings::Ping { interval, timeout });
        self
    }

    /// Sends no pings. A peer that vanishes is then noticed by TCP, by a send, or at the end of its credential.
    #[cfg(feature = "axum")]
    pub fn without_ping(mut self) -> Self {
        self.settings_mut().ping = None;
        self
    }

    /// Closes a WebSocket with 4408 `idle_timeout` after this long without a message; pings don't count. Never by default.
    /// Less than a millisecond counts as one.
    #[cfg(feature = "axum")]
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.settings_mut().idle = Some(timeout);
        self
    }

    /// Closes the connections when `shutdown` begins.
    pub fn shutdown(mut self, shutdown: &Shutdown) -> Self {
        self.shutdown = shutdown.clone();
        self
    }

    /// Tells pages why their WebSockets are refused. A browser hides the response to a handshake. With this setting, a
    /// refused handshake from a page of an allowed origin is accepted and closed at once with a code: 4401 `token_expired`
    /// or `invalid_credentials`, 4403 `forbidden` or `revoked`, 1013 `unavailable`, 1011 `internal_error`. The handler does
    /// not run. All other clients get the HTTP response.
    ///
    /// # Security
    /// A refused client then holds a connection for up to two seconds more. It counts as pending until then, within the
    /// limits of [`Connections`]. Above the limit a client gets the HTTP response. If another client needs the place, the
    /// connection is cut.
    #[cfg(feature = "axum")]
    pub fn accept_then_close(mut self) -> Self {
        self.accept_then_close = true;
        self
    }

    fn settings_mut(&mut self) -> &mut SocketSettings {
        Arc::make_mut(&mut self.settings)
    }
}
