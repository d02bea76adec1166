use std::sync::Arc;

use socketioxide::{
    adapter::Adapter,
    handler::{FromConnectParts, FromDisconnectParts, FromMessageParts},
    socket::{DisconnectReason, Socket},
};
use socketioxide_core::Value;

use super::{not_authenticated::NotAuthenticated, session::Session};
use crate::ConnectionId;

// Handlers take the name of their connection as an argument. `socket.id` is none: that is the session id of engine.io, and
// who knows it can speak for its owner.

fn of<A: Adapter>(socket: &Socket<A>) -> Result<ConnectionId, NotAuthenticated> {
    Session::of(socket.req_parts()).map(|session| session.id()).ok_or(NotAuthenticated)
}

impl<A: Adapter> FromConnectParts<A> for ConnectionId {
    type Error = NotAuthenticated;

    fn from_connect_parts(socket: &Arc<Socket<A>>, _: &Option<Value>) -> Result<Self, NotAuthenticated> {
        of(socket)
    }
}

impl<A: Adapter> FromMessageParts<A> for ConnectionId {
    type Error = NotAuthenticated;

    fn from_message_parts(socket: &Arc<Socket<A>>, _: &mut Value, _: &Option<i64>) -> Result<Self, NotAuthenticated> {
        of(socket)
    }
}

impl<A: Adapter> FromDisconnectParts<A> for ConnectionId {
    type Error = NotAuthenticated;

    fn from_disconnect_parts(socket: &Arc<Socket<A>>, _: DisconnectReason) -> Result<Self, NotAuthenticated> {
        of(socket)
    }
}
