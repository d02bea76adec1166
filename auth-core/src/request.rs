use std::{
    borrow::Cow,
    fmt,
    sync::{Arc, OnceLock},
    time::SystemTime,
};

use http::{Uri, header::COOKIE, request::Parts};

use crate::{
    Evidence, KeptCookies, Payload, Rejection, Transport,
    cookies::single_cookie,
    notes::Notes,
    record::{self, RequestRecord, Taken},
};

/// A request as a strategy sees it.
///
/// `Debug` shows only the method, the transport and whether there is a payload: the rest may hold secrets.
///
/// # The request as it was sent
///
/// Routers and layers change a request on its way in: a nested router removes a prefix from the path, and our layers take a
/// token out of the query. To compare a URL, use [`target`](Self::target). To read the query or the subprotocols, use
/// [`query_values`](Self::query_values) and [`subprotocols`](Self::subprotocols): they also return what our layers have taken
/// out, but not what other middleware has removed.
pub struct AuthRequest<'a> {
    head: Head<'a>,
    transport: Transport,
    payload: Option<&'a Payload>,
    now: SystemTime,
    /// The request that this one was made from. Both share what is known about it.
    base: Option<&'a Self>,
    /// Looked up when it is first needed. Only a request without a base has it. Boxed, since few strategies need it.
    known: OnceLock<Box<Known>>,
    /// Set if only explicit credentials count: the request with its cookies.
    full: Option<&'a Self>,
    /// The head without cookies, made when it is first needed.
    without_cookies: OnceLock<Box<Parts>>,
    /// Where a nested chain notes what it accepts.
    notes: Option<&'a Notes>,
    /// The evidence that opened the connection, if the request renews one.
    open: Option<&'a Evidence>,
}

/// Where the head of a request is.
#[derive(Clone, Copy)]
enum Head<'a> {
    Here(&'a Parts),
    /// In this request, once somebody looks: most strategies of cookies need not look again.
    WithoutCookies(&'a AuthRequest<'a>),
}

/// What is known about a request beyond its head.
struct Known {
    record: RequestRecord,
    taken: Option<Arc<Taken>>,
    /// Why no credential was found, in this decision. An inner layer asks its own strategies.
    absence: OnceLock<&'static str>,
}

impl<'a> AuthRequest<'a> {
    /// A request without payload. `now` is the instant of the decision.
    ///
    /// # Security
    /// This starts a new decision. A strategy that asks another strategy or chain must pass on the request that it was given,
    /// or one made with [`with_parts`](Self::with_parts). Otherwise the outer chain does not learn the ids, names and
    /// revocation checks of what was accepted inside, and no inner strategy is asked whether it
    /// [may renew](crate::Strategy::may_renew).
    #[must_use]
    pub fn new(parts: &'a Parts, transport: Transport, now: SystemTime) -> Self {
        Self {
            head: Head::Here(parts),
            transport,
            payload: None,
            now,
            base: None,
            known: OnceLock::new(),
            full: None,
            without_cookies: OnceLock::new(),
            notes: None,
            open: None,
        }
    }

    /// Adds the payload that was read.
    #[must_use]
    pub fn with_payload(mut self, payload: &'a Payload) -> Self {
        self.payload = Some(payload);
        self
    }

    /// The same request with another head, for a strategy that passes a changed head to a chain of its own. The outer chain
    /// still learns what that chain accepts.
    ///
    /// ```
    /// # use auth_core::{AuthRequest, BoxError, Chain, Outcome, Principal, Strategy};
    /// /// Reads the token of an old client from the header that it uses.
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
    /// Change headers, but leave cookies alone. A cookie that you turn into a header counts as sent on purpose.
    #[must_use]
    pub fn with_parts<'b>(&'b self, parts: &'b Parts) -> AuthRequest<'b> {
        self.with_head(Head::Here(parts))
    }

    fn with_head<'b>(&'b self, head: Head<'b>) -> AuthRequest<'b> {
        let base = Some(self.base.unwrap_or(self));
        AuthRequest { head, base, known: OnceLock::new(), without_cookies: OnceLock::new(), ..*self }
    }

