use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use auth_core::{BoxError, Evidence, PrincipalId, Revocation, RevocationCheck};
use tokio::sync::watch;

#[cfg(feature = "axum")]
use super::lingering::Lingering;
use super::{
    attempts::AttemptLimiter,
    attempts_in_memory::InMemory,
    index::Index,
    kept::Kept,
    limits::{Limits, Overflow, PendingLimits},
    member::Member,
    pending::Pending,
    revoked::is_revoked,
};
use crate::Close;

/// The open connections of one or several layers, WebSockets and those of other protocols: it finds them by user, session,
/// credential or name, counts them, limits them, and closes them.
///
/// Clones are one registry. Set the limits before you clone it, because each clone copies them. Give it to each layer with
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
/// // Close all her connections to this node, with a code and a reason of our own.
/// connections.close(&Revocation::user(ann, SystemTime::now()), &Close::new(4000, "moved"));
/// ```
///
/// # Revocation
///
/// [`follow`](Self::follow) closes what is revoked, here or on another node, with 4403 `revoked`. A connection is entered before
/// its credential is checked once more, so a revocation that comes in between is found by one of the two.
#[derive(Clone)]
pub struct Connections {
    /// One pointer, because every open connection holds a clone.
    pub(super) registry: Arc<Registry>,
}

#[derive(Clone)]
pub(super) struct Registry {
    pub(super) limits: Limits,
    pub(super) attempts: Arc<dyn AttemptLimiter>,
    pub(super) tables: Arc<Tables>,
}

/// What all clones of a registry share.
pub(super) struct Tables {
    index: Mutex<Index>,
    pub(super) pending: Arc<Pending>,
    pub(super) kept: Arc<Kept>,
    #[cfg(feature = "axum")]
    pub(super) lingering: Arc<Lingering>,
    pub(super) check: OnceLock<Arc<dyn RevocationCheck>>,
    /// Dropped with the registry. This ends the task that follows a feed for it.
    pub(super) alive: watch::Sender<()>,
}

impl Connections {
    /// A registry without limit for users, with 1000 pending connections in all and 50 of one address.
    #[must_use]
    pub fn new() -> Self {
        let tables = Tables {
            index: Mutex::default(),
            pending: Arc::default(),
            kept: Arc::default(),
            #[cfg(feature = "axum")]
            lingering: Arc::default(),
            check: OnceLock::new(),
            alive: watch::Sender::new(()),
        };
        let limits = Limits { per_user: None, pending: PendingLimits { all: 1000, per_address: 50 } };
        let registry = Registry { limits, attempts: Arc::new(InMemory::default()), tables: Arc::new(tables) };
        Self { registry: Arc::new(registry) }
    }

    /// How many connections a user may have on this node, and what happens to one more. The
    /// [`principal`](auth_core::Evidence::principal) of the evidence names the user. Guests have no limit. If a guest's Socket.IO
    /// transport becomes a user's, it is one more connection of that user. A Socket.IO transport is one connection.
    ///
    /// The same number of WebSocket handlers may go on after their peers are gone, for at most 60 s; with one more, the oldest is
    /// dropped at once. Without a limit, each user may have 10 of these. Guests may have 1000 together.
    #[must_use]
    pub fn per_user(mut self, max: usize, overflow: Overflow) -> Self {
        self.registry_mut().limits.per_user = Some((max, overflow));
        self
    }

    /// How many connections may be open in all that are not authenticated yet: those that wait for a
    /// [first message](crate::AuthLayer), those that are opened only to be closed, and Socket.IO transports before a good
    /// `CONNECT`. 1000 by default.
    ///
    /// When all places are taken, one more takes the place of another: the client with the most places loses its oldest
    /// connection, which is closed with 4503 `displaced` ([`Close::DISPLACED`]). A client is an IPv4 address or an IPv6 /48;
    /// clients with an unknown address count as one. If no client has more places than the newcomer's, the newcomer is
    /// refused: 429 `too_many_connections`.
    ///
    /// # Security
    /// One client cannot keep others out, unless they share its address or /48. Those others get in when its connections reach
    /// their deadline, or at any time with a credential on the handshake, which needs no place. An attacker with as many
    /// addresses as there are places can still take them all.
    #[must_use]
    pub fn max_pending(mut self, max: usize) -> Self {
        self.registry_mut().limits.pending.all = max;
        self
    }

