use std::{fmt, ops::Deref, sync::Arc};

use auth_core::Authenticated;
use socketioxide::{
    adapter::Adapter,
    handler::{FromConnectParts, FromDisconnectParts, FromMessageParts},
    socket::{DisconnectReason, Socket},
};
use socketioxide_core::Value;

use super::{not_authenticated::NotAuthenticated, session::Session};

/// The extractor for Socket.IO handlers: the user who was let into the namespace. It dereferences to [`Authenticated<U>`], and so
/// to the user.
///
/// ```
/// use socketioxide::extract::{Data, SocketRef};
/// use socketio_adapter::SocketUser;
///
/// # struct User { name: String }
/// async fn say(socket: SocketRef, user: SocketUser<User>, Data(text): Data<String>) {
///     let _ = socket.broadcast().emit("said", &(&user.name, text)).await;
/// }
/// ```
///
/// A handler that takes it is called only for clients that were let in as a `U`, and not with a message that comes after the
/// credential has ended. With [`allow_guests`](super::SocketIoAuth::allow_guests) it holds the evidence of a guest, if there is any;
/// [`MaybeSocketUser`] is for handlers that clients without evidence may reach too.
pub struct SocketUser<U>(Authenticated<U>);

impl<U: Send + Sync + 'static> SocketUser<U> {
    /// The evidence itself.
    #[must_use]
    pub fn into_inner(self) -> Authenticated<U> {
        self.0
    }

    fn of<A: Adapter>(socket: &Socket<A>) -> Result<Self, NotAuthenticated> {
        MaybeSocketUser::of(socket)?.0.map(Self).ok_or(NotAuthenticated)
    }
}

/// The same for namespaces that also let in clients without a credential, behind an optional layer with
/// [`allow_guests`](super::SocketIoAuth::allow_guests): for them it is `None`. It dereferences to the `Option`.
///
/// ```
/// use socketioxide::extract::SocketRef;
/// use socketio_adapter::MaybeSocketUser;
///
/// # struct User { name: String }
/// async fn greet(socket: SocketRef, user: MaybeSocketUser<User>) {
///     let name = user.as_ref().map_or("guest", |user| user.name.as_str());
///     let _ = socket.emit("hello", name);
/// }
/// ```
///
/// A handler that takes it is not called for users of another type than `U`, and not with a message that comes after the end.
pub struct MaybeSocketUser<U>(Option<Authenticated<U>>);

impl<U: Send + Sync + 'static> MaybeSocketUser<U> {
    /// The evidence itself, if there is any.
    #[must_use]
    pub fn into_inner(self) -> Option<Authenticated<U>> {
        self.0
    }

    fn of<A: Adapter>(socket: &Socket<A>) -> Result<Self, NotAuthenticated> {
        let session = Session::of(socket.req_parts());
        let user = session.map_or(Err(NotAuthenticated), |session| session.user(socket.ns()));
        user.map(Self).inspect_err(|_| {
            tracing::error!(
                user = std::any::type_name::<U>(),
                namespace = socket.ns(),
                "a handler asks for this user type, but the chain of its namespace lets in another"
            );
        })
    }

    /// Between the end and the close of the transport, handlers get nothing.
    fn while_open<A: Adapter>(socket: &Socket<A>) -> Result<Self, NotAuthenticated> {
        let user = Self::of(socket)?;
        let session = Session::of(socket.req_parts()).ok_or(NotAuthenticated)?;
        let is_expired = user.0.as_ref().is_some_and(|user| session.has_expired(user.evidence()));
        if session.is_ended() || is_expired { Err(NotAuthenticated) } else { Ok(user) }
    }
}

impl<U> Deref for MaybeSocketUser<U> {
    type Target = Option<Authenticated<U>>;

    fn deref(&self) -> &Option<Authenticated<U>> {
        &self.0
    }
}

impl<U> Clone for MaybeSocketUser<U> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<U> fmt::Debug for MaybeSocketUser<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MaybeSocketUser").field(&self.0).finish()
    }
}

impl<A: Adapter, U: Send + Sync + 'static> FromConnectParts<A> for MaybeSocketUser<U> {
    type Error = NotAuthenticated;

    fn from_connect_parts(socket: &Arc<Socket<A>>, _: &Option<Value>) -> Result<Self, NotAuthenticated> {
        Self::of(socket)
    }
}

impl<A: Adapter, U: Send + Sync + 'static> FromMessageParts<A> for MaybeSocketUser<U> {
    type Error = NotAuthenticated;

    fn from_message_parts(socket: &Arc<Socket<A>>, _: &mut Value, _: &Option<i64>) -> Result<Self, NotAuthenticated> {
        Self::while_open(socket)
    }
}

impl<A: Adapter, U: Send + Sync + 'static> FromDisconnectParts<A> for MaybeSocketUser<U> {
    type Error = NotAuthenticated;

    fn from_disconnect_parts(socket: &Arc<Socket<A>>, _: DisconnectReason) -> Result<Self, NotAuthenticated> {
        Self::of(socket)
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
        MaybeSocketUser::while_open(socket)?.0.map(Self).ok_or(NotAuthenticated)
    }
}

impl<A: Adapter, U: Send + Sync + 'static> FromDisconnectParts<A> for SocketUser<U> {
    type Error = NotAuthenticated;

    fn from_disconnect_parts(socket: &Arc<Socket<A>>, _: DisconnectReason) -> Result<Self, NotAuthenticated> {
        Self::of(socket)
    }
}
