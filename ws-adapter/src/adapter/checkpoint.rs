use std::{fmt, sync::Arc};

use auth_core::{
    AuthRequest, Authenticated, Chain, Evidence, Needs, Principal, Refusal, RefusalKind, Timer, Transport,
};
use bytes::Bytes;
use http::{HeaderValue, Response, request::Parts};

use super::{Draining, Entered, Place};
use crate::{
    Attempt, AuthLayer, CloseCodes, ConnectionId,
    auth::{self, Config},
    connections::{Credential, End, SocketSettings, settle},
    lifetime::{Lifetime, Moment},
    origin::OriginVerdict,
};

/// Asks the chain of an [`AuthLayer`], and keeps to everything that the layer was told: origins, the time for a decision, the hook
/// for refusals, the registry and its limits, close codes, the notice before the end.
pub struct Checkpoint<U> {
    config: Arc<Config<U>>,
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
    /// The checkpoint of this layer.
    #[must_use]
    pub fn new(layer: AuthLayer<U>) -> Self {
        Self { config: Arc::new(layer.into_config()) }
    }

    /// The same checkpoint with another chain.
    #[must_use]
    pub fn with_chain<V: Principal>(&self, chain: Chain<V>) -> Checkpoint<V> {
        Checkpoint { config: Arc::new(self.config.with_chain(chain)) }
    }

    // Requests.

    /// Decides about a request: its origin, and its credential if it has one. A request without a credential is not refused.
    ///
    /// # Errors
    /// 403 `origin_not_allowed`, or `origin_required` for a cookie without an origin; the refusal of the chain; 401
    /// `token_expired` for a credential that the chain accepts within its leeway only.
    pub async fn check(&self, request: &AuthRequest<'_>) -> Result<Checked<U>, Refusal> {
        let verdict = self.config.judge_origin(request.parts())?;
        let origin = if verdict == OriginVerdict::Allowed { Origin::Allowed } else { Origin::Absent };
        match self.config.authenticate(request, Some(verdict)).await {
            Err(refusal) if refusal.kind() != RefusalKind::Missing => Err(refusal),
            user => Ok(Checked { user, origin }),
        }
    }

    /// The response to a request that is refused, as the hook of the layer makes it. It also logs and counts the refusal.
    #[must_use]
    pub fn answer(&self, refusal: Refusal, request: &Parts, transport: Transport) -> Response<Bytes> {
        self.config.answer(refusal, request, transport)
    }

    /// Leaves the decision in the extensions of the request, where extractors and handlers look for it.
    pub fn leave(&self, user: Result<Authenticated<U>, Refusal>, request: &mut Parts) {
        auth::leave(user, request);
    }

    /// The subprotocol to answer to a handshake that offers some.
    #[must_use]
    pub fn offered_subprotocol(&self, request: &Parts) -> Option<HeaderValue> {
        self.config.offered_subprotocol(request)
    }

    // Credentials over a connection.

    /// Asks the chain about a credential that is not the client's choice, such as that of the request that opened the
    /// connection, for another decision. It does not count as an attempt.
    ///
    /// # Errors
    /// The refusal of the chain, as for [`check`](Self::check).
    pub async fn ask(
        &self,
        request: &AuthRequest<'_>,
        origin: Origin,
        expect: Expect<'_>,
    ) -> Result<Authenticated<U>, Refusal> {
        let Config { chain, decision_timeout, .. } = &*self.config;
        let decision = async {
            match expect {
                // A wrong credential does not make anybody a guest.
                Expect::Anybody => chain.authenticate_or_guest(request).await,
                Expect::User(open) => chain.renew(request, open).await,
                Expect::UserOrGuest(open) => chain.renew_or_guest(request, open).await,
            }
        };
        let verdict = match origin {
            Origin::Allowed => OriginVerdict::Allowed,
            Origin::Absent => OriginVerdict::Absent,
        };
        auth::judge(chain, *decision_timeout, request, Some(verdict), decision).await
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
        let place = self.config.connections.take_attempt(attempt, self.config.decision_timeout).await?;
        let decided = self.ask(request, origin, expect).await;
        settle(place, &decided);
        decided
    }

    // Connections.

    /// The place of a connection that this request opens. It is in the registry once it [waits](Place::wait) or is
    /// [entered](Self::enter).
    #[must_use]
    pub fn place(&self, id: ConnectionId, transport: Transport, request: &Parts, end: Arc<dyn End>) -> Place {
        Place::new(id, self.config.client_address.of(request), transport, &self.config.connections, end)
    }

    /// A name for a new connection.
    ///
    /// # Errors
    /// 503 if the operating system has no random bits.
    pub fn new_id(&self) -> Result<ConnectionId, Refusal> {
        ConnectionId::new().ok_or_else(|| Refusal::unavailable("the operating system gives no random bits"))
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
        self.config.recheck(user.evidence(), request).await?;
        Ok(entered)
    }

    /// How long a connection may live, from now on. The protocol of the adapter has its own pings, and its own rule for idle
    /// clients.
    #[must_use]
    pub fn lifetime(&self, now: Moment) -> Lifetime {
        Lifetime::new(SocketSettings { ping: None, idle: None, ..self.config.sockets }, now)
    }

    /// The shutdown of the layer, for this connection.
    #[must_use]
    pub fn draining(&self, id: ConnectionId) -> Draining {
        Draining::of(&self.config, id)
    }

    // What the layer was told.

    /// The chain.
    #[must_use]
    pub fn chain(&self) -> &Chain<U> {
        &self.config.chain
    }

    /// What the chain reads, and takes out of requests.
    #[must_use]
    pub fn needs(&self) -> &Needs {
        &self.config.needs
    }

    /// Whether requests without a credential go on.
    #[must_use]
    pub fn is_optional(&self) -> bool {
        self.config.optional
    }

    /// The clock.
    #[must_use]
    pub fn timer(&self) -> &Arc<dyn Timer> {
        &self.config.timer
    }

    /// The codes that connections close with.
    #[must_use]
    pub fn close_codes(&self) -> CloseCodes {
        self.config.sockets.codes
    }
}

impl<U> Config<U> {
    fn with_chain<V: Principal>(&self, chain: Chain<V>) -> Config<V> {
        Config {
            needs: chain.needs(),
            chain,
            optional: self.optional,
            origins: self.origins.clone(),
            on_reject: Arc::clone(&self.on_reject),
            payload: self.payload,
            decision_timeout: self.decision_timeout,
            timer: Arc::clone(&self.timer),
            subprotocol: self.subprotocol.clone(),
            #[cfg(feature = "axum")]
            shutdown: self.shutdown.clone(),
            #[cfg(feature = "axum")]
            accept_then_close: self.accept_then_close,
            #[cfg(feature = "axum")]
            first_message: self.first_message.clone(),
            connections: self.connections.clone(),
            client_address: self.client_address,
            sockets: self.sockets,
        }
    }
}

impl<U> Clone for Checkpoint<U> {
    fn clone(&self) -> Self {
        Self { config: Arc::clone(&self.config) }
    }
}

impl<U> fmt::Debug for Checkpoint<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checkpoint").field("chain", &self.config.chain).finish_non_exhaustive()
    }
}
