use std::net::IpAddr;

use auth_core::Evidence;

use super::Session;

/// Who has opened a transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::socketio) enum Opener {
    /// Somebody without a credential.
    Nobody,
    /// Somebody whom the evidence does not name.
    Guest,
    User,
}

impl Opener {
    pub(super) fn of(evidence: Option<&Evidence>) -> Self {
        match evidence {
            None => Self::Nobody,
            Some(evidence) if evidence.principal().is_none() => Self::Guest,
            Some(_) => Self::User,
        }
    }
}

/// Whose a transport is.
impl Session {
    pub(in crate::socketio) fn opener(&self) -> Opener {
        self.opener
    }

    /// Whether the client, and not its browser, has put the credential into the request that opened it.
    pub(in crate::socketio) fn was_opened_explicitly(&self) -> bool {
        self.was_opened_explicitly
    }

    /// Where its client comes from.
    pub(in crate::socketio) fn address(&self) -> Option<IpAddr> {
        self.address
    }

    /// The evidence that has made it a user's.
    pub(in crate::socketio) fn owner(&self) -> Option<&Evidence> {
        self.owner.get()
    }

    /// Whether it belongs to the user of this evidence. Always false for a guest.
    pub(in crate::socketio) fn belongs_to(&self, evidence: &Evidence) -> bool {
        self.owner().is_some_and(|owner| owner.is_same_user(evidence))
    }

    /// Gives it to the user of this evidence, unless it has one; then as [`belongs_to`](Self::belongs_to). Nobody can have it
    /// whom nothing names.
    pub(in crate::socketio) fn bind(&self, evidence: &Evidence) -> bool {
        evidence.principal().is_some() && self.owner.get_or_init(|| evidence.clone()).is_same_user(evidence)
    }
}

/// Whether this is a guest's: nothing in it names anybody. An `and` of two users is nobody's and no guest's.
pub(in crate::socketio) fn is_guest(evidence: &Evidence) -> bool {
    evidence.names().is_empty() && evidence.parts().iter().all(is_guest)
}

/// Says in the log what to do about evidence that names nobody, where that is not meant.
pub(in crate::socketio) fn warn_of_guest() {
    tracing::error!(
        "a Socket.IO transport needs a user, and the evidence names no principal; return one from \
         `Principal::principal_id` or from the strategy, or let guests in with `SocketIoAuth::allow_guests`"
    );
}
