use std::{
    borrow::Cow,
    fmt,
    sync::{Arc, OnceLock},
    time::SystemTime,
};

use http::{Uri, header::COOKIE, request::Parts};

use crate::{
    Evidence, Payload, Rejection, Transport,
    notes::Notes,
    record::{self, RequestRecord, Taken},
};

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
    taken: Option<Arc<Taken>>,
    /// The request with its cookies, where only explicit credentials count.
    full: Option<&'a Self>,
    /// The head without cookies, once it is needed.
    without_cookies: OnceLock<Box<Parts>>,
    /// Where a chain notes what it accepts, if it is asked by a strategy of another chain.
    notes: Option<&'a Notes>,
    /// What has opened the connection that the request is to renew.
    open: Option<&'a Evidence>,
}

impl<'a> AuthRequest<'a> {
    /// A request without payload, to be judged at the instant `now`.
    ///
    /// # Security
    /// This begins a new decision. A strategy that asks another strategy or chain hands the request on that it was given, or
    /// one made by [`with_parts`](Self::with_parts): otherwise the chain around it does not know the ids, the names and the
    /// checks for revocation of what was accepted inside, and no strategy inside is asked whether it
    /// [may renew](crate::Strategy::may_renew).
    #[must_use]
    pub fn new(parts: &'a Parts, transport: Transport, now: SystemTime) -> Self {
        let record = RequestRecord::find(parts);
        let taken = record.taken();
        let (full, without_cookies, notes, open) = (None, OnceLock::new(), None, None);
        Self { parts, transport, payload: None, now, record, taken, full, without_cookies, notes, open }
    }

    /// Adds the payload that was read.
    #[must_use]
    pub fn with_payload(mut self, payload: &'a Payload) -> Self {
        self.payload = Some(payload);
        self
    }

    /// The same request with another head, for a strategy that shows a changed one to a chain of its own. What that accepts
    /// stays known to the chain around both.
    ///
    /// ```
    /// # use auth_core::{AuthRequest, BoxError, Chain, Outcome, Principal, Strategy};
    /// /// Takes the token of an old client out of the header that it uses.
    /// async fn ask<U: Principal>(inner: &Chain<U>, request: &AuthRequest<'_>) -> Result<Outcome<U>, BoxError> {
    ///     let mut parts = request.parts().clone();
    ///     if let Some(token) = parts.headers.remove("x-old-token") {
    ///         parts.headers.insert("authorization", token);
    ///     }
    ///     Strategy::authenticate(inner, &request.with_parts(&parts)).await
    /// }
    /// ```
    ///
    /// # Security
    /// Change headers, and leave cookies alone: one that becomes a header counts as sent on purpose.
    #[must_use]
    pub fn with_parts<'b>(&'b self, parts: &'b Parts) -> AuthRequest<'b> {
        let (record, taken) = (self.record.clone(), self.taken.clone());
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
        record::with_path_and_query(here, path, here.query())
    }

    /// The values of a query parameter, percent-decoded: those that stand in the URI, then those that layers of ours have
    /// taken out.
    pub fn query_values<'r>(&'r self, name: &str) -> impl Iterator<Item = Cow<'r, str>> {
        let here = self.parts.uri.query().unwrap_or_default();
        let taken = self.taken.iter().flat_map(move |taken| taken.query_values(name));
        record::query_values(here, name).chain(taken)
    }

    /// The entries of `Sec-WebSocket-Protocol`: those that stand in the headers, then those that layers of ours have taken
    /// out.
    pub fn subprotocols(&self) -> impl Iterator<Item = &[u8]> {
        record::subprotocols(&self.parts.headers).chain(self.taken.iter().flat_map(|taken| taken.subprotocols()))
    }

    /// What follows this word among the entries of `Sec-WebSocket-Protocol`, each time that the word is there; `None` if
    /// nothing follows. Where a layer of ours has taken that out, it is given still.
    pub fn subprotocols_after<'r>(&'r self, word: &str) -> impl Iterator<Item = Option<&'r [u8]>> {
        let taken = || self.taken.iter().flat_map(move |taken| taken.subprotocols_after(word));
        // Behind a word whose token is gone stands something else.
        let here = taken().next().is_none().then(|| record::subprotocols_after(&self.parts.headers, word));
        here.into_iter().flatten().chain(taken())
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
    /// The chain asks this after an ambient credential was accepted, to learn whether something explicit speaks against it.
    /// The head has no `Cookie` then. A strategy that takes another ambient credential, a client certificate from the
    /// extensions, says [`Absent`](crate::Outcome::Absent); the extractors of this crate do so by themselves.
    #[must_use]
    pub fn is_explicit_only(&self) -> bool {
        self.full.is_some()
    }

    /// Keeps a value for as long as this request is judged. A strategy that uses a credential up (a one-time ticket, a
    /// proof that is good once) keeps what it found, since it may be asked about the same request again: by a layer
    /// further in, or for explicit credentials alone.
    ///
    /// Use a private type: then nobody else can [`recall`](Self::recall) it.
    pub fn remember<T: Send + Sync + 'static>(&self, value: T) {
        self.record.remember(value);
    }

    /// Looks through the values of this type that were kept with [`remember`](Self::remember), in their order, until `find`
    /// gives something.
    pub fn recall<T: 'static, R>(&self, find: impl FnMut(&T) -> Option<R>) -> Option<R> {
        self.record.recall(find)
    }

    /// The same request for a strategy whose chains note here what they accept.
    pub(crate) fn noting<'b>(&'b self, notes: &'b Notes) -> AuthRequest<'b> {
        AuthRequest { notes: Some(notes), ..self.with_parts(self.parts) }
    }

    /// The same request, to renew the connection that `open` has opened.
    pub(crate) fn renewing<'b>(&'b self, open: &'b Evidence) -> AuthRequest<'b> {
        AuthRequest { open: Some(open), ..self.with_parts(self.parts) }
    }

    /// What has opened the connection that this request is to renew.
    pub(crate) fn open(&self) -> Option<&'a Evidence> {
        self.open
    }

    /// Notes what a chain has accepted, for the strategy that asks it.
    pub(crate) fn note_accepted(&self, evidence: &mut Evidence) {
        if let Some(notes) = self.notes {
            notes.accept(evidence);
        }
    }

    /// Notes what a chain or an `and` has accepted and given up.
    pub(crate) fn note_given_up(&self, given_up: Vec<Evidence>) {
        if let Some(notes) = self.notes {
            notes.give_up(given_up);
        }
    }

    /// Notes a rejection that a chain has passed over on the way to its acceptance.
    pub(crate) fn note_passed_over(&self, rejection: Option<Rejection>) {
        if let (Some(notes), Some(rejection)) = (self.notes, rejection) {
            notes.pass_over(rejection);
        }
    }

    /// Notes that an `and` has found half of what it demands, which cookies complete.
    pub(crate) fn note_half(&self) {
        if let Some(notes) = self.notes {
            notes.half();
        }
    }

    /// Whether a strategy of another chain asks.
    pub(crate) fn is_nested(&self) -> bool {
        self.notes.is_some()
    }

    /// The same request as if the browser had added nothing.
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
        AuthRequest { full: Some(self), ..self.with_parts(parts) }
    }

    /// The request with its cookies, where only explicit credentials count.
    pub(crate) fn full(&self) -> Option<&Self> {
        self.full
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
