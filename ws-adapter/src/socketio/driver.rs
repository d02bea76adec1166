use std::{
    sync::{Arc, Weak},
    time::{Duration, SystemTime},
};

use serde::Serialize;
use socketioxide::{SocketIo, TransportType};
use tokio::{select, sync::watch, time};

use super::{
    own::Closer,
    session::{Life, Session},
};
use crate::{Close, Timer, auth::Config};

/// The event by which a client is told why its connection ends; its payload is `{"reason": "token_expired"}`.
pub const CLOSED_EVENT: &str = "auth_closed";

/// How long a transport is left open for the client to hear why it ends. Nobody is let in meanwhile.
const POLL_LINGER: Duration = Duration::from_secs(1);
const SOCKET_LINGER: Duration = Duration::from_millis(50);

#[derive(Serialize)]
struct Closed<'r> {
    reason: &'r str,
}

/// Ends the transport in time. `close` ends one that polls.
pub(super) async fn drive(
    session: Weak<Session>,
    life: watch::Receiver<Life>,
    timer: Arc<dyn Timer>,
    mut shutdown: Shutdown,
    io: SocketIo,
    close: Closer,
) {
    let reason = select! {
        reason = end_of(&session, life, &*timer, &io) => reason,
        () = shutdown.begun() => Some(Close::RESTARTING),
    };
    let Some(reason) = reason else {
        return;
    };
    let Some(session) = session.upgrade() else {
        return;
    };
    session.end();
    tracing::debug!(connection = %session.id(), reason = reason.reason(), "a Socket.IO connection is closed");

    let sockets = session.sockets(&io);
    let transport = sockets.first().map(|socket| socket.transport_type());
    for socket in sockets {
        // Where the client does not read, its buffer may be full; then it does not hear why.
        let _ = socket.emit(CLOSED_EVENT, &Closed { reason: reason.reason() });
        let _ = socket.disconnect();
    }
    match transport {
        Some(TransportType::Polling) => drop(time::timeout(POLL_LINGER, session.drained.notified()).await),
        // The answer to a `CONNECT` too many may be on its way.
        Some(TransportType::Websocket) | None => time::sleep(SOCKET_LINGER).await,
    }
    session.cut(reason);
    if let Some(sid) = session.sid() {
        close(sid).await;
    }
    session.forget();
}

/// The end of the server; held until the transport has ended, so that the server can wait for it.
pub(super) struct Shutdown {
    #[cfg(feature = "axum")]
    begun: crate::shutdown::ShutdownWatch,
}

impl Shutdown {
    pub(super) fn of<U>(config: &Config<U>) -> Self {
        #[cfg(not(feature = "axum"))]
        let _ = config;
        Self {
            #[cfg(feature = "axum")]
            begun: config.shutdown.watch(),
        }
    }

    async fn begun(&mut self) {
        #[cfg(feature = "axum")]
        self.begun.begun().await;
        #[cfg(not(feature = "axum"))]
        std::future::pending::<()>().await;
    }
}

/// Waits for the end; `None` if the transport was gone before.
async fn end_of(
    session: &Weak<Session>,
    mut life: watch::Receiver<Life>,
    timer: &dyn Timer,
    io: &SocketIo,
) -> Option<Close> {
    loop {
        let (at, end) = {
            let life = life.borrow_and_update();
            // Not ended by us, so it is gone. socketioxide may hold the session for longer.
            if life.ended {
                return None;
            }
            life.next_end()
        };
        let comes = async {
            match at {
                At::Once => {}
                At::Time(at) => timer.sleep_until(at).await,
                At::Never => std::future::pending().await,
            }
        };
        select! {
            biased;
            changed = life.changed() => {
                changed.ok()?;
                continue;
            }
            () = comes => {}
        }
        match end {
            End::Sure(reason) => return Some(reason),
            End::UnlessConnected if session.upgrade()?.look(io) => {}
            End::UnlessConnected => return Some(Close::new(4408, "auth_timeout")),
        }
    }
}

enum At {
    Once,
    Time(SystemTime),
    Never,
}

enum End {
    Sure(Close),
    UnlessConnected,
}

impl Life {
    /// What may end it first.
    fn next_end(&self) -> (At, End) {
        if let Some(close) = &self.doomed {
            return (At::Once, End::Sure(close.clone()));
        }
        match (self.look_at, self.expires_at) {
            (Some(look), expires) if expires.is_none_or(|expires| look < expires) => {
                (At::Time(look), End::UnlessConnected)
            }
            (_, Some(expires)) => (At::Time(expires), End::Sure(Close::TOKEN_EXPIRED)),
            (_, None) => (At::Never, End::UnlessConnected),
        }
    }
}
