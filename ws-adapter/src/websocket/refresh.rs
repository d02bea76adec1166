use std::{error::Error, fmt, net::IpAddr, time::SystemTime};

use auth_core::{AuthRequest, Authenticated, Evidence, Principal, Refusal, Transport};
use http::{StatusCode, header::AUTHORIZATION};

use super::{in_band::Credentials, opening::Opening, refresh_context::RefreshContext, shared::SharedSocket};
use crate::{
    ConnectionId,
    adapter::{Checkpoint, Expect, Origin},
    connections::{Attempt, Credential, Registration},
    lifetime::NotNow,
    telemetry,
};

/// Asks the chain about credentials that came over an open socket. The chain sees them as `Authorization` on the request
/// that opened the socket. With `open`, they are to replace that connection's credential.
pub(super) async fn decide_in_band<U: Principal>(
    checkpoint: &Checkpoint<U>,
    opening: &Opening,
    credentials: Credentials,
    open: Option<(ConnectionId, &Evidence)>,
    address: Option<IpAddr>,
) -> Result<Authenticated<U>, Refusal> {
    // A strategy may use a record up, so the next message gets another.
    let mut parts = opening.to_parts()?;
    parts.headers.insert(AUTHORIZATION, credentials.into_header());
    let (connection, open) = open.unzip();
    let timer = checkpoint.timer();
    let user = open.and_then(Evidence::principal);
    let attempt = Attempt { connection, user, address, passed: timer.monotonic() };
    let request = AuthRequest::new(&parts, Transport::InBand, timer.now());
    // The origin was checked when the socket was opened.
    checkpoint.present(&request, Origin::Allowed, open.map_or(Expect::Anybody, Expect::User), &attempt).await
}

/// Replaces the credential of an open socket, if the new one is good. Returns when the socket now ends.
///
/// The new credential is registered beside the old one before the last check for revocation. So revoking either of them
/// ends the socket at any time.
pub(super) async fn refresh<U: Principal>(
    shared: &SharedSocket<U>,
    context: &RefreshContext<U>,
    credentials: Credentials,
) -> Result<Option<SystemTime>, RefreshError> {
    shared.begin_refresh(context.slot()).map_err(|not_now| RefreshError::from(not_now).logged())?;
    let mut in_progress = RefreshInProgress { shared, slot: context.slot(), is_wrong: false };
    let result = async {
        let (old, opening) = (shared.user(), &context.opening);
        let open = (context.registration.id(), old.evidence());
        let RefreshContext { checkpoint, address, .. } = context;
        let decided = decide_in_band(checkpoint, opening, credentials, Some(open), *address).await;
        let user = decided.map_err(RefreshErrorKind::Refused)?;
        let new_credential = NewCredential::register(&context.registration, &user);
        let parts = opening.to_parts().map_err(RefreshErrorKind::Refused)?;
        let request = AuthRequest::new(&parts, Transport::WebSocket, checkpoint.timer().now());
        let rechecked = checkpoint.recheck(user.evidence(), &request).await;
        rechecked.map_err(RefreshErrorKind::Refused)?;
        let end = shared.swap(user.clone(), context.slot())?;
        new_credential.replace_old();
        telemetry::accepted(Transport::InBand, user.evidence());
        Ok(end)
    };
    let result = result.await.map_err(|kind| RefreshError(kind).logged());
    let code = result.as_ref().map_or_else(RefreshError::code, |_| "accepted");
    telemetry::refreshed(context.registration.id(), code);
    in_progress.is_wrong = result.as_ref().is_err_and(RefreshError::is_wrong);
    result
}

/// A refresh in progress. Dropping it, at any await point, leaves the old credential in place.
struct RefreshInProgress<'s, U> {
    shared: &'s SharedSocket<U>,
    slot: u64,
    is_wrong: bool,
}

impl<U> Drop for RefreshInProgress<'_, U> {
    fn drop(&mut self) {
        self.shared.end_refresh(self.slot, self.is_wrong);
    }
}

/// A new credential that is registered beside the old one. Dropping it removes it from the registry, unless it has replaced
/// the old one.
struct NewCredential<'r> {
    registration: &'r Registration,
    replaces_old: bool,
}

impl<'r> NewCredential<'r> {
    fn register<U: Principal>(registration: &'r Registration, user: &Authenticated<U>) -> Self {
        registration.change(|credentials| credentials.push(Credential::of(user)));
        Self { registration, replaces_old: false }
    }

    fn replace_old(mut self) {
        self.replaces_old = true;
    }
}

impl Drop for NewCredential<'_> {
    fn drop(&mut self) {
        self.registration.change(|credentials| {
            let new = credentials.pop();
            if self.replaces_old {
                *credentials = new.into_iter().collect();
            }
        });
    }
}

/// Why a new credential did not replace the old one. The old one stays valid.
#[derive(Debug)]
pub struct RefreshError(RefreshErrorKind);

/// The kind of a [`RefreshError`].
#[derive(Debug)]
#[non_exhaustive]
pub enum RefreshErrorKind {
    /// The chain refused the credential, or could not decide.
    Refused(Refusal),
    /// The credential does not fit into an `Authorization` header, or is longer than 16 KiB.
    Malformed,
    /// Another refresh is in progress.
    InProgress,
    /// The socket has ended.
    Ended,
}

impl RefreshError {
    /// Why the refresh failed.
    #[must_use]
    pub fn kind(&self) -> &RefreshErrorKind {
        &self.0
    }

    /// A stable code that may be shown to the client: the code of the refusal, `invalid_request`, `in_progress` or `ended`.
    /// A credential of another user has the same code as a wrong one.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match &self.0 {
            RefreshErrorKind::Refused(refusal) => refusal.code(),
            RefreshErrorKind::Malformed => "invalid_request",
            RefreshErrorKind::InProgress => "in_progress",
            RefreshErrorKind::Ended => "ended",
        }
    }

    /// Logs and returns the error for something that is not a credential.
    pub(super) fn malformed() -> Self {
        Self(RefreshErrorKind::Malformed).logged()
    }

    /// Logs the error, unless the chain has logged it.
    fn logged(self) -> Self {
        let detail = match &self.0 {
            RefreshErrorKind::Refused(refusal) => {
                refusal.log_once(Transport::InBand);
                return self;
            }
            RefreshErrorKind::Malformed => "the message holds no credential, or no layer accepts one over this socket",
            RefreshErrorKind::InProgress => "another refresh is in progress",
            RefreshErrorKind::Ended => "the socket has ended",
        };
        let status = match &self.0 {
            RefreshErrorKind::Malformed => StatusCode::BAD_REQUEST,
            _ => StatusCode::CONFLICT,
        };
        telemetry::log_own(Transport::InBand, status, self.code(), detail);
        self
    }

    /// Whether it counts as a wrong credential of the connection.
    fn is_wrong(&self) -> bool {
        match &self.0 {
            RefreshErrorKind::Refused(refusal) => refusal.is_wrong_credential(),
            RefreshErrorKind::Malformed => true,
            RefreshErrorKind::InProgress | RefreshErrorKind::Ended => false,
        }
    }
}

impl fmt::Display for RefreshError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the credential was not accepted: {}", self.code())
    }
}

impl Error for RefreshError {}

impl From<NotNow> for RefreshErrorKind {
    fn from(not_now: NotNow) -> Self {
        match not_now {
            NotNow::Ended => Self::Ended,
            NotNow::InProgress => Self::InProgress,
        }
    }
}

impl From<NotNow> for RefreshError {
    fn from(not_now: NotNow) -> Self {
        Self(not_now.into())
    }
}
