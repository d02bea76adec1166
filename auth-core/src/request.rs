use std::{fmt, time::SystemTime};

use http::request::Parts;

use crate::Payload;

/// What kind of exchange asks to be authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Transport {
    /// A plain HTTP request.
    Http,
    /// The opening handshake of a WebSocket: HTTP/1.1 `Upgrade` or HTTP/2 extended `CONNECT`.
    WebSocket,
    /// A Socket.IO `CONNECT` packet.
    SocketIo,
    /// A message on a connection that is already open.
    InBand,
}

/// What a strategy may look at.
///
/// `Debug` shows method, transport and whether there is a payload: the rest may hold secrets.
pub struct AuthRequest<'a> {
    parts: &'a Parts,
    transport: Transport,
    payload: Option<&'a Payload>,
    now: SystemTime,
}

impl<'a> AuthRequest<'a> {
    /// A request without payload, to be judged at the instant `now`.
    #[must_use]
    pub fn new(parts: &'a Parts, transport: Transport, now: SystemTime) -> Self {
        Self { parts, transport, payload: None, now }
    }

    /// Adds the payload that was read.
    #[must_use]
    pub fn with_payload(mut self, payload: &'a Payload) -> Self {
        self.payload = Some(payload);
        self
    }

    /// Method, URI, headers and extensions.
    #[must_use]
    pub fn parts(&self) -> &'a Parts {
        self.parts
    }

    /// What kind of exchange this is.
    #[must_use]
    pub fn transport(&self) -> Transport {
        self.transport
    }

    /// The payload; `None` if no strategy of the chain asked for one, or if the request brought none that can be read.
    #[must_use]
    pub fn payload(&self) -> Option<&'a Payload> {
        self.payload
    }

    /// The instant at which the request is judged, the same for every strategy of the chain.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        self.now
    }
}

impl fmt::Debug for AuthRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthRequest")
            .field("method", &self.parts.method)
            .field("transport", &self.transport)
            .field("payload", &self.payload.is_some())
            .finish_non_exhaustive()
    }
}
