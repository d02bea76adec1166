use std::{error::Error, fmt, net::IpAddr, sync::Arc, time::SystemTime};

use auth_core::{AuthRequest, Authenticated, Evidence, Needs, Principal, Refusal, RequestRecord, Transport};
use http::{
    HeaderName, Request, StatusCode,
    header::{AUTHORIZATION, CONNECTION, COOKIE, PROXY_AUTHORIZATION, UPGRADE},
    request::Parts,
};

use super::{in_band::Credentials, shared::Shared};
use crate::{
    ConnectionId,
    adapter::{Checkpoint, Expect, Origin},
    connections::{Attempt, Credential, Registration},
    lifetime::NotNow,
    own_memory, telemetry,
};

/// What is needed to ask the chain about a credential that comes over an open socket.
pub(crate) struct Renewal<U> {
    pub(crate) checkpoint: Arc<Checkpoint<U>>,
    /// The request that opened the socket, without its credential.
    pub(crate) opening: Arc<Parts>,
    pub(crate) registration: Arc<Registration>,
    /// Which of the layers around the socket this is.
    pub(crate) slot: u64,
    /// The address of the client.
    pub(crate) address: Option<IpAddr>,
}

impl<U> Clone for Renewal<U> {
    fn clone(&self) -> Self {
        let (checkpoint, opening) = (Arc::clone(&self.checkpoint), Arc::clone(&self.opening));
        let registration = Arc::clone(&self.registration);
        Self { checkpoint, opening, registration, slot: self.slot, address: self.address }
    }
}

/// Asks the chain about credentials that came over an open socket. The chain sees them as `Authorization`, on the request that
/// opened the socket. With `open`, they are to replace the credential of that socket.
pub(super) async fn present<U: Principal>(
    checkpoint: &Checkpoint<U>,
    opening: &Parts,
    credentials: Credentials,
    open: Option<(ConnectionId, &Evidence)>,
    address: Option<IpAddr>,
) -> Result<Authenticated<U>, Refusal> {
    let mut parts = opening.clone();
    // What a strategy uses up for one message, it has not used up for the next.
    let record = RequestRecord::of(&mut parts).without_credentials();
    parts.extensions.insert(record);
    parts.headers.insert(AUTHORIZATION, credentials.into_header());
    let (connection, open) = open.unzip();
    let timer = checkpoint.timer();
    let user = open.and_then(Evidence::principal);
    let attempt = Attempt { connection, user, address, passed: timer.monotonic() };
    let request = AuthRequest::new(&parts, Transport::InBand, timer.now());
    // The origin was judged when the socket was opened.
    checkpoint.present(&request, Origin::Allowed, open.map_or(Expect::Anybody, Expect::User), &attempt).await
}

/// Puts the credential in the place of the one so far, if it is good and the socket still open.
///
/// It is entered into the registry beside the old one before it is looked up for the last time, so that neither can be
/// revoked without ending the socket.
pub(super) async fn refresh<U: Principal>(
    shared: &Shared<U>,
    renewal: &Renewal<U>,
    credentials: Credentials,
) -> Result<Option<SystemTime>, RefreshError> {
    shared.begin_refresh(renewal.slot).map_err(|not_now| RefreshError::from(not_now).logged())?;
    let mut under_way = UnderWay { shared, slot: renewal.slot, is_wrong: false };
    let result = async {
        let (old, opening) = (shared.user(), &renewal.opening);
        let open = (renewal.registration.id(), old.evidence());
        let checkpoint = &renewal.checkpoint;
        let decided = present(checkpoint, opening, credentials, Some(open), renewal.address).await;
        let user = decided.map_err(RefreshErrorKind::Refused)?;
        let entered = Entered::new(&renewal.registration, &user);
        let request = AuthRequest::new(opening, Transport::WebSocket, checkpoint.timer().now());
        let rechecked = checkpoint.recheck(user.evidence(), &request).await;
        rechecked.map_err(RefreshErrorKind::Refused)?;
        let end = shared.swap(user.clone(), renewal.slot)?;
        entered.replaces_old();
        telemetry::accepted(Transport::InBand, user.evidence());
        Ok(end)
    };
    let result = result.await.map_err(|kind| RefreshError(kind).logged());
    let code = result.as_ref().map_or_else(RefreshError::code, |_| "accepted");
    telemetry::refreshed(renewal.registration.id(), code);
    under_way.is_wrong = result.as_ref().is_err_and(RefreshError::is_wrong);
    result
}

