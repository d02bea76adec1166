use std::{fmt, pin::pin, sync::Arc};

use ::http::{HeaderValue, Response, request::Parts};
use auth_core::{
    AuthRequest, Authenticated, Chain, Evidence, Needs, OriginVerdict, Principal, Refusal, RefusalKind, Rejection,
    Timer, Transport,
};
use bytes::Bytes;

use super::{Draining, Entered, Place};
use crate::{
    Attempt, CloseCodes, ConnectionId,
    connections::{Credential, End, Sockets, settle},
    http::{self, Gate},
    lifetime::{Lifetime, Moment},
};

/// Asks the chain of an [`AuthLayer`](crate::AuthLayer), and keeps to everything that the layer was told: origins, the time for a decision, the hook
/// for refusals, the registry and its limits, close codes, the notice before the end. Made by
/// [`AuthLayer::into_checkpoint`](crate::AuthLayer::into_checkpoint).
pub struct Checkpoint<U> {
    pub(crate) gate: Arc<Gate<U>>,
    pub(crate) sockets: Sockets,
}

/// A request that is not refused.
#[derive(Debug)]
#[non_exhaustive]
pub struct Checked<U> {
    /// Who sent it, or the refusal for a request without a credential.
    pub user: Result<Authenticated<U>, Refusal>,
    /// What it says about its origin.
    pub origin: Origin,
}

/// What a request that is not refused says about the page that it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// It names an origin that is allowed.
    Allowed,
    /// It names none: it is not from a browser, or from an old one. Credentials that browsers send by themselves are refused.
    Absent,
}

