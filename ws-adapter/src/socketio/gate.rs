use std::{sync::Arc, time::Duration};

use auth_core::{
    AuthRequest, Authenticated, Chain, Evidence, Needs, Payload, Principal, Refusal, RequestRecord, Transport,
};
use http::{
    header::{AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION},
    request::Parts,
};
use socketioxide::{ProtocolVersion, adapter::Adapter, socket::Socket};
use socketioxide_core::Value;

use super::{
    own::as_sent,
    refused::Refused,
    request::transport_of,
    session::{Entry, Opener, Session, is_guest, warn_of_guest},
};
use crate::{
    Connections, Timer,
    connections::{Attempt, REVOCATION_UNKNOWN, settle},
    http::{decide_by, payload},
    telemetry,
};

/// Decides about the `CONNECT`s of one namespace.
pub(super) struct Gate<U> {
    pub(super) chain: Chain<U>,
    pub(super) needs: Needs,
    /// Whether the chain is the one in front of the transport, so that its evidence counts as it is.
    pub(super) is_of_transport: bool,
    pub(super) timer: Arc<dyn Timer>,
    pub(super) decision_timeout: Duration,
    pub(super) max_auth: usize,
    pub(super) connections: Connections,
    /// Whether a client may be nobody's that the evidence does not name.
    pub(super) allows_guests: bool,
    /// Whether one without evidence may come in.
    pub(super) allows_nobody: bool,
}

/// Why an `auth` object is refused that no chain was asked about.
const NO_OBJECT: &str = "what came as auth is too long, or is not one JSON object";

const ANOTHER: &str = "the credential is another user's";

/// Who is let in, with the entry of a credential that was not in the registry before.
type Known<U> = (Authenticated<U>, Option<Entry>);

