use std::{
    borrow::Cow,
    fmt,
    sync::{Arc, OnceLock},
    time::SystemTime,
};

use http::{Uri, header::COOKIE, request::Parts};

use crate::{
    Payload,
    record::{self, RequestRecord, Taken},
};

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
///
/// # The request as it was sent
///
/// Routers and layers change a request on its way in: a nested router takes a prefix off the path, a layer of ours takes
/// a token out of the query. A strategy that compares a URL asks for the [`target`](Self::target). One that reads the
/// query or the subprotocols asks for [`query_values`](Self::query_values) and [`subprotocols`](Self::subprotocols):
/// they know what is left and what layers of ours have taken out, and not what other middleware has removed.
pub struct AuthRequest<'a> {
    parts: &'a Parts,
    transport: Transport,
    payload: Option<&'a Payload>,
    now: SystemTime,
    record: RequestRecord,
    taken: Arc<Taken>,
    explicit_only: bool,
    /// The head without cookies, once somebody has asked for it.
    without_cookies: OnceLock<Box<Parts>>,
}

impl<'a> AuthRequest<'a> {
    /// A request without payload, to be judged at the instant `now`.
    #[must_use]
    pub fn new(parts: &'a Parts, transport: Transport, now: SystemTime) -> Self {
        let record = RequestRecord::find(parts);
        let taken = record.taken();
        let without_cookies = OnceLock::new();
        Self { parts, transport, payload: None, now, record, taken, explicit_only: false, without_cookies }
    }

    /// Adds the payload that was read.
    #[must_use]
    pub fn with_payload(mut self, payload: &'a Payload) -> Self {
        self.payload = Some(payload);
        self
    }

    /// The same request with another head, for a strategy that shows a changed one to a strategy of its own: what is
    /// accepted by that is known to the chain still.
    #[must_use]
    pub fn with_parts<'b>(&'b self, parts: &'b Parts) -> AuthRequest<'b> {
        let (record, taken) = (self.record.clone(), Arc::clone(&self.taken));
        AuthRequest { parts, record, taken, without_cookies: OnceLock::new(), ..*self }
    }

    /// Method, URI, headers and extensions, as they are here. The path of the URI may lack what a nested router has
    /// taken off: see [`target`](Self::target).
    #[must_use]
    pub fn parts(&self) -> &'a Parts {
        self.parts
    }

    /// The target that was sent: path and query before any router or layer has changed them. It is what the first layer
    /// of ours has seen, else axum's `OriginalUri`, else the URI.
    ///
    /// It has an authority only where the client sent one in the request line (HTTP/2, or the absolute form). That, as
    /// `Host`, is what the client says, and proves nothing. The query may hold a credential.
    #[must_use]
    pub fn target(&self) -> &Uri {
        self.record.target()
    }

    /// The URI for the application: the path that was sent, with the query as it is here.
    pub(crate) fn uri_as_sent(&self) -> Uri {
        let (path, here) = (self.target().path(), &self.parts.uri);
        if path == here.path() {
            return here.clone();
        }
        let target = here.query().map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"));
        record::with_path_and_query(here, target)
    }

    /// The values of a query parameter, percent-decoded: those that stand in the URI, then those that layers of ours have
    /// taken out.
    pub fn query_values<'r>(&'r self, name: &'r str) -> impl Iterator<Item = Cow<'r, str>> + 'r {
        let here = self.parts.uri.query().unwrap_or_default();
        record::query_values(here, name).chain(self.taken.query_values(name))
    }

    /// The entries of `Sec-WebSocket-Protocol`: those that stand in the headers, then those that layers of ours have taken
    /// out.
    pub fn subprotocols(&self) -> impl Iterator<Item = &[u8]> {
        record::subprotocols(&self.parts.headers).chain(self.taken.subprotocols())
    }

    /// What kind of exchange this is.
    #[must_use]
    pub fn transport(&self) -> Transport {
        self.transport
    }

    /// The payload; `None` if no strategy of the chain asked for one, or if the request brought none.
    #[must_use]
    pub fn payload(&self) -> Option<&'a Payload> {
        self.payload
    }

    /// The instant at which the request is judged, the same for every strategy of the chain.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        self.now
    }

    /// Whether only explicit credentials count this time.
    ///
    /// The chain asks so after an ambient credential was accepted, to learn whether something explicit speaks against it.
    /// The head has no `Cookie` then. A strategy that takes another ambient credential, a client certificate from the
    /// extensions, says [`Absent`](crate::Outcome::Absent); the extractors of this crate do so by themselves.
    #[must_use]
    pub fn is_explicit_only(&self) -> bool {
        self.explicit_only
    }

    /// Keeps something for as long as this request is judged. A strategy that uses a credential up (a one-time ticket, a
    /// proof that is good once) keeps what it found, since it may be asked about the same request again: by a layer
    /// further in, or for explicit credentials alone.
    ///
    /// Use a type of your own: nobody else can [`recall`](Self::recall) it.
    pub fn remember<T: Send + Sync + 'static>(&self, value: T) {
        self.record.remember(value);
    }

    /// Looks through what was kept for this request with [`remember`](Self::remember). `find` must not ask the request
    /// again.
    pub fn recall<T: 'static, R>(&self, find: impl FnMut(&T) -> Option<R>) -> Option<R> {
        self.record.recall(find)
    }

    pub(crate) fn record(&self) -> &RequestRecord {
        &self.record
    }

    /// The same request as one whose browser has added nothing.
    pub(crate) fn explicit(&self) -> AuthRequest<'_> {
        let parts = if self.parts.headers.contains_key(COOKIE) {
            self.without_cookies.get_or_init(|| {
                let mut parts = self.parts.clone();
                parts.headers.remove(COOKIE);
                Box::new(parts)
            })
        } else {
            self.parts
        };
        AuthRequest { explicit_only: true, ..self.with_parts(parts) }
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
