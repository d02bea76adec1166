use std::sync::Arc;

use auth_core::{
    AuthRequest, Authenticated, Evidence, KeptCookies, Payload, Principal, Refusal, RequestRecord, Transport,
};
use http::{
    StatusCode,
    header::{AUTHORIZATION, PROXY_AUTHORIZATION},
    request::Parts,
};
use socketioxide::{ProtocolVersion, adapter::Adapter, socket::Socket};
use socketioxide_core::Value;
use ws_adapter::adapter::{Checkpoint, Entered, Expect, json_object};

use super::{
    forged::as_sent,
    refusal::{NotAdmitted, ended, forbidden, invalid_credentials, is_missing},
    request::transport_of,
    session::{Admission, Opener, Session, is_guest, warn_of_guest},
};

/// Decides about the `CONNECT`s of one namespace.
pub(super) struct Gate<U> {
    pub(super) checkpoint: Checkpoint<U>,
    /// Whether the chain is the one in front of the transport, so that its evidence counts as it is.
    pub(super) is_of_transport: bool,
    pub(super) max_auth: usize,
    /// Whether clients may come in if their evidence has no principal.
    pub(super) allows_guests: bool,
    /// Whether a client without evidence may come in.
    pub(super) allows_nobody: bool,
}

/// Why an `auth` object is refused before a chain is asked.
const NO_OBJECT: &str = "what came as auth is too long, or is not one JSON object";

const ANOTHER: &str = "the credential is another user's";

