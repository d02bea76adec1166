use std::time::Duration;

use serde::Serialize;
use socketioxide::{SocketError, TransportType, extract::SocketRef};
use tokio::time;

use super::{events::CLOSED_EVENT, session::Session};

/// How long a transport stays open so that the client hears why it ends. Meanwhile nobody is let in, and nothing that the client
/// sends is handled.
const POLL_LINGER: Duration = Duration::from_secs(1);
const SOCKET_LINGER: Duration = Duration::from_millis(50);
/// How often, and how many times, to try again if the buffer is full. engine.io empties it at once, because its writes no longer
/// wait.
const RETRY: Duration = Duration::from_millis(5);
const TRIES: u32 = 10;

#[derive(Serialize)]
struct Closed<'r> {
    reason: &'r str,
}

/// Tells every namespace of a transport why it ends, and disconnects it; then waits until that may have gone out.
pub(super) async fn say(session: &Session, sockets: Vec<SocketRef>, reason: &str) {
    let transport = sockets.first().map(|socket| socket.transport_type());
    let mut untold: Vec<_> = sockets.into_iter().map(|socket| Farewell { socket, is_told: false }).collect();
    for _ in 0..TRIES {
        untold.retain_mut(|farewell| !farewell.say(reason));
        // A client may poll at any time, and one whose buffer is full has not polled for long.
        if untold.is_empty() || transport == Some(TransportType::Polling) {
            break;
        }
        time::sleep(RETRY).await;
    }
    match transport {
        Some(TransportType::Polling) if !untold.is_empty() => {}
        Some(TransportType::Polling) => drop(time::timeout(POLL_LINGER, session.drained.notified()).await),
        // The answer to the last wrong credential may be on its way.
        Some(TransportType::Websocket) | None => time::sleep(SOCKET_LINGER).await,
    }
}

/// What one namespace still has to hear.
struct Farewell {
    socket: SocketRef,
    is_told: bool,
}

impl Farewell {
    /// Returns whether it has heard everything. If the buffer is full, disconnecting does nothing.
    fn say(&mut self, reason: &str) -> bool {
        self.is_told = self.is_told || self.socket.emit(CLOSED_EVENT, &Closed { reason }).is_ok();
        !matches!(self.socket.clone().disconnect(), Err(SocketError::InternalChannelFull))
    }
}
