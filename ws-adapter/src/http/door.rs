use std::{marker::PhantomData, sync::Arc};

use auth_core::{
    Anonymous, AuthRequest, Authenticated, Chain, Principal, Refusal, RefusalKind, RequestRecord, Transport,
};
use bytes::Bytes;
use http::{Response, request::Parts};

use super::{
    Bodies, Gate, OnHandshake,
    handshake::{Refused, Subprotocol},
    private::{self, Private},
    transport::classify,
};
use crate::telemetry;

/// Takes each request through a layer: it is decided, and then passed on or refused.
pub(crate) struct Door<U, M> {
    gate: Arc<Gate<U>>,
    handshakes: Option<Arc<dyn OnHandshake<U>>>,
    bodies: PhantomData<fn() -> M>,
}

/// What the layer adds to the response of the inner service.
pub(crate) struct Additions {
    subprotocol: Option<Subprotocol>,
    private: Option<Private>,
}

impl Additions {
    pub(crate) fn add_to<R>(self, response: &mut Response<R>) {
        if let Some(subprotocol) = self.subprotocol {
            subprotocol.add_to(response);
        }
        if let Some(private) = self.private {
            private.mark(response);
        }
    }
}

impl<U, M> Door<U, M> {
    pub(crate) fn new(gate: Arc<Gate<U>>, handshakes: Option<Arc<dyn OnHandshake<U>>>) -> Self {
        Self { gate, handshakes, bodies: PhantomData }
    }

    pub(crate) fn chain(&self) -> &Chain<U> {
        &self.gate.chain
    }
}

impl<U: Principal, M> Door<U, M> {
    /// Decides about a request, and prepares its head for the inner service. Returns what to add to the response.
    ///
    /// It borrows the request: a future that owned it would be moved with it, and hold it twice.
    pub(crate) async fn pass<B>(&self, parts: &mut Parts, body: &mut B) -> Result<Additions, Refused>
    where
        M: Bodies<B>,
        B: Send + 'static,
    {
        let transport = classify(parts);
        let is_handshake = transport == Transport::WebSocket;
        match is_handshake {
            // A connection keeps the path that was sent.
            true => drop(RequestRecord::of(parts)),
            false => drop(RequestRecord::if_needed(parts, &self.gate.needs)),
        }
        let decision = self.decide(parts, body, transport).await;
        let record = parts.extensions.get::<RequestRecord>().cloned();
        match &record {
            Some(record) => record.take(parts, &self.gate.needs),
            None => RequestRecord::mark_sensitive(parts, &self.gate.needs),
        }
        let refused = |refusal| Refused { transport, refusal };
        let user = decision.map_err(refused)?;
        let subprotocol = match is_handshake {
            // Boxed, since most requests are not handshakes.
            true => Box::pin(self.prepare_handshake(user.as_ref().ok(), parts)).await.map_err(refused)?,
            false => None,
        };
        if let Ok(user) = &user {
            telemetry::accepted(transport, user.evidence());
        }
        let private = Private::of(user.as_ref().ok(), record.as_ref(), parts, is_handshake);
        leave(user, parts);
        Ok(Additions { subprotocol, private })
    }

    /// Makes the response to a refused request.
    pub(crate) async fn respond(&self, mut parts: Parts, refused: Refused) -> Response<Bytes> {
        let Refused { transport, refusal } = refused;
        if transport == Transport::WebSocket
            && let Some(handshakes) = &self.handshakes
            && let Some(response) = handshakes.refused(&mut parts, &refusal).await
        {
            telemetry::refused(transport, &refusal);
            return response;
        }
        self.gate.respond(refusal, &parts, transport)
    }

    /// Returns the user. Instead it may return the refusal for a missing credential, if the layer admits such a request.
    async fn decide<B>(
        &self,
        parts: &mut Parts,
        body: &mut B,
        transport: Transport,
    ) -> Result<Result<Authenticated<U>, Refusal>, Refusal>
    where
        M: Bodies<B>,
        B: Send + 'static,
    {
        let gate = &self.gate;
        let opens = match transport {
            Transport::WebSocket => Some(gate.check_origin(parts)?),
            _ => None,
        };
        let payload = match gate.needs.payload() {
            true => Box::pin(M::look_into(parts, body, gate.payload)).await?.map(Box::new),
            false => None,
        };
        let mut request = AuthRequest::new(parts, transport, gate.timer.now());
        if let Some(payload) = &payload {
            request = request.with_payload(payload);
        }
        let decision = match gate.decide(&request, opens).await {
            Ok(user) if transport == Transport::Http => gate.check_site(&user, &request).map(|()| user),
            decision => decision,
        };
        if let Some(used) = request.into_record()
            && parts.extensions.get::<RequestRecord>().is_none()
        {
            parts.extensions.insert(used);
        }
        match decision {
            Err(refusal) if refusal.kind() != RefusalKind::Missing || !self.admits_anonymous(transport) => Err(refusal),
            decision => Ok(decision),
        }
    }

    /// Whether a request without a credential passes.
    fn admits_anonymous(&self, transport: Transport) -> bool {
        let handshakes = self.handshakes.as_ref().filter(|_| transport == Transport::WebSocket);
        self.gate.optional && handshakes.is_none_or(|handshakes| handshakes.admits_anonymous())
    }

    /// Prepares a handshake for the handler that opens the socket. Returns the subprotocol to answer.
    async fn prepare_handshake(
        &self,
        user: Option<&Authenticated<U>>,
        parts: &mut Parts,
    ) -> Result<Option<Subprotocol>, Refusal> {
        let name = match &self.handshakes {
            Some(handshakes) => {
                handshakes.admitted(user, parts).await?;
                handshakes.answered(parts)
            }
            None => self.gate.offered_subprotocol(parts),
        };
        let accepted = private::accepted(&parts.method);
        Ok(name.map(|name| Subprotocol { name, accepted }))
    }
}

/// Puts the decision into the extensions for the handler. It replaces the decision of an outer layer.
pub(crate) fn leave<U: Principal>(decision: Result<Authenticated<U>, Refusal>, parts: &mut Parts) {
    match decision {
        Ok(user) => {
            parts.extensions.remove::<Anonymous<U>>();
            parts.extensions.insert(user);
        }
        Err(refusal) => {
            parts.extensions.remove::<Authenticated<U>>();
            parts.extensions.insert(Anonymous::<U>::new(refusal));
        }
    }
}
