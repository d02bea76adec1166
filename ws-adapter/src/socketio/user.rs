use std::{error::Error, fmt, ops::Deref, sync::Arc};

use auth_core::Authenticated;
use socketioxide::{
    adapter::Adapter,
    handler::{FromConnectParts, FromDisconnectParts, FromMessageParts},
    socket::{DisconnectReason, Socket},
};
use socketioxide_core::Value;

use super::session::Session;

/// The extractor for Socket.IO handlers: who was let into the namespace. It dereferences to [`Authenticated<U>`], and so
/// to the user.
///
/// ```
/// use socketioxide::extract::{Data, SocketRef};
/// use ws_adapter::socketio::SocketUser;
///
/// # struct User { name: String }
/// async fn say(socket: SocketRef, user: SocketUser<User>, Data(text): Data<String>) {
///     let _ = socket.broadcast().emit("said", &(&user.name, text)).await;
/// }
/// ```
///
/// A handler that asks for it is not called where nobody was let in as a `U`, nor with a message that comes after the
/// credential has ended.
pub struct SocketUser<U>(Authenticated<U>);

impl<U: Send + Sync + 'static> SocketUser<U> {
    /// The evidence itself.
    #[must_use]
    pub fn into_inner(self) -> Authenticated<U> {
        self.0
    }

    fn of<A: Adapter>(socket: &Socket<A>) -> Result<Self, NotAuthenticated> {
        let session = Session::of(socket.req_parts());
        session.and_then(|session| session.user(socket.ns())).map(Self).ok_or_else(|| {
            tracing::error!(
                user = std::any::type_name::<U>(),
                namespace = socket.ns(),
                "a handler asks for `SocketUser` of this user type, but the chain of its namespace has let in no such"
            );
            NotAuthenticated
        })
    }
}

impl<U> Deref for SocketUser<U> {
    type Target = Authenticated<U>;

    fn deref(&self) -> &Authenticated<U> {
        &self.0
    }
}

impl<U> Clone for SocketUser<U> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<U> fmt::Debug for SocketUser<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SocketUser").field(&self.0).finish()
    }
}

impl<A: Adapter, U: Send + Sync + 'static> FromConnectParts<A> for SocketUser<U> {
    type Error = NotAuthenticated;

    fn from_connect_parts(socket: &Arc<Socket<A>>, _: &Option<Value>) -> Result<Self, NotAuthenticated> {
        Self::of(socket)
    }
}

impl<A: Adapter, U: Send + Sync + 'static> FromMessageParts<A> for SocketUser<U> {
    type Error = NotAuthenticated;

    fn from_message_parts(socket: &Arc<Socket<A>>, _: &mut Value, _: &Option<i64>) -> Result<Self, NotAuthenticated> {
        let user = Self::of(socket)?;
        // Between the end and the moment at which the transport is closed, nothing is handed on.
        let session = Session::of(socket.req_parts()).ok_or(NotAuthenticated)?;
        let is_over = session.is_ended() || user.evidence().is_expired_at(session.now());
        if is_over { Err(NotAuthenticated) } else { Ok(user) }
    }
}

impl<A: Adapter, U: Send + Sync + 'static> FromDisconnectParts<A> for SocketUser<U> {
    type Error = NotAuthenticated;

    fn from_disconnect_parts(socket: &Arc<Socket<A>>, _: DisconnectReason) -> Result<Self, NotAuthenticated> {
        Self::of(socket)
    }
}

/// Why a handler was not called: nobody was let in as the user that it asks for, or not any more.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct NotAuthenticated;

impl fmt::Display for NotAuthenticated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nobody is authenticated as the user that the handler asks for")
    }
}

impl Error for NotAuthenticated {}
