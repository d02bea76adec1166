mod grant;
mod lineage;
mod origin;
mod refusal;
#[cfg(feature = "axum")]
mod route;
mod strategy;
mod value;

use std::{fmt, sync::Arc, time::Duration};

use auth_core::{BoxError, Carrier, Clock, ConfigError, Evidence, Refusal, Secret, SystemClock};
use http::request::Parts;

use self::{grant::Record, lineage::Lineage, origin::Origins, refusal::forbidden};
pub use self::{
    grant::TicketGrant,
    strategy::{Ticket, TicketStrategy},
};
use crate::{Store, Unavailable, opaque};

/// How long a ticket is good.
const TTL: Duration = Duration::from_secs(30);
const LONGEST_TTL: Duration = Duration::from_secs(300);

/// A lifetime that is too short to get anywhere with.
const SHORTEST_TTL: Duration = Duration::from_secs(1);

/// One-time tickets for handshakes, for pages that cannot set a header on a WebSocket: gives them out, and makes the
/// strategy that takes them back.
///
/// A ticket is 32 random bytes in base64url. It is good once, for 30 s, for the user who asked for it, at one path, and from
/// the page that asked for it. The store holds its hash and never itself. Clones share everything.
///
/// The repository's `docs/tickets.md` shows both ends. There is an example at the [crate].
#[derive(Clone)]
pub struct Tickets {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    path: Arc<str>,
    ttl: Duration,
    origins: Origins,
}

/// What was given out: the ticket, and how long it is good.
#[derive(Debug)]
pub struct IssuedTicket {
    value: Secret,
    ttl: Duration,
}

impl Tickets {
    /// Tickets in this store, for handshakes at the path `path`.
    ///
    /// The path is compared as it is, percent-encoded and without query, with the one that the client has sent: inside a
    /// nested router it is the whole path, with the prefix that the router takes off.
    ///
    /// # Errors
    /// If `path` does not begin with a slash, or has a query or fragment.
    pub fn new(store: impl Store, path: &str) -> Result<Self, ConfigError> {
        if !path.starts_with('/') || path.contains(['?', '#']) {
            return Err(ConfigError::new("the path of the tickets is none: write it as in `/ws`, without query"));
        }
        let (store, clock) = (Arc::new(store), Arc::new(SystemClock));
        Ok(Self { store, clock, path: path.into(), ttl: TTL, origins: Origins::default() })
    }

    /// Tells when the credential behind a ticket ends; the default is the system's clock. The ticket's own lifetime is the
    /// store's to measure.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// How long a ticket is good; the default is 30 s. It never outlives the credential that it was bought with.
    ///
    /// # Errors
    /// If it is shorter than a second or longer than 300 s.
    pub fn ttl(mut self, ttl: Duration) -> Result<Self, ConfigError> {
        if !(SHORTEST_TTL..=LONGEST_TTL).contains(&ttl) {
            return Err(ConfigError::new("the lifetime of a ticket is shorter than 1 s or longer than 300 s"));
        }
        self.ttl = ttl;
        Ok(self)
    }

    /// Lets pages of these origins ask for tickets, and no others. The default is the server's own, that is host and port as
    /// in `Host`. Give the list that the layer around the socket has.
    ///
    /// # Errors
    /// If one is neither an origin nor a wildcard of one label, see [`AllowedOrigin`](auth_core::AllowedOrigin), or if there
    /// is none.
    pub fn allow_origins<'o>(mut self, origins: impl IntoIterator<Item = &'o str>) -> Result<Self, ConfigError> {
        self.origins = Origins::list(origins)?;
        Ok(self)
    }

    /// The strategy that takes tickets back. It wants a verify callback.
    pub fn strategy(&self) -> Ticket {
        Ticket::new(Arc::clone(&self.store))
    }

    /// Gives a ticket for what `evidence` shows, asked for by the request `request`. The route does just this.
    ///
    /// # Errors
    /// | Answer | if |
    /// |---|---|
    /// | 403 `origin_not_allowed` | the page that asks is of a foreign origin, or the request names several |
    /// | 403 `origin_required` | a cookie asks, and no origin is named |
    /// | 403 `forbidden` | the credential is a ticket itself, or one of several is; or the evidence names no principal: a guest, or two users of an `and`. The log says what to do |
    /// | 403 `token_expired` | the credential has less than a second left |
    /// | 503 `unavailable` | the store is away or full |
    pub async fn issue(&self, evidence: &Evidence, request: &Parts) -> Result<IssuedTicket, Refusal> {
        let origin = self.origins.judge(request, evidence.carrier())?;
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
    /// The ticket. Send it to whoever asked, and to nobody else.
    #[must_use]
    pub fn value(&self) -> &Secret {
        &self.value
    }

    /// How long it is good, from when it was given.
    #[must_use]
    pub fn expires_in(&self) -> Duration {
        self.ttl
    }
}

/// Tickets are not renewed: whoever could buy one with another would stay for ever.
fn involves_ticket(evidence: &Evidence) -> bool {
    evidence.carrier() == Carrier::Ticket || evidence.parts().iter().any(involves_ticket)
}
