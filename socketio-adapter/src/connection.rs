use std::{fmt, ops::Deref, sync::Arc};

use socketioxide::{
    adapter::Adapter,
    handler::{FromConnectParts, FromDisconnectParts, FromMessageParts},
    socket::{DisconnectReason, Socket},
};
use socketioxide_core::Value;
use ws_adapter::ConnectionId;

use super::{not_authenticated::NotAuthenticated, session::Session};

/// The extractor for Socket.IO handlers: the public name of their connection.
///
/// `socket.id` is not one. That is the session id of engine.io, and anyone who knows it can speak for its owner.
///
/// ```
/// use socketio_adapter::Connection;
///
/// async fn connected(Connection(id): Connection) {
///     println!("{id} is connected");
/// }
/// ```
#[expect(clippy::exhaustive_structs, reason = "handlers take it apart")]
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Connection(pub ConnectionId);

impl Connection {
    fn of<A: Adapter>(socket: &Socket<A>) -> Result<Self, NotAuthenticated> {
        Session::of(socket.req_parts()).map(|session| Self(session.id())).ok_or(NotAuthenticated)
    }
}

impl Deref for Connection {
    type Target = ConnectionId;

    fn deref(&self) -> &ConnectionId {
        &self.0
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Connection").field(&self.0).finish()
    }
}

impl<A: Adapter> FromConnectParts<A> for Connection {
    type Error = NotAuthenticated;

    fn from_connect_parts(socket: &Arc<Socket<A>>, _: &Option<Value>) -> Result<Self, NotAuthenticated> {
        Self::of(socket)
    }
}

impl<A: Adapter> FromMessageParts<A> for Connection {
    type Error = NotAuthenticated;

    fn from_message_parts(socket: &Arc<Socket<A>>, _: &mut Value, _: &Option<i64>) -> Result<Self, NotAuthenticated> {
        Self::of(socket)
    }
}

impl<A: Adapter> FromDisconnectParts<A> for Connection {
    type Error = NotAuthenticated;

    fn from_disconnect_parts(socket: &Arc<Socket<A>>, _: DisconnectReason) -> Result<Self, NotAuthenticated> {
        Self::of(socket)
    }
}
