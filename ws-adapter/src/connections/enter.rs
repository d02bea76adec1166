use std::{net::IpAddr, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use auth_core::{Evidence, PrincipalId, Refusal, Transport};
use futures_util::FutureExt as _;
use http::StatusCode;
use tokio::time;

#[cfg(feature = "axum")]
use super::lingering::LingeringGuard;
use super::{
    attempts::{Attempt, AttemptPlace},
    credential::Credential,
    end::End,
    id::ConnectionId,
    index::Index,
    kept::KeptGuard,
    limits::{Limits, Overflow, TooMany},
    member::{Counts, Member},
    pending::{Newcomer, PendingGuard},
    registration::Registration,
    registry::Connections,
};
use crate::Close;

/// How many handlers of one user may go on without their peer where the registry has no limit for users.
#[cfg(feature = "axum")]
pub(super) const OF_USER: usize = 10;
/// How many handlers of guests may do so together.
#[cfg(feature = "axum")]
pub(super) const OF_NOBODY: usize = 1000;

/// Enters connections and attempts, within the limits.
impl Connections {
    /// Enters a connection under the credential that opens it. It is not counted where it has been entered before, under
    /// another credential.
    pub(crate) fn register(
        &self,
        id: ConnectionId,
        credential: Credential,
        end: Arc<dyn End>,
        counts: Counts,
    ) -> Result<Registration, TooMany> {
        let mut index = self.index();
        if counts.of_user {
            check_user(self.registry.limits, &index, credential.evidence())?;
        }
        let member = index.enter(|seat| Arc::new(Member::new(id, seat, credential, end, counts)));
        drop(index);
        Ok(Registration::new(member, self.clone()))
    }

    /// Enters one more credential of a connection. Where its user was not on the connection before, it is one more of theirs.
    pub(super) fn add(&self, member: &Arc<Member>, credential: Credential) -> Result<(), TooMany> {
        let mut index = self.index();
        let evidence = credential.evidence();
        if member.counts().of_user && !member.any(|other| other.is_same_user(evidence)) {
            check_user(self.registry.limits, &index, evidence)?;
        }
        index.rekey(member, || member.credentials().push(credential));
        Ok(())
    }

    /// Takes a place for a connection that is not authenticated yet. If another client takes that place, `end` is told.
    pub(crate) fn enter_pending(
        &self,
        address: Option<IpAddr>,
        transport: Transport,
        end: Arc<dyn End>,
    ) -> Result<PendingGuard, TooMany> {
        self.registry.tables.pending.enter(Newcomer { address, transport, end }, self.registry.limits.pending, true)
    }

    /// The same for a connection that is refused. It does not displace others, since it has nothing to wait for.
    #[cfg(feature = "axum")]
    pub(crate) fn enter_refused(&self, address: Option<IpAddr>, end: Arc<dyn End>) -> Result<PendingGuard, TooMany> {
        let newcomer = Newcomer { address, transport: Transport::WebSocket, end };
        self.registry.tables.pending.enter(newcomer, self.registry.limits.pending, false)
    }

    /// Counts a connection for its user because it may cost memory after its end.
    pub(crate) fn keep(&self, user: PrincipalId) -> Result<KeptGuard, TooMany> {
        let max = self.registry.limits.pending.per_address;
        self.registry.tables.kept.enter(user, max).ok_or(TooMany::KeptOfUser(max))
    }

    /// Counts a connection for its user because it has ended and costs memory. This has no limit.
    pub(crate) fn keep_on(&self, user: PrincipalId) -> Option<KeptGuard> {
        self.registry.tables.kept.enter(user, usize::MAX)
    }

    /// Enters a handler that goes on without its peer. If its user has too many of them, the oldest ones are told to end.
    #[cfg(feature = "axum")]
    pub(super) fn linger(&self, user: Option<PrincipalId>, end: Arc<dyn End>) -> LingeringGuard {
        let max = match (&user, self.registry.limits.per_user) {
            (None, _) => OF_NOBODY,
            (Some(_), None) => OF_USER,
            (Some(_), Some((max, _))) => max,
        };
        self.registry.tables.lingering.enter(user, end, max)
    }

    /// Takes a place for a credential that is presented over a connection, before it is judged.
    ///
    /// # Errors
    /// 429 `too_many_attempts` if none is left; 503 if the limiter fails, or takes too long.
    pub(crate) async fn take_attempt(
        &self,
        attempt: &Attempt<'_>,
        within: Duration,
    ) -> Result<Box<dyn AttemptPlace>, Refusal> {
        // OK to assert unwind safety because nothing of it is kept.
        let asked = AssertUnwindSafe(self.registry.attempts.take(attempt)).catch_unwind();
        match time::timeout(within, asked).await {
            Ok(Ok(Ok(Some(place)))) => Ok(place),
            Ok(Ok(Ok(None))) => {
                let refusal = Refusal::new(StatusCode::TOO_MANY_REQUESTS, "too_many_attempts");
                Err(refusal
                    .with_detail("too many wrong credentials were presented over connections of this user or address"))
            }
            Ok(Ok(Err(cause))) => Err(Refusal::unavailable(cause)),
            Ok(Err(_)) => Err(Refusal::unavailable("the limiter of attempts panicked")),
            Err(_) => Err(Refusal::unavailable("the limiter of attempts took too long")),
        }
    }

    /// Closes the oldest connections of a user who has one too many.
    pub(super) fn make_room(&self, member: &Member) {
        let Some((max, Overflow::CloseOldest)) = self.registry.limits.per_user else {
            return;
        };
        let index = self.index();
        let mut surplus = Vec::new();
        for evidence in member.evidences() {
            if let Some(user) = evidence.principal() {
                let open: Vec<_> = index.of_user(user).filter(|member| member.is_open()).cloned().collect();
                surplus.extend(open.iter().take(open.len().saturating_sub(max)).cloned());
            }
        }
        drop(index);
        surplus.iter().for_each(|member| member.end(Close::SUPERSEDED));
    }
}

/// Whether the user of this evidence may have one connection more.
fn check_user(limits: Limits, index: &Index, evidence: &Evidence) -> Result<(), TooMany> {
    match (limits.per_user, evidence.principal()) {
        (Some((max, Overflow::RejectNew)), Some(user)) if index.of_user(user).count() >= max => {
            Err(TooMany::OfUser(max))
        }
        _ => Ok(()),
    }
}

/// Gives the place back, unless the credential was wrong.
pub(crate) fn settle<T>(place: Box<dyn AttemptPlace>, decided: &Result<T, Refusal>) {
    if !decided.as_ref().is_err_and(Refusal::is_wrong_credential) {
        place.give_back();
    }
}
