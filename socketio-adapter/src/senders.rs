use std::sync::Arc;

use auth_core::{AuthRequest, Authenticated, Principal, Refusal, Transport};
use http::request::Parts;
use ws_adapter::adapter::{Checked, Expect};

use super::{
    refusal::forbidden,
    request::{EngineRequest, unknown_session},
    server::Server,
    session::{Opener, Session, is_guest, warn_of_guest},
};

/// A request that may go on to engine.io.
pub(super) struct PassedRequest<U> {
    pub(super) kind: EngineRequest,
    /// Who sent it, or the refusal for a request without a credential.
    pub(super) user: Result<Authenticated<U>, Refusal>,
    /// The transport that it is about, or opens.
    pub(super) session: Arc<Session>,
}

/// Who may send what.
impl<U: Principal> Server<U> {
    pub(super) async fn decide(&self, parts: &Parts, transport: Transport) -> Result<PassedRequest<U>, Refusal> {
        let request = AuthRequest::new(parts, transport, self.checkpoint.timer().now());
        let checked = self.checkpoint.check(&request).await?;
        let kind = EngineRequest::of(parts, transport)?;
        let Some(sid) = kind.sid() else {
            let session = self.session(&checked, &request).await?;
            return Ok(PassedRequest { kind, user: checked.user, session });
        };
        let session = self.sessions.get(sid).ok_or_else(unknown_session)?;
        self.check_sender(&checked, &session, &request).await?;
        // A transport that has ended may still be asked why.
        if session.is_ended() && !matches!(kind, EngineRequest::Poll(_)) {
            return Err(unknown_session());
        }
        Ok(PassedRequest { kind, user: checked.user, session })
    }

    /// Whether a request may use a transport that is there.
    async fn check_sender(
        &self,
        checked: &Checked<U>,
        session: &Session,
        request: &AuthRequest<'_>,
    ) -> Result<(), Refusal> {
        let is_bound_to_sid = self.options.binds_to_sid && session.was_opened_explicitly();
        let others = || forbidden("the transport is another client's");
        match &checked.user {
            Ok(user) if session.belongs_to(user.evidence()) => Ok(()),
            Ok(user) if self.options.allows_guests && is_guest(user.evidence()) => {
                match (session.opener(), session.owner()) {
                    (Opener::Nobody | Opener::Guest, _) => Ok(()),
                    // Nothing may be wrong in front of the guest.
                    (Opener::User, Some(owner)) if is_bound_to_sid => {
                        let expect = Expect::UserOrGuest(owner);
                        self.checkpoint.ask(request, checked.origin, expect).await.map(drop)
                    }
                    (Opener::User, _) => Err(others()),
                }
            }
            Ok(_) => Err(others()),
            Err(refusal) if session.opener() != Opener::Nobody && !is_bound_to_sid => Err(refusal.clone()),
            Err(_) => Ok(()),
        }
    }

    /// A new transport, which counts from here on.
    async fn session(&self, checked: &Checked<U>, request: &AuthRequest<'_>) -> Result<Arc<Session>, Refusal> {
        let patience = self.options.connect_timeout;
        let session = Session::new(&self.checkpoint, &self.sessions, patience, request.parts(), checked)?;
        let user = checked.user.as_ref().ok();
        // It waits until it is a user's, and so does a guest.
        if session.opener() != Opener::User {
            if let Some(user) = user
                && !(self.options.allows_guests && is_guest(user.evidence()))
            {
                // Without a user, later polls could belong to anybody.
                warn_of_guest();
                return Err(forbidden("the credential names no principal"));
            }
            session.place().wait()?;
        }
        if let Some(user) = user {
            if let Some(principal) = user.evidence().principal() {
                session.place().reserve(principal)?;
            }
            if session.is_ended() {
                return Err(Refusal::unavailable("the transport has ended"));
            }
            let entered = self.checkpoint.enter(session.place(), user, request).await?;
            entered.log_accepted(request.transport());
            session.open_by(entered);
        }
        self.sessions.insert(session.id(), &session);
        Ok(session)
    }
}
