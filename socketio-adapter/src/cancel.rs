use std::{
    convert::Infallible,
    fmt,
    future::Future,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use socketioxide::{
    adapter::Adapter,
    handler::{FromConnectParts, FromDisconnectParts, FromMessageParts},
    socket::{DisconnectReason, Socket},
};
use socketioxide_core::Value;
use tokio::{select, sync::watch, time};

use super::session::Session;

/// How often to check whether the client has left the namespace. No event says so.
const LOOK: Duration = Duration::from_millis(500);

/// The extractor for Socket.IO handlers that run for long. It is cancelled at the end of their connection.
///
/// A handler of a WebSocket is dropped at the end. A handler of Socket.IO goes on, because socketioxide runs it in a task of its
/// own. So it has to check, or run its work until then.
///
/// ```
/// use socketioxide::extract::SocketRef;
/// use socketio_adapter::CancelToken;
///
/// # async fn next_line() -> String { String::new() }
/// async fn follow(socket: SocketRef, token: CancelToken) {
///     while let Some(line) = token.run_until_cancelled(next_line()).await {
///         let _ = socket.emit("line", &line);
///     }
/// }
/// ```
///
/// It is cancelled at once when the transport ends, for any reason: a credential expires or is revoked, the registry or a shutdown
/// closes it, the client is gone. It is cancelled within half a second when its client leaves the namespace or is disconnected from
/// it. The token of a middleware is too, once its client has come in. If the client is not let in and the middleware keeps the
/// socket, the token may last until the end of the transport. The token of a disconnect handler is cancelled from the start. Clones
/// are cancelled together.
///
/// Without a layer of this crate, it is cancelled from the start.
#[derive(Clone)]
pub struct CancelToken {
    /// Whether the transport has ended; `None` where there is none.
    ended: Option<watch::Receiver<bool>>,
    namespace: Weak<dyn Namespace>,
    /// Whether the client has come into the namespace, as far as is known. Middlewares and early events run before that.
    has_come: Arc<AtomicBool>,
}

impl CancelToken {
    fn of<A: Adapter>(socket: &Arc<Socket<A>>) -> Self {
        let namespace: Arc<dyn Namespace> = Arc::clone(socket) as _;
        Self {
            ended: Session::of(socket.req_parts()).map(|session| session.watch()),
            has_come: Arc::new(AtomicBool::new(namespace.has_come())),
            namespace: Arc::downgrade(&namespace),
        }
    }

    /// Whether the connection has ended.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.ended.as_ref().is_none_or(has_ended) || self.has_left()
    }

    fn has_left(&self) -> bool {
        // A socket that is gone cannot come in.
        let Some(namespace) = self.namespace.upgrade() else {
            return true;
        };
        if namespace.has_come() {
            self.has_come.store(true, Ordering::Relaxed);
        }
        self.has_come.load(Ordering::Relaxed) && !namespace.is_in()
    }

    /// Waits for the end of the connection. It may be dropped and called again.
    pub async fn cancelled(&self) {
        let Some(mut ended) = self.ended.clone() else {
            return;
        };
        while !self.is_cancelled() {
            select! {
                // If it cannot be waited for, it is gone.
                _ = ended.wait_for(|ended| *ended) => return,
                () = time::sleep(LOOK) => {}
            }
        }
    }

    /// Runs a future to its end, or until the connection ends. Then it is dropped where it waits, and the result is `None`. If the
    /// connection has already ended, the future does not run.
    pub async fn run_until_cancelled<F: Future>(&self, future: F) -> Option<F::Output> {
        select! {
            biased;
            () = self.cancelled() => None,
            output = future => Some(output),
        }
    }
}

fn has_ended(ended: &watch::Receiver<bool>) -> bool {
    // Without a session there is nothing more to hear.
    *ended.borrow() || ended.has_changed().is_err()
}

/// A Socket.IO connection, whatever its adapter.
trait Namespace: Send + Sync {
    fn is_in(&self) -> bool;

    /// Whether its client has come in, as far as is known now. It may have left.
    fn has_come(&self) -> bool;
}

impl<A: Adapter> Namespace for Socket<A> {
    fn is_in(&self) -> bool {
        self.connected()
    }

    fn has_come(&self) -> bool {
        self.connected() || Session::of(self.req_parts()).is_some_and(|session| session.has_arrived(self.ns()))
    }
}

impl fmt::Debug for CancelToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancelToken").field("is_cancelled", &self.is_cancelled()).finish_non_exhaustive()
    }
}

impl<A: Adapter> FromConnectParts<A> for CancelToken {
    type Error = Infallible;

    fn from_connect_parts(socket: &Arc<Socket<A>>, _: &Option<Value>) -> Result<Self, Infallible> {
        Ok(Self::of(socket))
    }
}

impl<A: Adapter> FromMessageParts<A> for CancelToken {
    type Error = Infallible;

    fn from_message_parts(socket: &Arc<Socket<A>>, _: &mut Value, _: &Option<i64>) -> Result<Self, Infallible> {
        Ok(Self::of(socket))
    }
}

impl<A: Adapter> FromDisconnectParts<A> for CancelToken {
    type Error = Infallible;

    fn from_disconnect_parts(socket: &Arc<Socket<A>>, _: DisconnectReason) -> Result<Self, Infallible> {
        Ok(Self { has_come: Arc::new(AtomicBool::new(true)), ..Self::of(socket) })
    }
}