impl<U: Principal> Gate<U> {
    /// Lets the client into the namespace, and returns its session and the number of this admission; or why not.
    ///
    /// A transport's credentials are judged one at a time, so that no more than the budget allows can be wrong.
    pub(super) async fn connect<'s, A: Adapter>(
        &self,
        socket: &'s Socket<A>,
        auth: Option<&Value>,
    ) -> Result<(&'s Arc<Session>, u64), NotAdmitted> {
        let Some(session) = Session::of(socket.req_parts()) else {
            tracing::error!("a Socket.IO client connects, but not through the layer that belongs to its namespace");
            return Err(ended().into());
        };
        let turn = session.turn().await;
        let admitted = self.admit(session, socket, auth).await;
        drop(turn);
        match &admitted {
            Ok(_) => tracing::debug!(connection = %session.id(), "a Socket.IO client connects"),
            Err(not_admitted) => {
                if let NotAdmitted::Refused(refusal) = not_admitted {
                    refusal.log_once(Transport::SocketIo);
                }
                session.place().count_refused(Transport::SocketIo, not_admitted.code());
            }
        }
        admitted.map(|number| (session, number))
    }

    async fn admit<A: Adapter>(
        &self,
        session: &Arc<Session>,
        socket: &Socket<A>,
        auth: Option<&Value>,
    ) -> Result<u64, NotAdmitted> {
        // A client of the old protocol is connected without having asked. The layer lets none in.
        if socket.protocol() != ProtocolVersion::V5 || session.is_ended() {
            return Err(ended().into());
        }
        let presented = self.presented(session, socket.req_parts(), auth).await;
        if presented.as_ref().is_err_and(Refusal::is_wrong_credential) {
            session.wrong();
        }
        let admission = match presented? {
            Some(entered) => Admission::Own(entered),
            None => self.inherited(session, socket.req_parts()).await?,
        };
        // It may have ended while the chain was asked.
        session.admit(socket.ns(), admission).ok_or_else(|| ended().into())
    }

    /// Admits by the `auth` object; `None` if it holds no credential.
    async fn presented(
        &self,
        session: &Arc<Session>,
        opening: &Parts,
        auth: Option<&Value>,
    ) -> Result<Option<Entered>, Refusal> {
        let Some(payload) = self.payload(auth)? else {
            return Ok(None);
        };
        let owner = session.owner();
        let expect = owner.map_or(Expect::Anybody, Expect::UserOrGuest);
        let user = match self.judge(session, opening, &payload, Transport::SocketIo, expect).await {
            // The transport is a user's, and a guest's `auth` does not change that.
            Ok(user) if owner.is_some() && is_guest(user.evidence()) => return Ok(None),
            Err(refusal) if is_missing(&refusal) => return Ok(None),
            decided => decided?,
        };
        self.check_owner(session, user.evidence())?;
        let entered = self.enter(session, &user, opening, Transport::SocketIo).await?;
        self.bind(session, user.evidence())?;
        Ok(Some(entered))
    }

    /// Admits by what the transport was opened with.
    async fn inherited(&self, session: &Arc<Session>, opening: &Parts) -> Result<Admission, NotAdmitted> {
        match session.opener() {
            // A transport that has become a user's does not go back.
            Opener::Nobody if self.allows_nobody && session.owner().is_none() => return Ok(Admission::Nobody),
            Opener::Nobody => return Err(NotAdmitted::Missing),
            Opener::Guest if session.owner().is_some() => return Err(NotAdmitted::Missing),
            Opener::Guest | Opener::User => {}
        }
        let user = self.by_transport(session, opening).await?;
        if session.opener() == Opener::Guest && !is_guest(user.evidence()) {
            return Err(forbidden("a guest's transport becomes a user's by `auth` alone").into());
        }
        self.check_owner(session, user.evidence())?;
        // What the transport was opened with is in the registry already.
        let admission = match self.is_of_transport {
            true => Admission::OfTransport,
            false => Admission::Own(self.enter(session, &user, opening, Transport::SocketIo).await?),
        };
        self.bind(session, user.evidence())?;
        Ok(admission)
    }

    /// One transport, one principal: a client that brings another one's credential speaks for somebody else.
    fn check_owner(&self, session: &Session, evidence: &Evidence) -> Result<(), Refusal> {
        match (session.owner(), evidence.principal()) {
            (Some(owner), Some(_)) if !owner.is_same_user(evidence) => Err(invalid_credentials(ANOTHER)),
            (_, Some(_)) => Ok(()),
            (None, None) if is_guest(evidence) && self.allows_guests => Ok(()),
            (_, None) => {
                warn_of_guest();
                Err(forbidden("the credential names no principal"))
            }
        }
    }

    /// Makes the transport that of this user, unless it is another's.
    fn bind(&self, session: &Session, evidence: &Evidence) -> Result<(), Refusal> {
        let is_bound = evidence.principal().is_none() || session.bind(evidence);
        if is_bound { Ok(()) } else { Err(invalid_credentials(ANOTHER)) }
    }

    async fn enter(
        &self,
        session: &Session,
        user: &Authenticated<U>,
        opening: &Parts,
        transport: Transport,
    ) -> Result<Entered, Refusal> {
        if session.is_ended() {
            return Err(ended());
        }
        let request = AuthRequest::new(opening, transport, self.checkpoint.timer().now());
        self.checkpoint.enter(session.place(), user, &request).await
    }

    /// Whether a credential that comes over an open transport is good, of the same user, and not revoked. `open` is what it is
    /// to replace.
    pub(super) async fn renew(
        &self,
        session: &Session,
        opening: &Parts,
        payload: &Payload,
        open: &Evidence,
    ) -> Result<Entered, Refusal> {
        let user = self.judge(session, opening, payload, Transport::InBand, Expect::User(open)).await?;
        self.enter(session, &user, opening, Transport::InBand).await
    }

    /// The fields of the `auth` object, if there is one.
    fn payload(&self, auth: Option<&Value>) -> Result<Option<Payload>, Refusal> {
        let object = match auth {
            None => return Ok(None),
            Some(Value::Str(json, None)) if json.len() <= self.max_auth => json_object(json),
            Some(_) => None,
        };
        object.map(Some).ok_or_else(|| invalid_credentials(NO_OBJECT))
    }

    /// Asks the chain about a credential that came over the transport, on the opening request without its own credentials.
    async fn judge(
        &self,
        session: &Session,
        opening: &Parts,
        payload: &Payload,
        transport: Transport,
        expect: Expect<'_>,
    ) -> Result<Authenticated<U>, Refusal> {
        let mut parts = as_sent(opening);
        // The transport's own record stays as it is.
        let record = RequestRecord::of(&mut parts).without_credentials();
        record.take(&mut parts, self.checkpoint.needs());
        parts.extensions.insert(record.without_credentials());
        KeptCookies::of(&parts, self.checkpoint.needs()).put_into(&mut parts);
        for name in [AUTHORIZATION, PROXY_AUTHORIZATION].iter().chain(self.checkpoint.needs().header_names()) {
            parts.headers.remove(name);
        }
        let timer = self.checkpoint.timer();
        let request = AuthRequest::new(&parts, transport, timer.now()).with_payload(payload);
        let attempt = session.place().attempt(session.owner().and_then(Evidence::principal), timer.monotonic());
        self.checkpoint.present(&request, session.origin(), expect, &attempt).await
    }

    /// Who opened the transport, as this namespace sees it.
    async fn by_transport(&self, session: &Session, opening: &Parts) -> Result<Authenticated<U>, Refusal> {
        let now = self.checkpoint.timer().now();
        if self.is_of_transport {
            let user = session.opened_by::<U>().ok_or_else(ended)?;
            if session.has_expired(user.evidence()) {
                let refusal = Refusal::new(StatusCode::UNAUTHORIZED, "token_expired");
                return Err(refusal.with_detail("what the transport was opened with has ended"));
            }
            return Ok(user);
        }
        let mut parts = as_sent(opening);
        // What a strategy uses up for one decision, it has not used up for the next.
        let record = RequestRecord::of(&mut parts).with_credentials();
        parts.extensions.insert(record);
        let request = AuthRequest::new(&parts, transport_of(&parts), now);
        self.checkpoint.ask(&request, session.origin(), Expect::Anybody).await
    }
}
