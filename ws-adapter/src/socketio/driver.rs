use std::{
    sync::{Arc, Weak},
    time::{Duration, SystemTime},
};

use serde::Serialize;
use socketioxide::SocketIo;
use tokio::{select, sync::watch};

use super::{farewell, layer::Shared, own::Closer, session::Session};
use crate::{
    Close, CloseCodes, ConnectionId, Timer,
    connections::Sockets,
    lifetime::{Due, ttl},
    shutdown::ShutdownWatch,
};

/// The event by which a client is told why its connection ends; its payload is `{"reason": "token_expired"}`.
pub const CLOSED_EVENT: &str = "auth_closed";
/// The event by which a client is told that its credential ends soon; its payload is `{"ttl": 60}`, in seconds.
pub const EXPIRING_EVENT: &str = "auth_expiring";

#[derive(Serialize)]
struct Expiring {
    ttl: u64,
}

/// Ends a transport in time.
pub(super) struct Driver {
    session: Weak<Session>,
    told: watch::Receiver<bool>,
    timer: Arc<dyn Timer>,
    shutdown: Draining,
    codes: CloseCodes,
    io: SocketIo,
}

impl Driver {
    pub(super) fn new<U>(shared: &Shared<U>, session: &Arc<Session>) -> Self {
        Self {
            session: Arc::downgrade(session),
            told: session.watch(),
            timer: Arc::clone(&shared.gate.timer),
            shutdown: Draining::new(&shared.sockets, session.id()),
            codes: shared.sockets.settings.codes,
            io: shared.io.clone(),
        }
    }

    /// `close` ends a transport that polls.
    pub(super) async fn drive(mut self, close: Closer) {
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
            close(sid).await;
        }
        session.streams_gone().await;
        session.forget();
    }

    /// Waits for the end, and tells why it came. From then on the session has ended. `None` if the transport was gone
    /// before.
    async fn end(&mut self) -> Option<Close> {
        loop {
            self.told.mark_unchanged();
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
                        Due::Look if !session.look(&self.io) => session.doom(Close::AUTH_TIMEOUT),
                        Due::Look | Due::Ping => {}
                    }
                }
                session.wake()
            };
            select! {
                biased;
                changed = self.told.changed() => changed.ok()?,
                () = wake.reached(&*self.timer) => {}
                after = self.shutdown.begun() => self.session.upgrade()?.drain_in(after),
            }
        }
    }

    fn give_notice(&self, session: &Session, end: SystemTime) {
        let ttl = ttl(end, self.timer.now());
        for socket in session.sockets(&self.io) {
            let _ = socket.emit(EXPIRING_EVENT, &Expiring { ttl });
        }
    }
}

/// The end of the server; held until the transport has ended, so that the server can wait for it.
struct Draining {
    begun: ShutdownWatch,
    /// When this transport closes, as a fraction of the time over which all are closed.
    fraction: f64,
    /// Whether the shutdown began before the transport opened. Such a transport closes at once.
    is_late: bool,
}

impl Draining {
    fn new(sockets: &Sockets, id: ConnectionId) -> Self {
        let begun = sockets.shutdown.watch();
        Self { is_late: begun.has_begun(), begun, fraction: id.fraction() }
    }

    /// Waits until it begins, or begins anew, and tells after how long the transport is to go.
    async fn begun(&mut self) -> Duration {
        let spread = self.begun.begun().await;
        if self.is_late { Duration::ZERO } else { spread.mul_f64(self.fraction) }
    }
}
