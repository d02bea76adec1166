use std::{borrow::Cow, fmt, sync::Arc};

use auth_core::{Chain, Principal, PrincipalId};
use serde::Serialize;
use socketioxide::{
    BroadcastError, SocketIo, adapter::LocalAdapter, handler::ConnectHandler, operators::BroadcastOperators,
};
use ws_adapter::{Close, adapter::Checkpoint};

use super::{gate::Gate, guarded::Guarded, rooms::user_room, server::Server};

/// The Socket.IO server behind a chain: it adds namespaces, and sends to users.
///
/// Use it in place of [`SocketIo`]: every namespace that it adds has a chain.
///
/// # Security
/// socketioxide gives a [`SocketIo`] to handlers that ask for one. A namespace that is added there is open to everybody.
pub struct AuthSocketIo<U> {
    io: SocketIo,
    server: Arc<Server<U>>,
}

impl<U: Principal> AuthSocketIo<U> {
    pub(super) fn new(io: SocketIo, server: Arc<Server<U>>) -> Self {
        Self { io, server }
    }

    /// Adds a namespace behind the chain that is in front of the transport.
    ///
    /// `handler` runs once a client is let in. It takes what socketioxide's connect handlers take, and
    /// [`SocketUser<U>`](super::SocketUser). Middlewares that are added to it run after the chain.
    ///
    /// A client hears that it is in before `handler` has run, and may be faster: a message without a registered handler is lost. A
    /// middleware runs before that, so register handlers there if they must not miss a message:
    ///
    /// ```
    /// # use auth_core::Principal;
    /// use std::convert::Infallible;
    ///
    /// use socketioxide::{extract::SocketRef, handler::ConnectHandler};
    ///
    /// # async fn answer(_: SocketRef) {}
    /// # fn add<U: Principal>(io: &socketio_adapter::AuthSocketIo<U>) {
    /// let prepare = async |socket: SocketRef| {
    ///     socket.on("message", answer);
    ///     Ok::<_, Infallible>(())
    /// };
    /// io.ns("/", (async || {}).with(prepare));
    /// # }
    /// ```
    pub fn ns<H, T>(&self, path: impl Into<Cow<'static, str>>, handler: H)
    where
        H: ConnectHandler<LocalAdapter, T>,
        T: Send + Sync + 'static,
    {
        self.add(path, self.server.checkpoint.clone(), true, handler);
    }

    /// Adds a namespace behind a chain of its own: for fewer users, or with another user type.
    ///
    /// The chain sees the namespace's own `auth` object. If that holds no credential, it judges the request that opened the
    /// transport, provided that the transport's chain accepted it. The principal must be that of the transport.
    ///
    /// ```
    /// # use auth_core::{BoxError, Chain, Outcome, Principal, PrincipalId, Rejection};
    /// # struct User { id: String, is_admin: bool }
    /// # impl Principal for User { fn principal_id(&self) -> Option<PrincipalId> { Some(PrincipalId::new("", &self.id)) } }
    /// # fn add(io: &socketio_adapter::AuthSocketIo<User>, chain: &Chain<User>) {
    /// let admins = chain.clone().and_then(|accept| {
    ///     let is_admin = accept.user().is_admin;
    ///     Ok(if is_admin { Outcome::Accept(accept) } else { Outcome::Reject(Rejection::forbidden()) })
    /// });
    /// io.ns_with("/admin", admins, async || {});
    /// # }
    /// ```
    pub fn ns_with<V, H, T>(&self, path: impl Into<Cow<'static, str>>, chain: Chain<V>, handler: H)
    where
        V: Principal,
        H: ConnectHandler<LocalAdapter, T>,
        T: Send + Sync + 'static,
    {
        self.add(path, self.server.checkpoint.with_chain(chain), false, handler);
    }

    fn add<V, H, T>(
        &self,
        path: impl Into<Cow<'static, str>>,
        checkpoint: Checkpoint<V>,
        is_of_transport: bool,
        handler: H,
    ) where
        V: Principal,
        H: ConnectHandler<LocalAdapter, T>,
        T: Send + Sync + 'static,
    {
        let options = self.server.options;
        let gate = Gate {
            allows_guests: options.allows_guests,
            allows_nobody: options.allows_guests && checkpoint.is_optional() && is_of_transport,
            max_auth: options.max_auth,
            checkpoint,
            is_of_transport,
        };
        self.io.ns(path, Guarded::new(gate, handler));
    }

    /// A namespace, to broadcast in; `None` if it does not exist.
    #[must_use]
    pub fn of(&self, path: &str) -> Option<BroadcastOperators> {
        self.io.of(path)
    }

    /// Every connection of a user to a namespace; `None` if the namespace does not exist.
    #[must_use]
    pub fn to_user(&self, path: &str, user: &PrincipalId) -> Option<BroadcastOperators> {
        Some(self.of(path)?.to(user_room(user)))
    }

    /// Sends an event to every connection of a user to the namespace `/`, on this server. Without such a connection, it does
    /// nothing.
    ///
    /// # Errors
    /// If `data` cannot be serialized, or the buffer of a connection is full; the others have got it.
    pub async fn emit_to_user<D: Serialize + ?Sized + Sync>(
        &self,
        user: &PrincipalId,
        event: &str,
        data: &D,
    ) -> Result<(), BroadcastError> {
        match self.to_user("/", user) {
            Some(connections) => connections.emit(event, data).await,
            None => Ok(()),
        }
    }

    /// How many transports are open, whether their clients have been let in or not. One that has ended counts until its stream is
    /// gone, at most 2 s later.
    #[must_use]
    pub fn open(&self) -> usize {
        self.server.sessions.count()
    }

    /// How many entries each table of transports has. For the tests.
    #[doc(hidden)]
    #[must_use]
    pub fn entries(&self) -> [usize; 2] {
        self.server.sessions.entries()
    }

    /// Closes every open transport with 1012 `restarting`. The [`Shutdown`](ws_adapter::Shutdown) of the layer does so too, and also
    /// closes transports that open later.
    pub fn close_all(&self) {
        self.server.sessions.all().iter().for_each(|session| session.mark_ended(Close::RESTARTING));
    }
}

impl<U> Clone for AuthSocketIo<U> {
    fn clone(&self) -> Self {
        Self { io: self.io.clone(), server: Arc::clone(&self.server) }
    }
}

impl<U> fmt::Debug for AuthSocketIo<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthSocketIo").field("checkpoint", &self.server.checkpoint).finish_non_exhaustive()
    }
}
