use std::{
    convert::Infallible,
    fmt,
    future::Future,
    sync::{Arc, Weak},
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

/// How often it is looked whether the client has left the namespace, of which nothing tells.
const LOOK: Duration = Duration::from_millis(500);

/// The extractor for Socket.IO handlers that run for long: it is cancelled at the end of their connection.
///
/// A handler of a raw WebSocket is dropped at the end. One of Socket.IO goes on, since socketioxide runs it in a task of its
/// own; so it has to ask, or to run its work until then.
///
/// ```
/// use socketioxide::extract::SocketRef;
/// use ws_adapter::socketio::CancelToken;
///
/// # async fn next_line() -> String { String::new() }
/// async fn follow(socket: SocketRef, token: CancelToken) {
///     while let Some(line) = token.run_until_cancelled(next_line()).await {
///         let _ = socket.emit("line", &line);
///     }
/// }
/// ```
///
/// It is cancelled at once when the transport ends, for whatever reason: a credential has expired or was revoked, the
/// registry or a shutdown closes it, the client is gone. It is cancelled within half a second when its client leaves the
/// namespace, or is disconnected from it; for a middleware, which runs before there is a namespace to leave, at the end of the
/// transport alone. The token of a disconnect handler is cancelled from the start. Clones are cancelled together.
///
/// Behind no layer of this crate it is cancelled from the start.
#[derive(Clone)]
pub struct CancelToken {
    /// Whether the transport has ended; `None` where there is none.
    ended: Option<watch::Receiver<bool>>,
    /// The namespace, once its client has come into it.
    namespace: Option<Weak<dyn Namespace>>,
}

impl CancelToken {
    fn of<A: Adapter>(socket: &Arc<Socket<A>>) -> Self {
        let session = Session::of(socket.req_parts());
        let has_arrived = session.is_some_and(|session| session.has_arrived(socket.ns()));
        let namespace = || {
            let namespace: Arc<dyn Namespace> = Arc::clone(socket) as _;
            Arc::downgrade(&namespace)
        };
        Self { ended: session.map(|session| session.watch()), namespace: has_arrived.then(namespace) }
    }

    /// Whether the connection has ended.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        let has_left = |namespace: &Weak<dyn Namespace>| !namespace.upgrade().is_some_and(|socket| socket.is_in());
        self.ended.as_ref().is_none_or(has_ended) || self.namespace.as_ref().is_some_and(has_left)
    }

    /// Waits for the end of the connection. It may be dropped and called again.
    pub async fn cancelled(&self) {
        let Some(mut ended) = self.ended.clone() else {
            return;
        };
        while !self.is_cancelled() {
            let look = async {
                match self.namespace {
                    Some(_) => time::sleep(LOOK).await,
                    None => std::future::pending().await,
                }
            };
            select! {
                // If it cannot be waited for, it is gone.
                _ = ended.wait_for(|ended| *ended) => return,
                () = look => {}
            }
        }
    }

    /// Runs a future to its end, or until the connection ends: then it is dropped where it waits, and `None` is given. A
    /// future is not run at all if the connection has ended before.
    pub async fn run_until_cancelled<F: Future>(&self, future: F) -> Option<F::Output> {
        select! {
            biased;
            () = self.cancelled() => None,
            output = future => Some(output),
        }
    }
}

fn has_ended(ended: &watch::Receiver<bool>) -> bool {
    // Without a session nobody tells any more.
    *ended.borrow() || ended.has_changed().is_err()
}

/// A Socket.IO connection, whatever its adapter.
trait Namespace: Send + Sync {
    fn is_in(&self) -> bool;
}

impl<A: Adapter> Namespace for Socket<A> {
    fn is_in(&self) -> bool {
        self.connected()
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
        Ok(Self::of(socket))
    }
}
