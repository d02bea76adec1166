use std::sync::Arc;

#[cfg(feature = "axum")]
use auth_core::Transport;
#[cfg(any(feature = "axum", feature = "socketio"))]
use auth_core::{AuthRequest, Evidence, Rejection};
use auth_core::{Authenticated, Principal, Refusal};
#[cfg(feature = "axum")]
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header::SEC_WEBSOCKET_PROTOCOL, request::Parts};

#[cfg(feature = "axum")]
use super::service::Refused;
use super::{layer::Config, private};
#[cfg(feature = "axum")]
use crate::{
    Close,
    connections::{Credential, Registration, TooMany},
    origin::OriginVerdict,
    socket::{Renewal, SocketContext, accept_then_close, told, without_credentials},
};

/// Why a check for revocation that failed refuses.
#[cfg(any(feature = "axum", feature = "socketio"))]
const REVOCATION_UNKNOWN: &str = "it cannot be said whether the credential was revoked";

/// The subprotocol to answer if the handler names none.
pub(crate) struct Subprotocol {
    name: HeaderValue,
    /// The status by which the handler accepts the handshake.
    accepted: StatusCode,
}

impl Subprotocol {
    pub(crate) fn answer<R>(self, response: &mut Response<R>) {
        if response.status() == self.accepted {
            response.headers_mut().entry(SEC_WEBSOCKET_PROTOCOL).or_insert(self.name);
        }
    }
}

impl<U: Principal> Config<U> {
    /// Leaves what a socket needs to end in time, and tells which subprotocol to answer.
    pub(super) async fn prepare_socket(
        self: &Arc<Self>,
        user: Option<&Authenticated<U>>,
        parts: &mut Parts,
    ) -> Result<Option<Subprotocol>, Refusal> {
        #[cfg(feature = "axum")]
        self.enter_socket(user, parts).await?;
        #[cfg(not(feature = "axum"))]
        let _ = user;
        let accepted = private::accepted(&parts.method);
        Ok(self.offered_subprotocol(parts).map(|name| Subprotocol { name, accepted }))
    }

    /// Enters a socket into the registry, and then asks once more whether its credential was revoked: what is revoked from
    /// here on finds it there.
    #[cfg(feature = "axum")]
    pub(crate) async fn enter_socket(
        self: &Arc<Self>,
        user: Option<&Authenticated<U>>,
        parts: &mut Parts,
    ) -> Result<(), Refusal> {
        let context = SocketContext::new(Arc::clone(&self.timer), self.sockets, self.subprotocol.clone())
            .ok_or_else(|| Refusal::unavailable("the operating system gives no random bits"))?;
        let mut context = context.with_codec(self.first_message.clone()).within(parts.extensions.remove());
        context.end_with(&self.shutdown);
        let registration = match user {
            Some(user) => Some(self.register(user, &context, parts).await?),
            None => None,
        };
        let slot = context.add(registration.clone(), user.map(Authenticated::evidence));
        parts.extensions.remove::<Renewal<U>>();
        if let Some(registration) = registration {
            let opening = Arc::new(without_credentials(parts, &self.needs));
            let address = self.client_address.of(parts);
            parts.extensions.insert(Renewal { config: Arc::clone(self), opening, registration, slot, address });
        }
        parts.extensions.insert(context);
        Ok(())
    }

    #[cfg(feature = "axum")]
    async fn register(
        &self,
        user: &Authenticated<U>,
        context: &SocketContext,
        parts: &Parts,
    ) -> Result<Arc<Registration>, Refusal> {
        let counts = context.counts(&self.connections, user.evidence());
        let registered = self.connections.register(context.id(), Credential::of(user), context.kill(), counts);
        let registered = registered.map_err(TooMany::refusal)?;
        self.recheck(user.evidence(), &AuthRequest::new(parts, Transport::WebSocket, self.timer.now())).await?;
        Ok(Arc::new(registered))
    }

    /// Asks the registry whether a credential was revoked that it holds by now; in the time that the chain has, too.
    #[cfg(any(feature = "axum", feature = "socketio"))]
    pub(crate) async fn recheck(&self, evidence: &Evidence, request: &AuthRequest<'_>) -> Result<(), Refusal> {
        match self.connections.is_revoked(evidence, self.decision_timeout).await {
            Ok(false) => Ok(()),
            Ok(true) => Err(self.chain.refuse(&Rejection::revoked(), request)),
            Err(cause) => Err(Refusal::unavailable(cause).with_detail(REVOCATION_UNKNOWN)),
        }
    }

    /// What to answer of what the client offers, if the handler chooses nothing: a subprotocol of the codec of first messages,
    /// the layer's own, or else a word that an extractor names for that.
    pub(crate) fn offered_subprotocol(&self, parts: &Parts) -> Option<HeaderValue> {
        let is_offered = |name: &[u8]| {
            let lines = parts.headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter();
            lines.flat_map(|line| line.as_bytes().split(|&b| b == b',')).any(|entry| entry.trim_ascii() == name)
        };
        #[cfg(feature = "axum")]
        let chosen = self.first_message.as_ref().and_then(|codec| codec.choose(|name| is_offered(name.as_bytes())));
        #[cfg(not(feature = "axum"))]
        let chosen = None;
        if chosen.is_some() {
            return chosen;
        }
        if is_offered(self.subprotocol.as_bytes()) {
            return Some(self.subprotocol.clone());
        }
        let answer = self.needs.subprotocol_answers().iter().find(|answer| is_offered(answer.as_bytes()))?;
        HeaderValue::from_str(answer).ok()
    }

    /// Opens the socket of a page only to close it, where the layer is told to.
    #[cfg(feature = "axum")]
    pub(super) async fn open_to_close(&self, refused: &mut Refused) -> Option<Response<Bytes>> {
        let Refused { parts, transport, refusal } = refused;
        let is_asked = self.accept_then_close && *transport == Transport::WebSocket;
        if !is_asked || self.origins.judge(parts) != OriginVerdict::Allowed {
            return None;
        }
        // Where too many are open already, the HTTP answer has to do.
        let address = self.client_address.of(parts);
        let enter = |end| self.connections.enter_refused(address, end).ok();
        let subprotocol = self.offered_subprotocol(parts);
        // The answer to a handshake has no body.
        let codec = self.first_message.as_deref().filter(|codec| codec.accepts(subprotocol.as_ref()));
        let told = |close| told(close, codec, self.sockets.codes);
        let opened = accept_then_close(parts, subprotocol.clone(), refusal, told, enter).await?;
        Some(opened.map(|_| Bytes::new()))
    }

    /// What a client that waits to be heard is told of a close.
    #[cfg(feature = "axum")]
    pub(crate) fn told(&self, close: Close) -> Close {
        told(close, self.first_message.as_deref(), self.sockets.codes)
    }
}
