use std::fmt;

use socketioxide::{
    adapter::Adapter,
    handler::{FromConnectParts, FromDisconnectParts, FromMessageParts},
    socket::{DisconnectReason, Sid, Socket},
};
use socketioxide_core::Value;

use super::{NotAuthenticated, session::Session};

/// The public name of a connection: random, and good for nothing but to tell connections apart.
///
/// It is what may be logged and shown to other clients. `socket.id` is not: that is the session id of engine.io, and who
/// knows it can speak for its owner. Handlers take it as an argument.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ConnectionId(Sid);

impl ConnectionId {
    pub(super) fn new() -> Self {
        Self(Sid::new())
    }

    /// The id: 96 random bits in 16 characters of base64url.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    fn of<A: Adapter>(socket: &Socket<A>) -> Result<Self, NotAuthenticated> {
        Session::of(socket.req_parts()).map(|session| session.id()).ok_or(NotAuthenticated)
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConnectionId({self})")
    }
}

impl<A: Adapter> FromConnectParts<A> for ConnectionId {
    type Error = NotAuthenticated;

    fn from_connect_parts(socket: &std::sync::Arc<Socket<A>>, _: &Option<Value>) -> Result<Self, NotAuthenticated> {
        Self::of(socket)
    }
}

impl<A: Adapter> FromMessageParts<A> for ConnectionId {
    type Error = NotAuthenticated;

    fn from_message_parts(
        socket: &std::sync::Arc<Socket<A>>,
        _: &mut Value,
        _: &Option<i64>,
    ) -> Result<Self, NotAuthenticated> {
        Self::of(socket)
    }
}

impl<A: Adapter> FromDisconnectParts<A> for ConnectionId {
    type Error = NotAuthenticated;

    fn from_disconnect_parts(
        socket: &std::sync::Arc<Socket<A>>,
        _: DisconnectReason,
    ) -> Result<Self, NotAuthenticated> {
        Self::of(socket)
    }
}