/// A refresh in progress. One that is dropped, wherever it waits, leaves everything as it was.
struct UnderWay<'s, U> {
    shared: &'s Shared<U>,
    slot: u64,
    is_wrong: bool,
}

impl<U> Drop for UnderWay<'_, U> {
    fn drop(&mut self) {
        self.shared.end_refresh(self.slot, self.is_wrong);
    }
}

/// A credential in the registry, beside the one that it may replace.
struct Entered<'r> {
    registration: &'r Registration,
    replaces: bool,
}

impl<'r> Entered<'r> {
    fn new<U: Principal>(registration: &'r Registration, user: &Authenticated<U>) -> Self {
        registration.change(|credentials| credentials.push(Credential::of(user)));
        Self { registration, replaces: false }
    }

    fn replaces_old(mut self) {
        self.replaces = true;
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.registration.change(|credentials| {
            if self.replaces {
                drop(credentials.drain(..credentials.len().saturating_sub(1)));
            } else {
                credentials.pop();
            }
        });
    }
}

/// Why a credential has not taken the place of the one so far, which goes on to hold.
#[derive(Debug)]
pub struct RefreshError(RefreshErrorKind);

/// What kind of [`RefreshError`] it is.
#[derive(Debug)]
#[non_exhaustive]
pub enum RefreshErrorKind {
    /// The chain refuses the credential, or cannot say.
    Refused(Refusal),
    /// It could stand in no `Authorization` header, or is longer than 16 KiB.
    Malformed,
    /// Another refresh is in progress.
    InProgress,
    /// The socket has ended.
    Ended,
}

impl RefreshError {
    /// What kind it is.
    #[must_use]
    pub fn kind(&self) -> &RefreshErrorKind {
        &self.0
    }

    /// A stable code, which may be shown to the client: that of the refusal, `invalid_request`, `in_progress` or `ended`.
    /// Another user's credential has the code of a wrong one.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match &self.0 {
            RefreshErrorKind::Refused(refusal) => refusal.code(),
            RefreshErrorKind::Malformed => "invalid_request",
            RefreshErrorKind::InProgress => "in_progress",
            RefreshErrorKind::Ended => "ended",
        }
    }

    /// Refuses what is not a credential.
    pub(super) fn malformed() -> Self {
        Self(RefreshErrorKind::Malformed).logged()
    }

    /// Logs it, unless the chain has done so.
    fn logged(self) -> Self {
        let detail = match &self.0 {
            RefreshErrorKind::Refused(refusal) => {
                refusal.log_once(Transport::InBand);
                return self;
            }
            RefreshErrorKind::Malformed => "the message holds no credential, or the layer takes none over a socket",
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

    /// Whether the connection counts it as a wrong credential.
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
        write!(f, "the credential was not taken: {}", self.code())
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

/// The head of a handshake without its credentials, in memory of its own.
pub(crate) fn without_credentials(parts: &Parts, needs: &Needs) -> Parts {
    let secret = [AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE, CONNECTION, UPGRADE];
    let is_left_out = |name: &HeaderName| {
        secret.contains(name) || needs.header_names().contains(name) || name.as_str().starts_with("sec-websocket-")
    };
    let headers = parts.headers.iter().filter(|(name, _)| !is_left_out(name));
    let (mut own, ()) = Request::new(()).into_parts();
    own.method = parts.method.clone();
    own.version = parts.version;
    own.uri = own_memory::uri(&parts.uri);
    own.headers = own_memory::headers(headers);
    if let Some(record) = parts.extensions.get::<RequestRecord>() {
        own.extensions.insert(record.without_credentials());
    }
    own
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn head_is_kept_without_whatever_may_hold_a_credential() {
        let request = Request::get("/ws?room=1").header("host", "chat.example").header("accept-language", "de");
        let request = request.header("authorization", "Bearer x").header("cookie", "jwt=x").header("x-key", "x");
        let request = request.header("sec-websocket-protocol", "auth.bearer.x").header("x-tenant", "7");
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let mut needs = Needs::default();
        needs.add_header_name(HeaderName::from_static("x-key"));

        let kept = without_credentials(&parts, &needs);
        let mut names: Vec<_> = kept.headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["accept-language", "host", "x-tenant"]);
        assert_eq!(kept.uri, "/ws?room=1");
    }
}
