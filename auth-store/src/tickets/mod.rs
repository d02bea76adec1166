mod grant;
mod lineage;
mod origin;
mod refusal;
#[cfg(feature = "axum")]
mod route;
mod strategy;
mod value;

use std::{fmt, sync::Arc, time::Duration};

use auth_core::{BoxError, Carrier, Clock, ConfigError, Evidence, OriginPolicy, Refusal, Secret, SystemClock};
use http::request::Parts;

use self::{grant::Record, lineage::Lineage, origin::asks_for_ticket, refusal::forbidden};
pub use self::{
    grant::TicketGrant,
    strategy::{Ticket, TicketStrategy},
};
use crate::{Store, Unavailable, opaque};

/// How long a ticket is good.
const TTL: Duration = Duration::from_secs(30);
const LONGEST_TTL: Duration = Duration::from_secs(300);

/// Shorter lifetimes are useless.
const SHORTEST_TTL: Duration = Duration::from_secs(1);

/// Issues one-time tickets for handshakes, and makes the strategy that accepts them. For pages, which cannot set a header on a
/// WebSocket.
///
/// A ticket is 32 random bytes in base64url. It is good once, for 30 s, for the user who asked for it, at one path, and from
/// the page that asked for it. The store holds only its hash. Clones share everything.
///
/// See the example at the [crate]. The repository's `docs/tickets.md` has more.
#[derive(Clone)]
pub struct Tickets {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    path: Arc<str>,
    ttl: Duration,
    ours: OriginPolicy,
}

/// A new ticket, and how long it is good.
#[derive(Debug)]
pub struct IssuedTicket {
    value: Secret,
    ttl: Duration,
}

impl Tickets {
    /// Tickets in this store, for handshakes at `path`.
    ///
    /// The path is compared, percent-encoded and without query, with the path that the client sent. For a nested router, it
    /// includes the prefix that the router removes.
    ///
    /// # Errors
    /// If `path` does not begin with a slash, or has a query or fragment.
    pub fn new(store: impl Store, path: &str) -> Result<Self, ConfigError> {
        if !path.starts_with('/') || path.contains(['?', '#']) {
            return Err(ConfigError::new("the path of the tickets is invalid: write it like `/ws`, without query"));
        }
        let (store, clock) = (Arc::new(store), Arc::new(SystemClock));
        Ok(Self { store, clock, path: path.into(), ttl: TTL, ours: OriginPolicy::default() })
    }

    /// Sets the clock that decides when the parent credential ends. The default is the system's. The store measures the
    /// ticket's own lifetime.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Sets how long a ticket is good. The default is 30 s. A ticket never outlives its parent credential.
    ///
    /// # Errors
    /// If it is shorter than a second or longer than 300 s.
    pub fn ttl(mut self, ttl: Duration) -> Result<Self, ConfigError> {
        if !(SHORTEST_TTL..=LONGEST_TTL).contains(&ttl) {
            return Err(ConfigError::new("the lifetime of a ticket must be from 1 s to 300 s"));
        }
        self.ttl = ttl;
        Ok(self)
    }

    /// Lets only pages of these origins ask for tickets. The default is the server's own origin: host and port as in `Host`.
    /// Use the same list as for the layers around the socket and around the route for tickets: with a cookie, that layer judges the
    /// request first.
    ///
    /// # Errors
    /// If one is neither an origin nor a wildcard of one label, see [`AllowedOrigin`](auth_core::AllowedOrigin), or if the
    /// list is empty.
    pub fn allow_origins<'o>(mut self, origins: impl IntoIterator<Item = &'o str>) -> Result<Self, ConfigError> {
        self.ours = self.ours.allow(origins)?;
        Ok(self)
    }

    /// The strategy that accepts tickets. It needs a verify callback.
    pub fn strategy(&self) -> Ticket {
        Ticket::new(Arc::clone(&self.store))
    }

    /// Issues a ticket for the user in `evidence`. `request` is the request that asks for it. The route does just this.
    ///
    /// # Errors
    /// | Answer | If |
    /// |---|---|
    /// | 403 `origin_not_allowed` | the origin of the page is not allowed, or the request names several origins |
    /// | 403 `origin_required` | the credential is a cookie, and the request names no origin |
    /// | 403 `forbidden` | one of the credentials is itself a ticket; or the evidence has no principal: a guest, or two users of an `and`. The log says what to do |
    /// | 403 `token_expired` | the credential ends in less than a second |
    /// | 503 `unavailable` | the store is down or full |
    pub async fn issue(&self, evidence: &Evidence, request: &Parts) -> Result<IssuedTicket, Refusal> {
        let origin = asks_for_ticket(&self.ours, request, evidence.carrier())?;
        if involves_ticket(evidence) {
            return Err(forbidden("forbidden"));
        }
        let Some(user) = evidence.principal() else {
            tracing::error!(
                "no ticket is issued: the evidence names no principal, or an `and` has two; return one from \
                 `Principal::principal_id` or from the strategy"
            );
            return Err(forbidden("forbidden"));
        };
        let lineage = Lineage::of(evidence, user);
        let ttl = match evidence.expires_at() {
            Some(end) => self.ttl.min(end.duration_since(self.clock.now()).unwrap_or_default()),
            None => self.ttl,
        };
        if ttl < SHORTEST_TTL {
            return Err(forbidden("token_expired"));
        }

        let unavailable = |cause: BoxError| Refusal::from(Unavailable::because(cause));
        let value = value::random().map_err(unavailable)?;
        let id = opaque::random::<16>().map_err(unavailable)?;
        let record = Record::new(id, &self.path, origin.as_ref(), &lineage, evidence.expires_at());
        let record = record.encode().map_err(unavailable)?;
        self.store.put(&value::key(value.expose()), &record, ttl).await.map_err(unavailable)?;
        Ok(IssuedTicket { value, ttl })
    }
}

impl fmt::Debug for Tickets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tickets").field("path", &self.path).field("ttl", &self.ttl).finish_non_exhaustive()
    }
}

impl IssuedTicket {
    /// The ticket. Send it only to the client that asked for it.
    #[must_use]
    pub fn value(&self) -> &Secret {
        &self.value
    }

    /// How long it is good, from when it was issued.
    #[must_use]
    pub fn expires_in(&self) -> Duration {
        self.ttl
    }
}

/// A ticket cannot be exchanged for another one: a client could stay connected forever.
fn involves_ticket(evidence: &Evidence) -> bool {
    evidence.carrier() == Carrier::Ticket || evidence.parts().iter().any(involves_ticket)
}
