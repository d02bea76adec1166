use std::{fmt, marker::PhantomData, sync::Arc};

use auth_core::{
    AuthRequest, BoxError, Carrier, Challenge, Needs, Outcome, Principal, Rejection, Start, Strategy, Transport,
    Verify, async_trait,
    extract::{Credential, Extractor, query},
};

use super::{
    grant::{Record, TicketGrant},
    origin::comes_from,
    value,
};
use crate::Store;

/// Tickets as a strategy, before its verify callback is known; made by [`Tickets::strategy`](crate::Tickets::strategy).
#[must_use = "a strategy does nothing until it is in a chain"]
pub struct Ticket {
    store: Arc<dyn Store>,
    name: String,
    extractor: Box<dyn Extractor>,
    plain_requests: bool,
}

impl Ticket {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        Self { store, name: "ticket".into(), extractor: Box::new(query("ticket")), plain_requests: false }
    }

    /// Sets the strategy's name in evidence and logs. The default is `ticket`.
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Sets where to look for tickets. The default is the query parameter `ticket`. For Socket.IO, use a field of `auth`,
    /// [`socketio_auth("ticket")`](auth_core::extract::socketio_auth): polling sends the query with every request, but a ticket
    /// is good only once.
    pub fn extract(mut self, extractor: impl Extractor) -> Self {
        self.extractor = Box::new(extractor);
        self
    }

    /// Also accepts tickets on plain HTTP requests. By default they are refused there, since a ticket is for opening a
    /// connection.
    ///
    /// # Security
    /// An attacker who makes a browser follow a link with the attacker's ticket makes it act as the attacker. Protect requests
    /// that change something against this.
    pub fn dangerous_allow_plain_requests(mut self) -> Self {
        self.plain_requests = true;
        self
    }

    /// Sets the callback that decides about the user. See [`Verify`] for what it may return.
    ///
    /// It is called only for tickets that are otherwise good.
    pub fn verify<V, M>(self, verify: V) -> TicketStrategy<V, M>
    where
        V: Verify<TicketGrant, M, User: Principal>,
    {
        TicketStrategy { ticket: self, verify, closure: PhantomData }
    }

    /// Uses up the ticket and returns its record. The inner `Err` says why the ticket is rejected.
    async fn redeem(
        &self,
        ticket: &str,
        request: &AuthRequest<'_>,
    ) -> Result<Result<Arc<Record>, Rejection>, BoxError> {
        if !value::is_ticket(ticket) {
            return Ok(refused("it does not have the form of a ticket"));
        }
        let Some(record) = self.take(value::key(ticket), request).await? else {
            return Ok(refused("it is used, too old, or was never issued"));
        };
        if request.transport() == Transport::Http && !self.plain_requests {
            return Ok(refused("it comes with a plain request"));
        }
        if request.target().path() != record.path {
            return Ok(refused("it is for another path"));
        }
        if !comes_from(record.origin.as_deref(), request.parts()) {
            return Ok(refused("it comes from another page"));
        }
        if record.expires_at().is_some_and(|end| request.now() >= end) {
            return Ok(Err(Rejection::token_expired()));
        }
        Ok(Ok(record))
    }

    /// Takes the record out of the store. If this request has already used the ticket (in an outer layer, or when its cookies
    /// counted), returns the same record again.
    async fn take(&self, key: String, request: &AuthRequest<'_>) -> Result<Option<Arc<Record>>, BoxError> {
        let store = Arc::as_ptr(&self.store).addr();
        let spent = |spent: &SpentFor| (spent.store == store && spent.key == key).then(|| Arc::clone(&spent.record));
        if let Some(record) = request.recall(spent) {
            return Ok(Some(record));
        }
        let Some(record) = self.store.take(&key).await? else {
            return Ok(None);
        };
        let Some(record) = Record::decode(&record).map(Arc::new) else {
            tracing::error!("the record of a ticket in the store is unreadable");
            return Ok(None);
        };
        request.remember(SpentFor { store, key, record: Arc::clone(&record) });
        Ok(Some(record))
    }
}

/// A ticket that the request has used.
struct SpentFor {
    /// Identifies the store.
    store: usize,
    key: String,
    record: Arc<Record>,
}

/// One rejection for every reason. The log has a constant that names it.
fn refused(why: &'static str) -> Result<Arc<Record>, Rejection> {
    tracing::debug!(why, "the ticket is refused");
    Err(Rejection::invalid_credentials())
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Tickets with their verify callback, ready for a chain; made by [`Ticket::verify`].
///
/// The evidence has the names, the sessions and the end of the credential that asked for the ticket. That credential is the
/// [`parent`](auth_core::Evidence::parent): its revocation also revokes what the ticket opened. The ticket's own id has no
/// issuer, since this service gives it. The strategy has no challenge.
#[must_use = "a strategy does nothing until it is in a chain"]
pub struct TicketStrategy<V, M = ()> {
    ticket: Ticket,
    verify: V,
    /// Which kind of closure `verify` is.
    closure: PhantomData<fn() -> M>,
}

#[async_trait]
impl<V, M> Strategy for TicketStrategy<V, M>
where
    V: Verify<TicketGrant, M, User: Principal>,
    M: 'static,
{
    type User = V::User;

    fn name(&self) -> &str {
        &self.ticket.name
    }

    fn challenges(&self, _: &mut Vec<Challenge>) {}

    fn needs(&self) -> Needs {
        Needs::of(&self.ticket.extractor)
    }

    async fn authenticate(&self, request: &AuthRequest<'_>) -> Result<Outcome<Self::User>, BoxError> {
        self.start(request).finish().await
    }

    /// Only the store and the callback have to be waited for.
    fn start<'a>(&'a self, request: &'a AuthRequest<'_>) -> Start<'a, V::User> {
        match self.ticket.extractor.extract(request) {
            Ok(Some(credential)) => Start::Waits(Box::pin(self.decide(credential, request))),
            Ok(None) => Start::Done(Ok(Outcome::Absent)),
            Err(malformed) => Start::Done(Ok(malformed.into())),
        }
    }
}

impl<V, M> TicketStrategy<V, M>
where
    V: Verify<TicketGrant, M, User: Principal>,
{
    async fn decide(
        &self,
        credential: Credential<'_>,
        request: &AuthRequest<'_>,
    ) -> Result<Outcome<V::User>, BoxError> {
        let record = match self.ticket.redeem(credential.expose(), request).await? {
            Ok(record) => record,
            Err(rejection) => return Ok(Outcome::Reject(rejection)),
        };
        let Some(grant) = record.grant() else {
            return Ok(Outcome::Reject(Rejection::invalid_credentials()));
        };
        let verdict = self.verify.verify(grant, request).await?;
        Ok(match verdict.into_accept(carrier(&credential)) {
            Ok(accept) => Outcome::Accept(record.added_to(accept)),
            Err(rejection) => Outcome::Reject(rejection),
        })
    }
}

impl<V, M> fmt::Debug for TicketStrategy<V, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TicketStrategy").field("ticket", &self.ticket).finish_non_exhaustive()
    }
}

/// A ticket, unless a browser would send it by itself.
fn carrier(credential: &Credential<'_>) -> Carrier {
    if credential.carrier().is_ambient() { credential.carrier() } else { Carrier::Ticket }
}
