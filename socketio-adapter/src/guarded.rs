use std::{fmt::Display, future::Future, pin::Pin, sync::Arc};

use auth_core::Principal;
use socketioxide::{adapter::LocalAdapter, handler::ConnectHandler, socket::Socket};
use socketioxide_core::Value;

use super::{events::REFRESH_EVENT, gate::Gate, refresh::Refresher, rooms::user_room, session::Session};

/// A connect handler behind a gate. The gate comes before every middleware of the handler's own.
pub(super) struct Guarded<U, H> {
    gate: Arc<Gate<U>>,
    handler: H,
}

impl<U, H> Guarded<U, H> {
    pub(super) fn new(gate: Gate<U>, handler: H) -> Self {
        Self { gate: Arc::new(gate), handler }
    }
}

impl<U, H: Clone> Clone for Guarded<U, H> {
    fn clone(&self) -> Self {
        Self { gate: Arc::clone(&self.gate), handler: self.handler.clone() }
    }
}

type Decision<'a> = Pin<Box<dyn Future<Output = Result<(), Box<dyn Display + Send>>> + Send + 'a>>;

impl<U, H, T> ConnectHandler<LocalAdapter, T> for Guarded<U, H>
where
    U: Principal,
    H: ConnectHandler<LocalAdapter, T>,
    T: Send + Sync + 'static,
{
    fn call_middleware<'a>(&'a self, socket: Arc<Socket<LocalAdapter>>, auth: &'a Option<Value>) -> Decision<'a> {
        Box::pin(async move {
            let admitted = self.gate.connect(&socket, auth.as_ref()).await;
            let (session, number) = admitted.map_err(|error| Box::new(error) as Box<dyn Display + Send>)?;
            socket.on(REFRESH_EVENT, Refresher::new(&self.gate, session, number));
            let mut admission = Provisional { session, namespace: socket.ns(), number, stands: false };
            let decision = self.handler.call_middleware(Arc::clone(&socket), auth).await;
            admission.stands = decision.is_ok();
            decision
        })
    }

    /// Does not assume that the middleware ran.
    fn call(&self, socket: Arc<Socket<LocalAdapter>>, auth: Option<Value>) {
        let session = Session::of(socket.req_parts()).filter(|session| !session.is_ended());
        let user = session.and_then(|session| Some((session, session.user::<U>(socket.ns()).ok()?)));
        let Some((session, user)) = user else {
            let _ = socket.disconnect();
            return;
        };
        session.connected(socket.ns(), socket.id);
        if let Some(principal) = user.as_ref().and_then(|user| user.evidence().principal()) {
            socket.join(user_room(principal));
        }
        self.handler.call(socket, auth);
    }
}

/// An admission that is taken back unless the middlewares of the application let the client in too. They may refuse it, panic,
/// or be dropped.
struct Provisional<'s> {
    session: &'s Session,
    namespace: &'s str,
    number: u64,
    stands: bool,
}

impl Drop for Provisional<'_> {
    fn drop(&mut self) {
        if !self.stands {
            self.session.expel(self.namespace, self.number);
        }
    }
}
