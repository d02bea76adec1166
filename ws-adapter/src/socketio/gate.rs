use std::{fmt, sync::Arc, time::Duration};

use auth_core::{AuthRequest, Authenticated, Chain, Needs, Payload, Refusal, RefusalKind, Transport};
use http::{
    StatusCode,
    header::{AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION},
    request::Parts,
};
use socketioxide::{ProtocolVersion, adapter::Adapter, socket::Socket};
use socketioxide_core::Value;

use super::{request::transport_of, session::Session};
use crate::{
    Close, Timer,
    auth::ask,
    payload::{self, Format},
    strip,
};

/// Decides about the `CONNECT`s of one namespace.
pub(super) struct Gate<U> {
    pub(super) chain: Chain<U>,
    pub(super) needs: Needs,
    /// Whether the chain is the one in front of the transport, so that its evidence counts as it is.
    pub(super) is_of_transport: bool,
    pub(super) timer: Arc<dyn Timer>,
    pub(super) decision_timeout: Duration,
    pub(super) max_connects: usize,
    pub(super) max_auth: usize,
}

impl<U: Send + Sync + 'static> Gate<U> {
    /// Lets the client into the namespace, or says why not.
    pub(super) async fn connect<A: Adapter>(&self, socket: &Socket<A>, auth: Option<&Value>) -> Result<(), Refused> {
        let Some(session) = Session::of(socket.req_parts()) else {
            tracing::error!("a Socket.IO client connects, but not through the layer that belongs to its namespace");
            return Err(Refused::Unavailable);
        };
        let decision = self.decide(session, socket, auth).await;
        let decision = decision.and_then(|user| {
            // One transport, one principal: who brings another one's credentials speaks for somebody else.
            if !session.bind(user.evidence().principal()) {
                return Err(Refused::Forbidden);
            }
            // It may have ended while the chain was asked.
            if session.is_ended() { Err(Refused::Unavailable) } else { Ok(user) }
        });
        let code = decision.as_ref().map_or_else(Refused::to_string, |_| "accepted".to_owned());
        tracing::debug!(connection = %session.id(), code, "a Socket.IO client connects");
        session.admit(socket.ns(), decision?);
        Ok(())
    }

    async fn decide<A: Adapter>(
        &self,
        session: &Session,
        socket: &Socket<A>,
        auth: Option<&Value>,
    ) -> Result<Authenticated<U>, Refused> {
        if !session.count_connect(self.max_connects) {
            session.doom(Close::new(4403, "forbidden"));
            return Err(Refused::Forbidden);
        }
        // A client of the old protocol is connected without having asked. The layer lets none in.
        if socket.protocol() != ProtocolVersion::V5 || session.is_ended() {
            return Err(Refused::Unavailable);
        }
        if let Some(payload) = self.payload(auth)?
            && let Some(user) = self.by_payload(session, socket.req_parts(), &payload).await?
        {
            return Ok(user);
        }
        self.by_transport(session, socket.req_parts()).await
    }

    /// The fields of the `auth` object, if there is one.
    fn payload(&self, auth: Option<&Value>) -> Result<Option<Payload>, Refused> {
        match auth {
            None => Ok(None),
            Some(Value::Str(json, None)) if json.len() <= self.max_auth => {
                payload::parse(Format::Json, json.as_bytes()).map(Some).ok_or(Refused::INVALID)
            }
            Some(_) => Err(Refused::INVALID),
        }
    }

    /// Whom the `auth` object stands for; `None` if it holds no credential.
    async fn by_payload(
        &self,
        session: &Session,
        opening: &Parts,
        payload: &Payload,
    ) -> Result<Option<Authenticated<U>>, Refused> {
        let mut parts = opening.clone();
        strip::strip(&mut parts, &self.needs, None);
        for name in [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION].iter().chain(self.needs.header_names()) {
            parts.headers.remove(name);
        }
        let request = AuthRequest::new(&parts, Transport::SocketIo, self.timer.now()).with_payload(payload);
        match self.authenticate(session, &request).await {
            Ok(user) => Ok(Some(user)),
            Err(Refused::MISSING) => Ok(None),
            Err(refused) => Err(refused),
        }
    }

    /// Whom the transport was opened by, as this namespace sees it.
    async fn by_transport(&self, session: &Session, opening: &Parts) -> Result<Authenticated<U>, Refused> {
        if !session.was_opened_by_somebody() {
            return Err(Refused::MISSING);
        }
        if self.is_of_transport {
            let user = session.opened_by::<U>().ok_or(Refused::Unavailable)?;
            return if user.evidence().is_expired_at(self.timer.now()) {
                Err(Refused::EXPIRED)
            } else {
                Ok(user.clone())
            };
        }
        let mut parts = opening.clone();
        strip::restore(&mut parts);
        let request = AuthRequest::new(&parts, transport_of(&parts), self.timer.now());
        self.authenticate(session, &request).await
    }

    async fn authenticate(&self, session: &Session, request: &AuthRequest<'_>) -> Result<Authenticated<U>, Refused> {
        let decision = ask(&self.chain, self.decision_timeout, request, Some(session.origin())).await;
        decision.map_err(|refusal| Refused::from(&refusal))
    }
}

/// What a client reads that is not let in: a stable code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    Unauthorized(&'static str),
    Forbidden,
    Unavailable,
}

impl Refused {
    const INVALID: Self = Self::Unauthorized("invalid_credentials");
    const EXPIRED: Self = Self::Unauthorized("token_expired");
    const MISSING: Self = Self::Unauthorized("missing_credentials");
}

impl From<&Refusal> for Refused {
    fn from(refusal: &Refusal) -> Self {
        match (refusal.kind(), refusal.status()) {
            (RefusalKind::Missing | RefusalKind::Redirect, _) => Self::MISSING,
            (_, StatusCode::UNAUTHORIZED) => Self::Unauthorized(refusal.code()),
            (_, StatusCode::BAD_REQUEST) => Self::INVALID,
            (_, StatusCode::FORBIDDEN) => Self::Forbidden,
            _ => Self::Unavailable,
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unauthorized(code) => write!(f, "unauthorized:{code}"),
            Self::Forbidden => f.write_str("forbidden"),
            Self::Unavailable => f.write_str("unavailable"),
        }
    }
}