    /// The value of a cookie such as the id of a device, unchecked. If there are two cookies with the name, neither counts. Don't read
    /// credentials with it.
    ///
    /// It is also found where [`parts`](Self::parts) has no cookies: where only credentials count that were sent on purpose, and over an
    /// open connection, if the strategy has [asked for it](crate::Needs::add_kept_cookie).
    ///
    /// # Security
    /// Let nobody in because of it: browsers send cookies by themselves.
    #[must_use]
    pub fn kept_cookie(&self, name: &str) -> Option<&str> {
        let mut whole = self;
        while let Some(full) = whole.full {
            whole = full;
        }
        let parts = whole.parts();
        let headers = parts.extensions.get::<KeptCookies>().map_or(&parts.headers, KeptCookies::headers);
        single_cookie(headers, name)
    }

    /// Method, URI, headers and extensions, as they are at this point. The path may lack a prefix that a nested router has
    /// removed: see [`target`](Self::target).
    #[must_use]
    pub fn parts(&self) -> &'a Parts {
        match self.head {
            Head::Here(parts) => parts,
            Head::WithoutCookies(full) => full.without_cookies(),
        }
    }

    /// The target that was sent: path and query before any router or layer changed them. It is the target that our outermost
    /// layer saw, or else axum's `OriginalUri`, or else the URI.
    ///
    /// It has an authority only if the client sent one in the request line (HTTP/2, or the absolute form). Like `Host`, the
    /// authority is the client's claim and proves nothing. The query may hold a credential.
    #[must_use]
    pub fn target(&self) -> &Uri {
        self.known().record.target()
    }

    /// The URI for the application: the path that was sent, with the current query.
    pub(crate) fn uri_as_sent(&self) -> Uri {
        let (path, here) = (self.target().path(), &self.parts().uri);
        if path == here.path() {
            return here.clone();
        }
        record::with_path_and_query(here, path, here.query())
    }

    /// The values of a query parameter, percent-decoded: those in the URI, then those that our layers have taken out.
    pub fn query_values<'r>(&'r self, name: &str) -> impl Iterator<Item = Cow<'r, str>> {
        let here = self.parts().uri.query().unwrap_or_default();
        let taken = self.taken().flat_map(move |taken| taken.query_values(name));
        record::query_values(here, name).chain(taken)
    }

    /// The entries of `Sec-WebSocket-Protocol`: those in the headers, then those that our layers have taken out.
    pub fn subprotocols(&self) -> impl Iterator<Item = &[u8]> {
        record::subprotocols(&self.parts().headers).chain(self.taken().flat_map(Taken::subprotocols))
    }

    /// The entry after each occurrence of this word in `Sec-WebSocket-Protocol`; `None` if nothing follows. It includes entries
    /// that our layers have taken out.
    pub fn subprotocols_after<'r>(&'r self, word: &str) -> impl Iterator<Item = Option<&'r [u8]>> {
        let taken = || self.taken().flat_map(move |taken| taken.subprotocols_after(word));
        // Another entry follows a word whose token is gone.
        let here = taken().next().is_none().then(|| record::subprotocols_after(&self.parts().headers, word));
        here.into_iter().flatten().chain(taken())
    }

    /// The kind of exchange.
    #[must_use]
    pub fn transport(&self) -> Transport {
        self.transport
    }

    /// The payload; `None` if no strategy of the chain asked for one, or if the request has none.
    #[must_use]
    pub fn payload(&self) -> Option<&'a Payload> {
        self.payload
    }

    /// The instant of the decision, the same for every strategy of the chain.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        self.now
    }

    /// Whether only explicit credentials count this time.
    ///
    /// After an ambient credential was accepted, the chain asks again, to learn whether something explicit speaks against it.
    /// The head has no `Cookie` then. A strategy that reads another ambient credential, such as a client certificate in the
    /// extensions, must say [`Absent`](crate::Outcome::Absent). The extractors of this crate do so by themselves.
    #[must_use]
    pub fn is_explicit_only(&self) -> bool {
        self.full.is_some()
    }

    /// Keeps a value with this request. A strategy that uses up a credential (a one-time ticket, a proof that is good once)
    /// keeps what it found, since it may be asked about the same request again: by an inner layer, or without cookies.
    ///
    /// Use a private type, so that no other code can [`recall`](Self::recall) it.
    pub fn remember<T: Send + Sync + 'static>(&self, value: T) {
        self.known().record.remember(value);
    }

    /// Goes through the values of this type that were kept with [`remember`](Self::remember), in order, until `find` returns
    /// something.
    pub fn recall<T: 'static, R>(&self, find: impl FnMut(&T) -> Option<R>) -> Option<R> {
        self.known().record.recall(find)
    }

    /// Says why a strategy answers [`Absent`](crate::Outcome::Absent): the code of the 401 if no strategy of the chain finds a
    /// credential. The default is `missing_credentials`.
    ///
    /// Use it for a credential that was good once and is to be forgotten, such as the cookie of a login that has ended: `Absent` lets
    /// an optional layer greet the visitor, and `session_expired` tells a page why the visitor is logged out. The refusal stays one of
    /// [kind](crate::Refusal::kind) `Missing`.
    ///
    /// The first code counts, in nested chains too. It counts for this decision only: an inner layer asks its strategies again.
    pub fn explain_absence(&self, code: &'static str) {
        // OK if it was set: the first code counts.
        let _ = self.known().absence.set(code);
    }

    /// The code of the refusal if no strategy has found a credential.
    pub(crate) fn absence_code(&self) -> Option<&'static str> {
        self.base.unwrap_or(self).known.get()?.absence.get().copied()
    }

    /// The record that strategies have used in this decision, if they have. For adapters that made none before: put it into the
    /// extensions, so that an inner layer finds what strategies have [kept](Self::remember).
    #[must_use]
    pub fn into_record(self) -> Option<RequestRecord> {
        self.known.into_inner().map(|known| known.record)
    }

    fn known(&self) -> &Known {
        match self.base {
            Some(base) => base.known(),
            None => self.known.get_or_init(|| {
                let record = RequestRecord::find(self.parts());
                let taken = record.taken();
                Box::new(Known { record, taken, absence: OnceLock::new() })
            }),
        }
    }

    /// What our layers have taken out.
    fn taken(&self) -> impl Iterator<Item = &Taken> {
        self.known().taken.as_deref().into_iter()
    }

    /// The same request, with a place for inner chains to note what they accept.
    pub(crate) fn noting<'b>(&'b self, notes: &'b Notes) -> AuthRequest<'b> {
        AuthRequest { notes: Some(notes), ..self.with_head(self.head) }
    }

    /// The same request, as one that renews the connection that `open` has opened.
    pub(crate) fn renewing<'b>(&'b self, open: &'b Evidence) -> AuthRequest<'b> {
        AuthRequest { open: Some(open), ..self.with_head(self.head) }
    }

    /// The evidence that opened the connection, if this request renews one.
    pub(crate) fn open(&self) -> Option<&'a Evidence> {
        self.open
    }

    /// Notes what a chain has accepted, for the strategy around it.
    pub(crate) fn note_accepted(&self, evidence: &mut Evidence) {
        if let Some(notes) = self.notes {
            notes.accept(evidence);
        }
    }

    /// Notes what a chain or an `and` has accepted and then given up.
    pub(crate) fn note_given_up(&self, given_up: Vec<Evidence>) {
        if let Some(notes) = self.notes {
            notes.give_up(given_up);
        }
    }

    /// Notes a rejection that a chain has passed over.
    pub(crate) fn note_passed_over(&self, rejection: Option<Rejection>) {
        if let (Some(notes), Some(rejection)) = (self.notes, rejection) {
            notes.pass_over(rejection);
        }
    }

    /// Notes that an `and` has found one half, and that cookies complete it.
    pub(crate) fn note_half(&self) {
        if let Some(notes) = self.notes {
            notes.half();
        }
    }

    /// Whether the chain that gets this request is nested in another one.
    pub(crate) fn is_nested(&self) -> bool {
        self.notes.is_some()
    }

    /// The same request without what the browser adds by itself.
    pub(crate) fn explicit(&self) -> AuthRequest<'_> {
        let has_cookies = self.parts().headers.contains_key(COOKIE);
        let head = if has_cookies { Head::WithoutCookies(self) } else { self.head };
        AuthRequest { full: Some(self), ..self.with_head(head) }
    }

    fn without_cookies(&self) -> &Parts {
        self.without_cookies.get_or_init(|| {
            let mut parts = self.parts().clone();
            parts.headers.remove(COOKIE);
            Box::new(parts)
        })
    }

    /// The request with its cookies, if only explicit credentials count in this one.
    pub(crate) fn full(&self) -> Option<&Self> {
        self.full
    }
}

impl fmt::Debug for AuthRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthRequest")
            .field("method", &self.parts().method)
            .field("transport", &self.transport)
            .field("payload", &self.payload.is_some())
            .finish_non_exhaustive()
    }
}
