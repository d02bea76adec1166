use std::sync::Arc;

use auth_core::{AuthRequest, Authenticated, OriginVerdict, Principal, Refusal, Transport, async_trait};
use bytes::Bytes;
use http::{HeaderValue, Response, request::Parts};

use super::{
    codec::{Codec, translate_close},
    context::SocketContext,
    opening::Opening,
    refresh_context::RefreshContext,
    refuse::accept_then_close,
};
use crate::{
    Close,
    adapter::Checkpoint,
    connections::{Credential, Registration, Sockets, TooMany},
    http::{Gate, OnHandshake, is_offered},
};

/// The WebSockets behind one layer.
pub(crate) struct WebSockets<U> {
    pub(super) checkpoint: Arc<Checkpoint<U>>,
    /// The form of first messages; `None` if the layer does not accept them.
    pub(super) codec: Option<Arc<Codec>>,
}

impl<U> Clone for WebSockets<U> {
    fn clone(&self) -> Self {
        Self { checkpoint: Arc::clone(&self.checkpoint), codec: self.codec.clone() }
    }
}

impl<U: Principal> WebSockets<U> {
    pub(crate) fn new(gate: &Arc<Gate<U>>, sockets: &Sockets) -> Self {
        let checkpoint = Checkpoint { gate: Arc::clone(gate), sockets: sockets.clone() };
        Self { checkpoint: Arc::new(checkpoint), codec: None }
    }

    pub(super) fn with_codec(self, codec: &Arc<Codec>) -> Self {
        Self { codec: Some(Arc::clone(codec)), ..self }
    }

    /// Registers a socket, and puts what the handler needs to open it into the request's extensions.
    pub(super) async fn enter(&self, user: Option<&Authenticated<U>>, parts: &mut Parts) -> Result<(), Refusal> {
        let Self { checkpoint, codec } = self;
        let Checkpoint { gate, sockets } = &**checkpoint;
        let (id, timer) = (checkpoint.new_id()?, Arc::clone(&gate.timer));
        let context = SocketContext::new(id, timer, Arc::clone(&sockets.settings), gate.subprotocol.clone());
        let mut context = context.with_codec(codec.clone()).within(parts.extensions.remove());
        context.end_with(&sockets.shutdown);
        let registration = match user {
            Some(user) => Some(self.register(user, &context, parts).await?),
            None => None,
        };
        let slot = context.add(registration.clone(), user.map(Authenticated::evidence));
        parts.extensions.remove::<Arc<RefreshContext<U>>>();
        if let Some(registration) = registration {
            let opening = Opening::of(parts, &gate.needs);
            let address = sockets.client_address.of(parts);
            let checkpoint = Arc::clone(checkpoint);
            let refresh_context = RefreshContext { checkpoint, opening, registration, slot, address };
            parts.extensions.insert(Arc::new(refresh_context));
        }
        parts.extensions.insert(context);
        Ok(())
    }

    /// Registers a socket, then checks again whether its credential was revoked. A later revocation finds the socket in the
    /// registry.
    async fn register(
        &self,
        user: &Authenticated<U>,
        context: &SocketContext,
        parts: &Parts,
    ) -> Result<Registration, Refusal> {
        let connections = &self.checkpoint.sockets.connections;
        let counts = context.counts(connections, user.evidence());
        let registered = connections.register(context.id(), Credential::of(user), context.signals(), counts);
        let registered = registered.map_err(TooMany::refusal)?;
        let request = AuthRequest::new(parts, Transport::WebSocket, self.checkpoint.gate.timer.now());
        self.checkpoint.recheck(user.evidence(), &request).await?;
        Ok(registered)
    }

    /// The subprotocol to answer if the handler chooses none: the codec's choice, else the layer's.
    pub(super) fn offered_subprotocol(&self, parts: &Parts) -> Option<HeaderValue> {
        let codecs = self.codec.as_ref().and_then(|codec| codec.choose(|name| is_offered(parts, name.as_bytes())));
        codecs.or_else(|| self.checkpoint.gate.offered_subprotocol(parts))
    }

    /// The close as a client sees it that is not authenticated yet.
    pub(super) fn translate_close(&self, close: Close) -> Close {
        translate_close(close, self.codec.as_deref(), self.checkpoint.sockets.settings.codes)
    }
}

#[async_trait]
impl<U: Principal> OnHandshake<U> for WebSockets<U> {
    fn admits_anonymous(&self) -> bool {
        // If first messages are accepted, the client can still authenticate.
        self.codec.is_none()
    }

    async fn admitted(&self, user: Option<&Authenticated<U>>, parts: &mut Parts) -> Result<(), Refusal> {
        self.enter(user, parts).await
    }

    /// Accepts a page's handshake and closes the socket with a code that says why, if `accept_then_close` is set.
    async fn refused(&self, parts: &mut Parts, refusal: &Refusal) -> Option<Response<Bytes>> {
        let Self { checkpoint, codec } = self;
        let Checkpoint { gate, sockets } = &**checkpoint;
        if !sockets.accept_then_close || gate.origins.judge_handshake(parts) != OriginVerdict::Allowed {
            return None;
        }
        let address = sockets.client_address.of(parts);
        // If too many sockets are pending, the client gets the HTTP response.
        let enter = |end| sockets.connections.enter_refused(address, end).ok();
        let subprotocol = self.offered_subprotocol(parts);
        let codec = codec.as_deref().filter(|codec| codec.accepts(subprotocol.as_ref()));
        let translate = |close| translate_close(close, codec, sockets.settings.codes);
        let opened = accept_then_close(parts, subprotocol.clone(), refusal, translate, enter).await?;
        // The response to a handshake has no body.
        Some(opened.map(|_| Bytes::new()))
    }

    fn answered(&self, parts: &Parts) -> Option<HeaderValue> {
        self.offered_subprotocol(parts)
    }
}
