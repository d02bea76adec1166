//! How many wrong credentials may be presented over open connections.

use std::{net::IpAddr, time::Duration};

use auth_core::{BoxError, PrincipalId, async_trait};

use super::id::ConnectionId;

/// A credential that a client presents over a connection that is already open: in a refresh, in a first message, or in the
/// `auth` of a Socket.IO `CONNECT`.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    pub(crate) connection: Option<ConnectionId>,
    pub(crate) user: Option<&'a PrincipalId>,
    pub(crate) address: Option<IpAddr>,
    pub(crate) passed: Duration,
}

impl<'a> Attempt<'a> {
    /// An attempt, for the tests of a limiter.
    #[must_use]
    pub fn new(user: Option<&'a PrincipalId>, address: Option<IpAddr>, monotonic: Duration) -> Self {
        Self { connection: None, user, address, passed: monotonic }
    }

    /// The connection; `None` where it waits for its first message.
    #[must_use]
    pub fn connection(&self) -> Option<ConnectionId> {
        self.connection
    }

    /// The user of the connection; `None` before a user is authenticated over it, and for guests. It is not the user that the
    /// credential names, which is not checked yet.
    #[must_use]
    pub fn user(&self) -> Option<&PrincipalId> {
        self.user
    }

    /// The address of the client, if it is known; see [`ClientAddress`](auth_core::ClientAddress).
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        self.address
    }

    /// When it is presented, by [`Clock::monotonic`](auth_core::Clock::monotonic) of the layer's timer.
    #[must_use]
    pub fn monotonic(&self) -> Duration {
        self.passed
    }
}

/// Limits how many wrong credentials are presented in band; see [`Connections::attempt_limiter`](super::Connections::attempt_limiter).
///
/// A place is taken before the chain is asked, so that many attempts at once share one limit. It is given back if the credential
/// was not wrong.
#[async_trait]
pub trait AttemptLimiter: Send + Sync + 'static {
    /// Takes a place; `None` if none is left. Then the credential is not checked, and the answer is `too_many_attempts`.
    ///
    /// It may wait for other attempts to end, as long as the layer's
    /// [`decision_timeout`](crate::AuthLayer::decision_timeout).
    ///
    /// # Errors
    /// If the limiter cannot tell. Then the credential is not checked, and the answer is `unavailable`.
    async fn take(&self, attempt: &Attempt<'_>) -> Result<Option<Box<dyn AttemptPlace>>, BoxError>;
}

/// A place that was taken. Dropping it keeps the place taken: the credential was wrong, or was not judged to the end.
pub trait AttemptPlace: Send + 'static {
    /// Frees the place: the credential was good, or could not be checked.
    fn give_back(self: Box<Self>);
}