    /// How many of those may come from one IPv4 address or one IPv6 /64. A /56 may have twice as many, and a /48 four times;
    /// see [`ClientAddress`](crate::ClientAddress). One more is refused: 429 `too_many_connections`. 50 by default. It has no
    /// effect if the address is unknown.
    ///
    /// A connection counts for its address until its memory is free. For a Socket.IO transport that ends without a good
    /// `CONNECT`, that is a second after the deadline for it, because socketioxide keeps it until then. It leaves its place in
    /// [`max_pending`](Self::max_pending) at once. Clients of unknown address count together, up to `max_pending`. A transport
    /// that was opened with a credential counts for its user in the same way: a user may not have more of those than this limit.
    #[must_use]
    pub fn max_pending_per_address(mut self, max: usize) -> Self {
        self.registry_mut().limits.pending.per_address = max;
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
    /// A credential is wrong if [`Refusal::is_wrong_credential`](auth_core::Refusal::is_wrong_credential) says so of the chain's
    /// refusal: a missing credential, one that is right but not enough, and an outage don't count. One more is not checked:
    /// `too_many_attempts`, and a first message closes with 4429 `too_many_attempts`. A success gives nothing back. Each connection
    /// also has a limit of its own, which this does not change: three, and one more after five minutes. Set it before the registry
    /// is cloned.
    ///
    /// # Security
    /// A limit for handshakes does not see these attempts: a client with a credential of its own can guess another's over its
    /// connections. Two things to know about the default:
    ///
    /// - Clients that share an address share its limit, so one of them can use it up. The others cannot refresh until some of
    ///   it is regained, and reconnect when their credential ends.
    /// - If the [address](crate::ClientAddress) is unknown, first messages have no limit of attempts.
    #[must_use]
    pub fn attempt_limiter(mut self, limiter: impl AttemptLimiter) -> Self {
        self.registry_mut().attempts = Arc::new(limiter);
        self
    }

    /// Closes what a revocation covers, now and on this node, and returns how many connections that were. It revokes nothing:
    /// a client may come back with the same credential.
    #[expect(clippy::must_use_candidate, reason = "the number is for those who want it")]
    pub fn close(&self, revocation: &Revocation, close: &Close) -> usize {
        // The lock is free again before they are told: one that ends at once takes it.
        let covered = self.index().covered_by(revocation);
        covered.iter().for_each(|member| member.end(close.clone()));
        covered.len()
    }

    /// How many connections are open or being opened.
    #[must_use]
    pub fn count(&self) -> usize {
        self.index().len()
    }

    /// How many of them belong to this user.
    #[must_use]
    pub fn count_of(&self, user: &PrincipalId) -> usize {
        self.index().of_user(user).count()
    }

    /// How many connections wait to be authenticated.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.registry.tables.pending.count()
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
        Arc::ptr_eq(&self.registry.tables, &other.registry.tables)
    }

    /// Whether the feed that is followed says that a credential was revoked.
    ///
    /// # Errors
    /// If the feed cannot say, or not in time.
    pub(crate) async fn is_revoked(&self, evidence: &Evidence, within: Duration) -> Result<bool, BoxError> {
        let Some(check) = self.registry.tables.check.get() else {
            return Ok(false);
        };
        is_revoked(&**check, evidence, within).await
    }

    pub(super) fn rekey(&self, member: &Arc<Member>, change: impl FnOnce()) {
        self.index().rekey(member, change);
    }

    pub(super) fn remove(&self, member: &Member) {
        self.index().remove(member);
    }

    pub(super) fn index(&self) -> MutexGuard<'_, Index> {
        self.registry.tables.index()
    }

    fn registry_mut(&mut self) -> &mut Registry {
        Arc::make_mut(&mut self.registry)
    }
}

impl Tables {
    pub(super) fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
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
            .field("limits", &self.registry.limits)
            .finish_non_exhaustive()
    }
}
