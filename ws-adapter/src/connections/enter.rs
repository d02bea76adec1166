use std::{net::IpAddr, panic::AssertUnwindSafe, sync::Arc, time::Duration};

#[cfg(feature = "socketio")]
use auth_core::PrincipalId;
use auth_core::{Authenticated, Refusal, Transport};
use futures_util::FutureExt as _;
use http::StatusCode;
use tokio::time;

#[cfg(feature = "socketio")]
use super::KeptGuard;
use super::{
    Connections,
    attempts::{Attempt, AttemptPlace},
    id::ConnectionId,
    limits::{Overflow, TooMany},
    member::{Counts, Credential, End, Member, Registration},
    pending::{Newcomer, PendingGuard},
};
use crate::Close;

/// How connections and attempts come in, as far as the limits let them.
impl Connections {
    /// Enters a connection under the credential that opens it. It is not counted where it has been entered before, under
    /// another credential.
    pub(crate) fn register<U: Send + Sync + 'static>(
        &self,
        id: ConnectionId,
        user: &Authenticated<U>,
        end: Arc<dyn End>,
        counts: Counts,
    ) -> Result<Registration, TooMany> {
        let mut index = self.index();
        if counts.of_user {
            self.limits.ask_for_one_more(&index, user.evidence())?;
        }
        let member = Arc::new(Member::new(id, index.next_order(), Credential::of(user), end, counts));
        index.insert(&member);
        drop(index);
        Ok(Registration { member, connections: self.clone() })
    }

    /// Enters one more credential of a connection. Where its user was not on the connection before, it is one more of theirs.
    #[cfg(feature = "socketio")]
    pub(super) fn add(&self, member: &Arc<Member>, credential: Credential) -> Result<(), TooMany> {
        let mut index = self.index();
        let evidence = credential.evidence();
        if member.counts().of_user && !member.any(|other| other.is_same_user(evidence)) {
            self.limits.ask_for_one_more(&index, evidence)?;
        }
        index.rekey(member, || member.credentials().push(credential));
        Ok(())
    }

    /// Takes a place for a connection that nobody has authenticated yet. If another client takes that place, `end` is told.
    pub(crate) fn enter_pending(
        &self,
        address: Option<IpAddr>,
        transport: Transport,
        end: Arc<dyn End>,
    ) -> Result<PendingGuard, TooMany> {
        self.shared.pending.enter(Newcomer { address, transport, end }, self.limits.pending, true)
    }

    /// The same for a connection that is refused: it displaces nobody, since it has nothing to wait for.
    #[cfg(feature = "axum")]
    pub(crate) fn enter_refused(&self, address: Option<IpAddr>, end: Arc<dyn End>) -> Result<PendingGuard, TooMany> {
        let newcomer = Newcomer { address, transport: Transport::WebSocket, end };
        self.shared.pending.enter(newcomer, self.limits.pending, false)
    }

    /// Counts a transport for its user that has not come into a namespace, and may end before.
    #[cfg(feature = "socketio")]
    pub(crate) fn keep(&self, user: PrincipalId) -> Result<KeptGuard, TooMany> {
        let max = self.limits.pending.per_address;
        self.shared.kept.enter(user, max).ok_or(TooMany::KeptOfUser(max))
    }

    /// Counts a transport for its user that has ended and costs memory.
    #[cfg(feature = "socketio")]
    pub(crate) fn keep_on(&self, user: PrincipalId) -> Option<KeptGuard> {
        self.shared.kept.enter(user, usize::MAX)
    }

    /// Takes a place for a credential that is presented in band, before it is looked at.
    ///
    /// # Errors
    /// If there is none: 429 `too_many_attempts`. If that cannot be said, or not in time: 503.
    pub(crate) async fn take_attempt(
        &self,
        attempt: &Attempt<'_>,
        within: Duration,
    ) -> Result<Box<dyn AttemptPlace>, Refusal> {
        // OK to assert unwind safety because nothing of it is kept.
        let asked = AssertUnwindSafe(self.attempts.take(attempt)).catch_unwind();
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
        let Some((max, Overflow::CloseOldest)) = self.limits.per_user else {
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

/// Gives the place back, unless the credential was wrong.
pub(crate) fn settle<T>(place: Box<dyn AttemptPlace>, decided: &Result<T, Refusal>) {
    if !decided.as_ref().is_err_and(Refusal::is_wrong_credential) {
        place.give_back();
    }
}