/// Whose a credential has to be.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Expect<'e> {
    /// Anybody's.
    Anybody,
    /// That of the user of this evidence. The credential is to take its place; see [`Chain::renew`].
    User(&'e Evidence),
    /// The same, or a guest's; see [`Chain::renew_or_guest`].
    UserOrGuest(&'e Evidence),
}

impl<U: Principal> Checkpoint<U> {
    /// The same checkpoint with another chain.
    #[must_use]
    pub fn with_chain<V: Principal>(&self, chain: Chain<V>) -> Checkpoint<V> {
        Checkpoint { gate: Arc::new(self.gate.with_chain(chain)), sockets: self.sockets.clone() }
    }

    // Requests.

    /// Decides about a request: its origin, and its credential if it has one. A request without a credential is not refused.
    ///
    /// # Errors
    /// 403 `origin_not_allowed`, or `origin_required` for a cookie without an origin; the refusal of the chain; 401
    /// `token_expired` for a credential that the chain accepts within its leeway only.
    pub async fn check(&self, request: &AuthRequest<'_>) -> Result<Checked<U>, Refusal> {
        let verdict = self.gate.check_origin(request.parts())?;
        let origin = if verdict == OriginVerdict::Allowed { Origin::Allowed } else { Origin::Absent };
        match self.gate.decide(request, Some(verdict)).await {
            Err(refusal) if refusal.kind() != RefusalKind::Missing => Err(refusal),
            user => Ok(Checked { user, origin }),
        }
    }

    /// The response to a request that is refused, as the hook of the layer makes it. It also logs and counts the refusal.
    #[must_use]
    pub fn answer(&self, refusal: Refusal, request: &Parts, transport: Transport) -> Response<Bytes> {
        self.gate.respond(refusal, request, transport)
    }

    /// Leaves the decision in the extensions of the request, where extractors and handlers look for it.
    pub fn leave(&self, user: Result<Authenticated<U>, Refusal>, request: &mut Parts) {
        http::leave(user, request);
    }

    /// The subprotocol to answer to a handshake that offers some.
    #[must_use]
    pub fn offered_subprotocol(&self, request: &Parts) -> Option<HeaderValue> {
        self.gate.offered_subprotocol(request)
    }

    // Credentials over a connection.

    /// Asks the chain again about the request that opened the connection, for another decision.
    ///
    /// # Security
    /// It does not count as an attempt. A credential that the client chooses now goes to [`present`](Self::present): asked here,
    /// a client could guess without limit.
    ///
    /// # Errors
    /// The refusal of the chain, as for [`check`](Self::check).
    pub async fn ask(
        &self,
        request: &AuthRequest<'_>,
        origin: Origin,
        expect: Expect<'_>,
    ) -> Result<Authenticated<U>, Refusal> {
        let Gate { chain, decision_timeout, .. } = &*self.gate;
        let decision = pin!(async {
            match expect {
                // A wrong credential does not make anybody a guest.
                Expect::Anybody => chain.authenticate_or_guest(request).await,
                Expect::User(open) => chain.renew(request, open).await,
                Expect::UserOrGuest(open) => chain.renew_or_guest(request, open).await,
            }
        });
        let verdict = match origin {
            Origin::Allowed => OriginVerdict::Allowed,
            Origin::Absent => OriginVerdict::Absent,
        };
        let user = http::within(*decision_timeout, decision).await?;
        http::check_opening(chain, &user, request, verdict)?;
        Ok(user)
    }

    /// Asks the chain about a credential that a client presents over a connection, unless too many were wrong before: see
    /// [`attempt_limiter`](crate::Connections::attempt_limiter).
    ///
    /// # Errors
    /// 429 `too_many_attempts`, 503 if the limiter fails, or the refusal of the chain.
    pub async fn present(
        &self,
        request: &AuthRequest<'_>,
        origin: Origin,
        expect: Expect<'_>,
        attempt: &Attempt<'_>,
    ) -> Result<Authenticated<U>, Refusal> {
        let place = self.sockets.connections.take_attempt(attempt, self.gate.decision_timeout).await?;
        let decided = self.ask(request, origin, expect).await;
        settle(place, &decided);
        decided
    }

    // Connections.

    /// The place of a connection that this request opens. It is in the registry once it [waits](Place::wait) or is
    /// [entered](Self::enter).
    pub fn place(&self, id: ConnectionId, transport: Transport, request: &Parts, end: Arc<dyn End>) -> Place {
        Place::new(id, self.sockets.client_address.of(request), transport, &self.sockets.connections, end)
    }

    /// A name for a new connection.
    ///
    /// # Errors
    /// 503 if the operating system has no random bits.
    pub fn new_id(&self) -> Result<ConnectionId, Refusal> {
        ConnectionId::new().ok_or_else(|| Refusal::unavailable("the operating system has no random bits"))
    }

    /// Enters a credential into the registry, and then asks once more whether it was revoked: what is revoked from here on
    /// finds it there. `request` is the one that brought it.
    ///
    /// # Errors
    /// 429 `too_many_connections` if its user has too many, 401 `revoked`, and 503 if the connection has ended or if it cannot be
    /// said whether the credential was revoked.
    pub async fn enter(
        &self,
        place: &Arc<Place>,
        user: &Authenticated<U>,
        request: &AuthRequest<'_>,
    ) -> Result<Entered, Refusal> {
        let credential = Credential::of(user);
        place.enter(&credential)?;
        let entered = Entered::new(place, credential);
        self.recheck(user.evidence(), request).await?;
        Ok(entered)
    }

    /// Asks whether a credential that is now in the registry was revoked. The check has the same time limit as the chain.
    pub(crate) async fn recheck(&self, evidence: &Evidence, request: &AuthRequest<'_>) -> Result<(), Refusal> {
        match self.sockets.connections.is_revoked(evidence, self.gate.decision_timeout).await {
            Ok(false) => Ok(()),
            Ok(true) => Err(self.gate.chain.refuse(&Rejection::revoked(), request)),
            Err(cause) => {
                Err(Refusal::unavailable(cause).with_detail("it cannot be said whether the credential was revoked"))
            }
        }
    }

    /// How long a connection may live, from now on. The protocol of the adapter has its own pings, and its own rule for idle
    /// clients.
    #[must_use]
    pub fn lifetime(&self, now: Moment) -> Lifetime {
        Lifetime::without_silence(&self.sockets.settings, now)
    }

    /// The shutdown of the layer, for this connection.
    pub fn draining(&self, id: ConnectionId) -> Draining {
        Draining::new(self.sockets.shutdown.watch(), id)
    }

    // What the layer was told.

    /// What the chain reads, and takes out of requests.
    #[must_use]
    pub fn needs(&self) -> &Needs {
        &self.gate.needs
    }

    /// Whether requests without a credential go on.
    #[must_use]
    pub fn is_optional(&self) -> bool {
        self.gate.optional
    }

    /// The clock.
    #[must_use]
    pub fn timer(&self) -> &Arc<dyn Timer> {
        &self.gate.timer
    }

    /// The codes that connections close with.
    #[must_use]
    pub fn close_codes(&self) -> CloseCodes {
        self.sockets.settings.codes
    }
}

impl<U> Clone for Checkpoint<U> {
    fn clone(&self) -> Self {
        Self { gate: Arc::clone(&self.gate), sockets: self.sockets.clone() }
    }
}

impl<U> fmt::Debug for Checkpoint<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checkpoint").field("chain", &self.gate.chain).finish_non_exhaustive()
    }
}
