//! How many logins a user may have at once.

/// What happens to a login beyond [`SessionsBuilder::max_logins`](crate::SessionsBuilder::max_logins).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LoginOverflow {
    /// The new login is refused: 409 `too_many_logins`. The user first logs out elsewhere, or waits for an end by time.
    RefuseNew,
    /// The login that was used least recently ends on all nodes, with its open sockets.
    EndOldest,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct LoginLimit {
    pub(crate) max: usize,
    pub(crate) overflow: LoginOverflow,
}