impl<U: Principal> Gate<U> {
    /// Lets the client into the namespace, and gives its session and the number of this admission; or says why not.
    ///
    /// Of one transport, one credential is looked at at a time, so that no more than the budget allows can be wrong.
    pub(super) async fn connect<'s, A: Adapter>(
        &self,
        socket: &'s Socket<A>,
        auth: Option<&Value>,
    ) -> Result<(&'s Arc<Session>, u64), Refused> {
        let Some(session) = Session::of(socket.req_parts()) else {
            tracing::error!("a Socket.IO client connects, but not through the layer that belongs to its namespace");
            return Err(Refused::UNAVAILABLE);
        };
        let turn = session.turn().await;
        let admitted = self.admit(session, socket, auth).await;
        drop(turn);
        match &admitted {
            Ok(_) => tracing::debug!(connection = %session.id(), "a Socket.IO client connects"),
            Err(refused) => telemetry::count_refused(Transport::SocketIo, refused.code()),
        }
        admitted.map(|number| (session, number))
    }

    async fn admit<A: Adapter>(
        &self,
        session: &Arc<Session>,
        socket: &Socket<A>,
        auth: Option<&Value>,
    ) -> Result<u64, Refused> {
        // A client of the old protocol is connected without having asked. The layer lets none in.
        if socket.protocol() != ProtocolVersion::V5 || session.is_ended() {
            return Err(
                Refused::UNAVAILABLE.own(Transport::SocketIo, "the transport has ended, or its protocol is old")
            );
        }
        let presented = self.presented(session, socket, auth).await;
        if presented.as_ref().is_err_and(Refused::is_wrong) {
            session.wrong();
        }
        let known = match presented? {
            Some(known) => Some(known),
            None => self.inherited(session, socket).await?,
        };
        let number = match known {
            Some((user, entry)) => {
                let number = session.admit(socket.ns(), &user, entry);
                number.inspect(|_| telemetry::accepted(Transport::SocketIo, user.evidence()))
            }
            None => session.admit_nobody(socket.ns()),
        };
        // It may have ended while the chain was asked.
        number.ok_or_else(|| Refused::UNAVAILABLE.own(Transport::SocketIo, "the transport has ended"))
    }

    /// Whom the `auth` object stands for; `None` if it holds no credential.
    async fn presented<A: Adapter>(
        &self,
        session: &Arc<Session>,
        socket: &Socket<A>,
        auth: Option<&Value>,
    ) -> Result<Option<Known<U>>, Refused> {
        let Some(payload) = self.payload(auth)? else {
            return Ok(None);
        };
        let renews = session.owner().map(Renews::OwnerOrGuest);
        let user = self.by_payload(session, socket.req_parts(), &payload, Transport::SocketIo, renews).await?;
        // In a guest's `auth` is nothing that would count beside the user whose the transport is.
        let Some(user) = user.filter(|user| renews.is_none() || !is_guest(user.evidence())) else {
            return Ok(None);
        };
        self.check_owner(session, user.evidence())?;
        let entry = self.enter(session, &user, Transport::SocketIo).await?;
        self.bind(session, user.evidence())?;
        Ok(Some((user, Some(entry))))
    }

    /// Whom the transport stands for; `None` is nobody, where that is allowed.
    async fn inherited<A: Adapter>(
        &self,
        session: &Arc<Session>,
        socket: &Socket<A>,
    ) -> Result<Option<Known<U>>, Refused> {
        if session.opener() == Opener::Nobody {
            // The chain has said so, of the `auth` object or of the transport. A user's never becomes nobody's.
            let is_let_in = self.allows_nobody && session.owner().is_none();
            return if is_let_in { Ok(None) } else { Err(Refused::MISSING) };
        }
        if session.opener() == Opener::Guest && session.owner().is_some() {
            return Err(Refused::MISSING);
        }
        let user = self.by_transport(session, socket.req_parts()).await?;
        if session.opener() == Opener::Guest && !is_guest(user.evidence()) {
            return Err(
                Refused::FORBIDDEN.own(Transport::SocketIo, "a guest's transport becomes a user's by `auth` alone")
            );
        }
        self.check_owner(session, user.evidence())?;
        // What the transport was opened with is in the registry already.
        let entry = match self.is_of_transport {
            true => None,
            false => Some(self.enter(session, &user, Transport::SocketIo).await?),
        };
        self.bind(session, user.evidence())?;
        Ok(Some((user, entry)))
    }

    /// One transport, one principal: a client that brings another one's credential speaks for somebody else.
    fn check_owner(&self, session: &Session, evidence: &Evidence) -> Result<(), Refused> {
        match (session.owner(), evidence.principal()) {
            (Some(owner), Some(_)) if !owner.is_same_user(evidence) => {
                Err(Refused::INVALID.own(Transport::SocketIo, ANOTHER))
            }
            (_, Some(_)) => Ok(()),
            (None, None) if is_guest(evidence) && self.allows_guests => Ok(()),
            (_, None) => {
                warn_of_guest();
                Err(Refused::FORBIDDEN.own(Transport::SocketIo, "the credential names no principal"))
            }
        }
    }

    /// Makes the transport that of this user, who may have it, and for whom there is room.
    fn bind(&self, session: &Session, evidence: &Evidence) -> Result<(), Refused> {
        let is_bound = evidence.principal().is_none() || session.bind(evidence);
        if is_bound { Ok(()) } else { Err(Refused::INVALID.own(Transport::SocketIo, ANOTHER)) }
    }

    /// Enters evidence into the registry, and then asks once more whether it was revoked: what is revoked from here on
    /// finds it there.
    async fn enter(
        &self,
        session: &Arc<Session>,
        user: &Authenticated<U>,
        transport: Transport,
    ) -> Result<Entry, Refused> {
        let entry = session.enter(&self.connections, user);
        let entry = entry.map_err(|not_now| Refused::from(not_now).own(transport, &not_now.to_string()))?;
        match self.connections.is_revoked(user.evidence(), self.decision_timeout).await {
            Ok(false) => Ok(entry),
            Ok(true) => Err(Refused::REVOKED.own(transport, "it was revoked while it was looked at")),
            Err(cause) => {
                let refusal = Refusal::unavailable(cause).with_detail(REVOCATION_UNKNOWN);
                refusal.log_once(transport);
                Err(Refused::from(&refusal))
            }
        }
    }

    /// Whether a credential that comes over an open transport is good, of the same user, and not revoked. `open` is what it is
    /// to take the place of.
    pub(super) async fn renew(
        &self,
        session: &Arc<Session>,
        opening: &Parts,
        payload: &Payload,
        open: &Evidence,
    ) -> Result<(Authenticated<U>, Entry), Refused> {
        let renewed = self.by_payload(session, opening, payload, Transport::InBand, Some(Renews::Evidence(open))).await;
        let user = renewed?.ok_or(Refused::MISSING)?;
        let entry = self.enter(session, &user, Transport::InBand).await?;
        Ok((user, entry))
    }

    /// The fields of the `auth` object, if there is one.
    fn payload(&self, auth: Option<&Value>) -> Result<Option<Payload>, Refused> {
        match auth {
            None => Ok(None),
            Some(Value::Str(json, None)) if json.len() <= self.max_auth => {
                payload::object(json).map(Some).ok_or_else(|| Refused::INVALID.own(Transport::SocketIo, NO_OBJECT))
            }
            Some(_) => Err(Refused::INVALID.own(Transport::SocketIo, NO_OBJECT)),
        }
    }

    /// Whom the `auth` object stands for; `None` if it holds no credential.
    async fn by_payload(
        &self,
        session: &Session,
        opening: &Parts,
        payload: &Payload,
        transport: Transport,
        renews: Option<Renews<'_>>,
    ) -> Result<Option<Authenticated<U>>, Refused> {
        let mut parts = as_sent(opening);
        // The transport's own record stays as it is.
        let record = RequestRecord::of(&mut parts).without_credentials();
        record.take(&mut parts, &self.needs);
        parts.extensions.insert(record.without_credentials());
        for name in [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION].iter().chain(self.needs.header_names()) {
            parts.headers.remove(name);
        }
        let request = AuthRequest::new(&parts, transport, self.timer.now()).with_payload(payload);
        match self.attempt(session, &request, renews).await {
            Ok(user) => Ok(Some(user)),
            Err(Refused::MISSING) => Ok(None),
            Err(refused) => Err(refused),
        }
    }

    /// Whom the transport was opened by, as this namespace sees it.
    async fn by_transport(&self, session: &Session, opening: &Parts) -> Result<Authenticated<U>, Refused> {
        if self.is_of_transport {
            let gone = || Refused::UNAVAILABLE.own(Transport::SocketIo, "the transport has ended");
            let user = session.opened_by::<U>().ok_or_else(gone)?;
            if user.evidence().is_expired_at(self.timer.now()) {
                return Err(Refused::EXPIRED.own(Transport::SocketIo, "what the transport was opened with has ended"));
            }
            return Ok(user);
        }
        let mut parts = as_sent(opening);
        // What a strategy uses up for one decision, it has not used up for the next.
        let record = RequestRecord::of(&mut parts).with_credentials();
        parts.extensions.insert(record);
        let request = AuthRequest::new(&parts, transport_of(&parts), self.timer.now());
        let decided = self.ask(session, &request, None).await;
        decided.map_err(|refusal| Refused::logged(&refusal, request.transport()))
    }

    /// Looks at a credential that came over the transport, if its user and address have not presented too many wrong ones.
    async fn attempt(
        &self,
        session: &Session,
        request: &AuthRequest<'_>,
        renews: Option<Renews<'_>>,
    ) -> Result<Authenticated<U>, Refused> {
        let (connection, user) = (Some(session.id()), session.owner().and_then(Evidence::principal));
        let attempt = Attempt { connection, user, address: session.address(), passed: self.timer.monotonic() };
        let decided = match self.connections.take_attempt(&attempt, self.decision_timeout).await {
            Ok(place) => {
                let decided = self.ask(session, request, renews).await;
                settle(place, &decided);
                decided
            }
            Err(refusal) => Err(refusal),
        };
        decided.map_err(|refusal| Refused::logged(&refusal, request.transport()))
    }

    async fn ask(
        &self,
        session: &Session,
        request: &AuthRequest<'_>,
        renews: Option<Renews<'_>>,
    ) -> Result<Authenticated<U>, Refusal> {
        let decision = async {
            match renews {
                // Nobody becomes a guest by a wrong credential, whosever the transport is.
                None => self.chain.authenticate_or_guest(request).await,
                Some(Renews::Evidence(open)) => self.chain.renew(request, open).await,
                Some(Renews::OwnerOrGuest(open)) => self.chain.renew_or_guest(request, open).await,
            }
        };
        decide_by(&self.chain, self.decision_timeout, request, Some(session.origin()), decision).await
    }
}

/// What a credential comes beside.
#[derive(Clone, Copy)]
enum Renews<'e> {
    /// Evidence whose place it is to take.
    Evidence(&'e Evidence),
    /// That of the user whose the transport is. It may also be none.
    OwnerOrGuest(&'e Evidence),
}
