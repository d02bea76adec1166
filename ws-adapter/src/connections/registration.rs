use std::sync::Arc;

#[cfg(feature = "axum")]
use auth_core::{Evidence, PrincipalId};

use super::{credential::Credential, limits::TooMany, member::Member, registry::Connections};
#[cfg(feature = "axum")]
use super::{id::ConnectionId, lingering::LingeringGuard};
use crate::few::Few;

/// The place of a connection in the registry. Clones are one place; the connection leaves when the last of them is dropped.
pub(crate) struct Registration {
    member: Arc<Member>,
    connections: Connections,
}

impl Registration {
    pub(super) fn new(member: Arc<Member>, connections: Connections) -> Self {
        member.add_holder();
        Self { member, connections }
    }

    #[cfg(feature = "axum")]
    pub(crate) fn id(&self) -> ConnectionId {
        self.member.id()
    }

    #[cfg(feature = "axum")]
    pub(crate) fn connections(&self) -> &Connections {
        &self.connections
    }

    /// What was accepted over it first, of what still holds.
    #[cfg(feature = "axum")]
    pub(crate) fn evidence(&self) -> Option<Evidence> {
        self.member.evidences().into_iter().next()
    }

    /// Whether it belongs to the user of this evidence.
    #[cfg(feature = "axum")]
    pub(crate) fn is_of_same_user(&self, other: &Evidence) -> bool {
        self.member.any(|evidence| evidence.is_same_user(other))
    }

    /// From now on the connection is open, and may take the place of an older one.
    pub(crate) fn opened(&self) {
        self.member.set_open(true);
        self.connections.make_room(&self.member);
    }

    /// It still counts until it leaves, but no older one has to go for it.
    pub(crate) fn ends(&self) {
        self.member.set_open(false);
    }

    /// Leaves before it is dropped: it no longer counts, and the registry cannot end it.
    pub(crate) fn leave(&self) {
        self.connections.remove(&self.member);
    }

    /// Leaves, while its handler goes on without its peer. `None` where another entry counts for the user.
    #[cfg(feature = "axum")]
    pub(crate) fn linger(&self) -> Option<LingeringGuard> {
        self.leave();
        let user = self.member.evidences().iter().find_map(first_principal);
        self.member.counts().of_user.then(|| self.connections.linger(user, self.member.end_handle()))
    }

    /// One more credential was accepted over the connection. A user who was not on it before may have no more connections
    /// than the limit allows.
    pub(crate) fn add(&self, credential: Credential) -> Result<(), TooMany> {
        self.connections.add(&self.member, credential)
    }

    /// A credential no longer holds. Returns whether none is left.
    pub(crate) fn remove(&self, credential: &Credential) -> bool {
        let mut is_bare = false;
        self.change(|credentials| {
            credentials.retain(|other| !other.is_same(credential));
            is_bare = credentials.is_empty();
        });
        is_bare
    }

    /// Changes what was accepted over the connection.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Few<Credential>)) {
        self.connections.rekey(&self.member, || change(&mut self.member.credentials()));
    }
}

impl Clone for Registration {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.member), self.connections.clone())
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        if self.member.remove_holder() {
            self.leave();
        }
    }
}

/// The user of the evidence; of an `and` of several users, the first.
#[cfg(feature = "axum")]
fn first_principal(evidence: &Evidence) -> Option<PrincipalId> {
    evidence.principal().cloned().or_else(|| evidence.parts().iter().find_map(first_principal))
}
