use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use auth_core::{Authenticated, Evidence};

#[cfg(feature = "socketio")]
use super::TooMany;
#[cfg(feature = "axum")]
use super::lingering::{LingeringGuard, principal};
use super::{ConnectionId, Connections};
use crate::Close;

/// A connection, or something that becomes one.
pub(crate) struct Member {
    id: ConnectionId,
    order: u64,
    counts: Counts,
    /// What was accepted over it.
    credentials: Mutex<Vec<Credential>>,
    /// Whether it is open by now.
    open: AtomicBool,
    end: Arc<dyn End>,
}

/// What an entry counts for. One connection may be entered by several layers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counts {
    pub(crate) as_connection: bool,
    pub(crate) of_user: bool,
}

impl Counts {
    #[cfg(feature = "socketio")]
    pub(crate) const ALL: Self = Self { as_connection: true, of_user: true };
}

/// How a connection is told that it has to end.
pub(crate) trait End: Send + Sync {
    /// Ends it. The first reason counts.
    fn end(&self, close: Close);
}

/// The evidence of whatever user type. Clones are one credential.
#[derive(Clone)]
pub(crate) struct Credential(Arc<dyn AsEvidence>);

trait AsEvidence: Send + Sync {
    fn evidence(&self) -> &Evidence;
}

impl<U: Send + Sync> AsEvidence for Authenticated<U> {
    fn evidence(&self) -> &Evidence {
        Self::evidence(self)
    }
}

impl Credential {
    pub(crate) fn of<U: Send + Sync + 'static>(user: &Authenticated<U>) -> Self {
        Self(Arc::new(user.clone()))
    }

    #[cfg(feature = "socketio")]
    pub(crate) fn evidence(&self) -> &Evidence {
        self.0.evidence()
    }
}

impl Member {
    pub(super) fn new(id: ConnectionId, order: u64, credential: Credential, end: Arc<dyn End>, counts: Counts) -> Self {
        Self { id, order, counts, credentials: Mutex::new(vec![credential]), open: AtomicBool::new(false), end }
    }

    pub(super) fn id(&self) -> ConnectionId {
        self.id
    }

    pub(super) fn order(&self) -> u64 {
        self.order
    }

    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    pub(super) fn end(&self, close: Close) {
        self.end.end(close);
    }

    pub(super) fn is_open(&self) -> bool {
        self.open.load(Ordering::Relaxed)
    }

    /// Whether `test` holds for one of its credentials.
    pub(super) fn any(&self, test: impl FnMut(&Evidence) -> bool) -> bool {
        self.credentials().iter().map(|credential| credential.0.evidence()).any(test)
    }

    /// Its evidence, to be looked at without the lock.
    pub(super) fn evidences(&self) -> Vec<Evidence> {
        self.credentials().iter().map(|credential| credential.0.evidence().clone()).collect()
    }

    pub(super) fn credentials(&self) -> MutexGuard<'_, Vec<Credential>> {
        self.credentials.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of a connection in the registry; it leaves when this is dropped.
pub(crate) struct Registration {
    pub(super) member: Arc<Member>,
    pub(super) connections: Connections,
}

impl Registration {
    #[cfg(feature = "axum")]
    pub(crate) fn id(&self) -> ConnectionId {
        self.member.id
    }

    pub(crate) fn connections(&self) -> &Connections {
        &self.connections
    }

    /// Whether it is the same user's as this evidence.
    #[cfg(feature = "axum")]
    pub(crate) fn is_of_same_user(&self, other: &Evidence) -> bool {
        self.member.any(|evidence| evidence.is_same_user(other))
    }

    /// From now on the connection is open, and may take the place of an older one.
    pub(crate) fn opened(&self) {
        self.member.open.store(true, Ordering::Relaxed);
        self.connections.make_room(&self.member);
    }

    /// It counts until it leaves, but is about to: no older one has to go for it.
    #[cfg(feature = "socketio")]
    pub(crate) fn ends(&self) {
        self.member.open.store(false, Ordering::Relaxed);
    }

    /// Leaves before it is dropped: whatever holds it still, it counts no more, and nobody can ask it to end.
    pub(crate) fn leave(&self) {
        self.connections.remove(&self.member);
    }

    /// Leaves, while its handler goes on without its peer. `None` where another entry counts for the user.
    #[cfg(feature = "axum")]
    pub(crate) fn linger(&self) -> Option<LingeringGuard> {
        self.leave();
        let user = self.member.credentials().iter().find_map(|credential| principal(credential.0.evidence()));
        let end = Arc::clone(&self.member.end);
        self.member.counts.of_user.then(|| LingeringGuard::enter(&self.connections, user, end))
    }

    /// One more credential was accepted over the connection. A user who was not on it before may have no more connections
    /// than the limit allows.
    #[cfg(feature = "socketio")]
    pub(crate) fn add(&self, credential: Credential) -> Result<(), TooMany> {
        self.connections.add(&self.member, credential)
    }

    /// A credential holds no more; tells whether none is left.
    #[cfg(feature = "socketio")]
    pub(crate) fn remove(&self, credential: &Credential) -> bool {
        let mut is_bare = false;
        self.change(|credentials| {
            credentials.retain(|other| !Arc::ptr_eq(&other.0, &credential.0));
            is_bare = credentials.is_empty();
        });
        is_bare
    }

    /// Changes what was accepted over the connection.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Vec<Credential>)) {
        self.connections.rekey(&self.member, || change(&mut self.member.credentials()));
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.leave();
    }
}
