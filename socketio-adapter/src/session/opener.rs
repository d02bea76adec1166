use auth_core::Evidence;

/// Who has opened a transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opener {
    /// A client without a credential.
    Nobody,
    /// A client whose evidence names no principal.
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

/// Whether this is a guest's evidence: nothing in it names a principal. An `and` of two users names two, so it is not.
pub(crate) fn is_guest(evidence: &Evidence) -> bool {
    evidence.names().is_empty() && evidence.parts().iter().all(is_guest)
}

/// Logs what to do about evidence without a principal, where that is not meant.
pub(crate) fn warn_of_guest() {
    tracing::error!(
        "a Socket.IO transport needs a user, and the evidence names no principal; return one from \
         `Principal::principal_id` or from the strategy, or let guests in with `SocketIoAuth::allow_guests`"
    );
}
