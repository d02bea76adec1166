use std::{
    sync::{Arc, Weak},
    time::SystemTime,
};

use auth_core::{Principal, Timer};
use serde::Serialize;
use socketioxide::SocketIo;
use tokio::{select, sync::watch};
use ws_adapter::{
    Close, CloseCodes,
    adapter::{Draining, Due, Questions, ttl},
};

use super::{engine::Engine, events::EXPIRING_EVENT, farewell, server::Server, session::Session};

#[derive(Serialize)]
struct Expiring {
    ttl: u64,
}

/// Ends a transport when its time has come.
pub(super) struct Driver {
    session: Weak<Session>,
    changes: watch::Receiver<bool>,
    timer: Arc<dyn Timer>,
    draining: Draining,
    questions: Questions,
    codes: CloseCodes,
    io: SocketIo,
    engine: Engine,
}

impl Driver {
    pub(super) fn new<U: Principal>(server: &Server<U>, session: &Arc<Session>) -> Self {
        Self {
            session: Arc::downgrade(session),
            changes: session.watch(),
            timer: Arc::clone(server.checkpoint.timer()),
            draining: server.checkpoint.draining(session.id()),
            questions: Questions::default(),
            codes: server.checkpoint.close_codes(),
            io: server.io.clone(),
            engine: server.engine.clone(),
        }
    }

    pub(super) async fn drive(mut self) {
        let reason = self.end().await;
        let Some(session) = self.session.upgrade() else {
            return;
        };
        let Some(reason) = reason else {
            // The server waits for its stream.
            return session.streams_gone().await;
        };
        farewell::say(&session, session.sockets(&self.io), reason.reason()).await;
        session.cut(reason.in_codes(self.codes));
        if let Some(sid) = session.sid() {
            self.engine.close(sid).await;
        }
        session.streams_gone().await;
        session.forget();
    }

    /// Waits for the end, and returns its reason. From then on the session has ended. `None` if the transport was gone before.
    async fn end(&mut self) -> Option<Close> {
        loop {
            self.changes.mark_unchanged();
            let wake = {
                let session = self.session.upgrade()?;
                // Not by us, so it is gone. socketioxide may hold the session for longer.
                if session.is_closed() {
                    return None;
                }
                while let Some(due) = session.due() {
                    match due {
                        Due::End(close) => return session.end(&close).then_some(close),
                        Due::Notice(end) => self.give_notice(&session, end),
                        Due::Ask { slot } => self.ask(&session, slot),
                        Due::Look if !session.look(&self.io) => session.mark_ended(Close::AUTH_TIMEOUT),
                        _ => {}
                    }
                }
                session.pace();
                session.wake()
            };
            select! {
                biased;
                changed = self.changes.changed() => changed.ok()?,
                (slot, end) = self.questions.answered() => self.session.upgrade()?.moved(slot, &end),
                () = wake.reached(&*self.timer) => {}
                after = self.draining.begun() => self.session.upgrade()?.drain_in(after),
            }
        }
    }

    /// Asks whether the end of this slot's credential has moved.
    fn ask(&mut self, session: &Session, slot: u64) {
        match session.evidence_in(slot) {
            Some(evidence) => self.questions.ask(slot, evidence, session.traffic().used_at(), &self.timer),
            None => session.moved(slot, &Err("the credential is not known".into())),
        }
    }

    fn give_notice(&self, session: &Session, end: SystemTime) {
        let ttl = ttl(end, self.timer.now());
        for socket in session.sockets(&self.io) {
            let _ = socket.emit(EXPIRING_EVENT, &Expiring { ttl });
        }
    }
}
