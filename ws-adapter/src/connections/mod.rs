//! The registry of what is open.

mod address;
mod attempts;
mod enter;
mod follow;
mod id;
mod index;
#[cfg(feature = "socketio")]
mod kept;
mod limits;
#[cfg(feature = "axum")]
mod lingering;
mod member;
mod pending;
mod prefix;
mod recheck;
mod settings;
mod sockets;

use std::{
    fmt,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use auth_core::{BoxError, Evidence, PrincipalId, Revocation, RevocationCheck};
use futures_util::FutureExt as _;
use tokio::{sync::watch, time};

#[cfg(feature = "axum")]
pub(crate) use self::lingering::LingeringGuard;
pub use self::{
    address::ClientAddress,
    attempts::{Attempt, AttemptLimiter, AttemptPlace},
    id::ConnectionId,
    limits::Overflow,
    sockets::Sockets,
};
pub(crate) use self::{
    enter::settle,
    limits::TooMany,
    member::{Counts, Credential, End, Registration},
    pending::PendingGuard,
    recheck::recheck,
    settings::{Ping, SocketSettings},
};
use self::{index::Index, limits::Limits, member::Member, pending::Pending};
#[cfg(feature = "socketio")]
pub(crate) use self::{kept::KeptGuard, recheck::REVOCATION_UNKNOWN};
use crate::Close;

/// The open connections of one or several layers, WebSockets and Socket.IO alike: found by user, session, credential or
/// name, counted, limited and closed.
///
/// Clones are one registry; set the limits first, since each clone takes them along. Give it to each layer with
/// [`Sockets::connections`](crate::Sockets::connections); a layer without one makes its own.
///
/// ```
/// use auth_core::{PrincipalId, Revocation};
/// use std::time::SystemTime;
/// use ws_adapter::{Close, Connections, Overflow};
///
/// let connections = Connections::new().per_user(5, Overflow::CloseOldest);
/// let ann = PrincipalId::new("", "1001");
/// assert_eq!(connections.count_of(&ann), 0);
/// // Everything of hers that is open on this node, with a code and a reason of our own.
/// connections.close(&Revocation::user(ann, SystemTime::now()), &Close::new(4000, "moved"));
/// ```
///
/// # Revocation
///
/// [`follow`](Self::follow) closes what is revoked, here or on another node, with 4403 `revoked`. A connection is entered
/// before its credential is looked up once more, so a revocation that comes in between finds it by one or the other.
#[derive(Clone)]
pub struct Connections {
    limits: Limits,
    attempts: Arc<dyn AttemptLimiter>,
    shared: Arc<Shared>,
}

struct Shared {
    index: Mutex<Index>,
    pending: Arc<Pending>,
    #[cfg(feature = "socketio")]
    kept: Arc<kept::Kept>,
    #[cfg(feature = "axum")]
    lingering: Mutex<lingering::Lingering>,
    check: OnceLock<Arc<dyn RevocationCheck>>,
    /// Dropped with the registry, which ends whatever follows a feed for it.
    alive: watch::Sender<()>,
}

impl Connections {
    /// A registry without limit for users, with 1000 pending connections in all and 50 of one address.
    #[must_use]
    pub fn new() -> Self {
        Self {
            limits: Limits { per_user: None, pending: pending::Limits { all: 1000, per_address: 50 } },
            attempts: Arc::new(attempts::InMemory::default()),
            shared: Arc::new(Shared {
                index: Mutex::default(),
                pending: Arc::default(),
                #[cfg(feature = "socketio")]
                kept: Arc::default(),
                #[cfg(feature = "axum")]
                lingering: Mutex::default(),
                check: OnceLock::new(),
                alive: watch::Sender::new(()),
            }),
        }
    }

    /// How many connections a user may have on this node, and what happens to one more. A user is who the
    /// [`principal`](auth_core::Evidence::principal) of the evidence names. Guests have no limit; where a
    /// Socket.IO transport of a guest becomes a user's, it is one connection more of that user. A Socket.IO transport is one
    /// connection.
    ///
    /// As many handlers of raw sockets may go on after their peers are gone, for 60 s at the most; one more, and the oldest is
    /// dropped at once. Without a limit these are 10 of each user. Guests may have 1000 together.
    #[must_use]
    pub fn per_user(mut self, max: usize, overflow: Overflow) -> Self {
        self.limits.per_user = Some((max, overflow));
        self
    }

    /// How many connections may be open in all that nobody has authenticated yet: those that wait for a
    /// [first message](crate::AuthLayer), those that are opened only to be closed, and Socket.IO transports before a good
    /// `CONNECT`. 1000 by default.
    ///
    /// When all places are taken, one more takes the place of another: the client with the most places loses its oldest
    /// connection, which is closed with 4503 `displaced` ([`Close::DISPLACED`]). A client is an IPv4 address or an IPv6 /48;
    /// clients with an unknown address count as one. If no client has more places than the newcomer's, the newcomer is
    /// refused: 429 `too_many_connections`.
    ///
    /// # Security
    /// One client cannot keep others out, unless they share its address or /48. Those get in when its connections reach
    /// their deadline, and at any time with a credential on the handshake, which needs no place. An attacker with as many
    /// addresses as there are places can still take them all.
    #[must_use]
    pub fn max_pending(mut self, max: usize) -> Self {
        self.limits.pending.all = max;
        self
    }

    /// How many of those may come from one IPv4 address or one IPv6 /64. A /56 may have twice as many, and a /48 four times;
    /// see [`ClientAddress`]. One more is refused: 429 `too_many_connections`. 50 by default. It does not hold where the
    /// address is not known.
    ///
    /// A connection counts for its address until its memory is free. For a Socket.IO transport that ends without a good
    /// `CONNECT`, that is a second after the deadline for it, because socketioxide keeps it until then. It leaves its place in
    /// [`max_pending`](Self::max_pending) at once. Clients of unknown address count together, up to `max_pending`. A transport
    /// that was opened with a credential counts for its user in the same way: no user may have more of those than this limit.
    #[must_use]
    pub fn max_pending_per_address(mut self, max: usize) -> Self {
        self.limits.pending.per_address = max;
        self
    }

    /// Replaces the limiter for wrong credentials that are presented over open connections, first messages included. The
    /// default is in memory, and allows:
    ///
    /// | Wrong credentials over all connections of | At once | One more after |
    /// |---|---|---|
    /// | one user | 10 | 60 s |
    /// | one IPv4 address or IPv6 /64 | 30 | 20 s |
    /// | one /56; one /48 | 60; 120 | 10 s; 5 s |
    ///
    /// Wrong is what [`Refusal::is_wrong_credential`](auth_core::Refusal::is_wrong_credential) says of the chain's refusal: not
    /// what is missing, right and not enough, or met an outage. One more is not checked: `too_many_attempts`, and a first message closes with 4429 `too_many_attempts`. A
    /// success gives nothing back. Each connection also has a limit of its own, which this does not change: three, and one more after five
    /// minutes. Set it before the registry is cloned.
    ///
    /// # Security
    /// A limit for handshakes does not see these attempts: a client with a credential of its own can guess another's over its
    /// connections. Two things to know about the default:
    ///
    /// - Clients that share an address share its limit, so one of them can use it up. The others cannot refresh until some of
    ///   it is regained, and reconnect when their credential ends.
    /// - Where the [address](ClientAddress) is not known, first messages have no limit of attempts.
    #[must_use]
    pub fn attempt_limiter(mut self, limiter: impl AttemptLimiter) -> Self {
        self.attempts = Arc::new(limiter);
        self
    }

    /// Closes what a revocation covers, on this node and now, and tells how many connections that were. It revokes
    /// nothing: a client may come again with the same credential.
    #[expect(clippy::must_use_candidate, reason = "the number is for those who want it")]
    pub fn close(&self, revocation: &Revocation, close: &Close) -> usize {
        // The lock is free again before they are told: one that ends at once takes it.
        let covered = self.index().covered_by(revocation);
        covered.iter().for_each(|member| member.end(close.clone()));
        covered.len()
    }

    /// How many connections are open, or just being opened.
    #[must_use]
    pub fn count(&self) -> usize {
        self.index().len()
    }

    /// How many of them are of this user.
    #[must_use]
    pub fn count_of(&self, user: &PrincipalId) -> usize {
        self.index().of_user(user).count()
    }

    /// How many connections wait to be authenticated.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.shared.pending.count()
    }

    /// How many entries the tables have. For the tests.
    #[doc(hidden)]
    #[must_use]
    pub fn entries(&self) -> [usize; 3] {
        let index = self.index();
        [index.len(), index.keys(), self.pending()]
    }

    #[cfg(feature = "axum")]
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// Whether a credential was revoked, by the feed that is followed.
    ///
    /// # Errors
    /// If that cannot be said, or not in time.
    pub(crate) async fn is_revoked(&self, evidence: &Evidence, within: Duration) -> Result<bool, BoxError> {
        let Some(check) = self.shared.check.get() else {
            return Ok(false);
        };
        is_revoked(&**check, evidence, within).await
    }

    fn rekey(&self, member: &Arc<Member>, change: impl FnOnce()) {
        self.index().rekey(member, change);
    }

    fn remove(&self, member: &Member) {
        self.index().remove(member);
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        self.shared.index()
    }

    #[cfg(feature = "axum")]
    fn lingering(&self) -> MutexGuard<'_, lingering::Lingering> {
        self.shared.lingering.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks; a check that hangs or panics has failed.
async fn is_revoked(check: &dyn RevocationCheck, evidence: &Evidence, within: Duration) -> Result<bool, BoxError> {
    // OK to assert unwind safety because nothing of it is kept.
    let asked = AssertUnwindSafe(check.is_any_revoked(evidence)).catch_unwind();
    match time::timeout(within, asked).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) => Err("the check for revocation panicked".into()),
        Err(_) => Err("the check for revocation took too long".into()),
    }
}

impl Default for Connections {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connections")
            .field("open", &self.count())
            .field("pending", &self.pending())
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use auth_basic::{Basic, BasicLogin};
    use auth_core::{AuthRequest, Chain, Transport, async_trait};

    use super::*;

    struct Hangs;

    #[async_trait]
    impl RevocationCheck for Hangs {
        async fn is_revoked(&self, _: &Evidence) -> Result<bool, BoxError> {
            std::future::pending().await
        }
    }

    #[tokio::test(start_paused = true)]
    async fn store_that_hangs_is_away() {
        let chain = Chain::new().or(Basic::new("test").verify(|_: BasicLogin| async { Some("user") }));
        let (parts, ()) = http::Request::get("/").header("authorization", "Basic YTpi").body(()).unwrap().into_parts();
        let request = AuthRequest::new(&parts, Transport::Http, std::time::SystemTime::UNIX_EPOCH);
        let user = chain.authenticate(&request).await.unwrap();
        assert!(is_revoked(&Hangs, user.evidence(), Duration::from_secs(10)).await.is_err());
    }
}
