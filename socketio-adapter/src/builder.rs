use std::{fmt, sync::Arc, time::Duration};

use auth_core::Principal;
use socketioxide::{ParserConfig, SocketIo, SocketIoBuilder};
use ws_adapter::{AuthLayer, adapter::Checkpoint};

use super::{
    engine::Engine, io::AuthSocketIo, layer::SocketIoAuthLayer, options::Options, server::Server, session::Sessions,
};

/// How much later socketioxide's deadline is than ours. It catches what ours can't.
const SLACK: Duration = Duration::from_secs(1);

/// Builds a Socket.IO server behind a chain; the crate documentation shows how.
///
/// All settings of the [`AuthLayer`] apply here too: origins, the hook for refusals, the timer, the registry of
/// [`Connections`](ws_adapter::Connections) with its limits, close codes, the notice before the end. Whether the layer is optional
/// matters only to [`allow_guests`](Self::allow_guests), because `CONNECT` decides. engine.io sends its own pings.
///
/// # Security
/// A transport that was opened without a credential is *pending* until a good `CONNECT`.
/// [`max_pending`](ws_adapter::Connections::max_pending) and
/// [`max_pending_per_address`](ws_adapter::Connections::max_pending_per_address) limit how many there are, and one client cannot
/// keep the others out. Both need the address of the client; see [`ClientAddress`](ws_adapter::ClientAddress). Without it, a single
/// client that opens transports and says nothing keeps out clients that bring their credential in `auth`. One warning is logged.
#[must_use]
pub struct SocketIoAuth<U> {
    checkpoint: Checkpoint<U>,
    builder: SocketIoBuilder,
    options: Options,
}

impl<U: Principal> SocketIoAuth<U> {
    /// A server behind the chain of this layer, with the defaults given at each method.
    ///
    /// A transport is bound to its user. A guest, whose evidence has no [`principal`](auth_core::Evidence::principal), is refused
    /// with 403, and the log says so. Return a principal from the user type or the strategy, or let guests in with
    /// [`allow_guests`](Self::allow_guests).
    pub fn new<M>(layer: AuthLayer<U, M>) -> Self {
        let options = Options {
            connect_timeout: Duration::from_secs(10),
            max_auth: 16 * 1024,
            post_timeout: Duration::from_secs(10),
            allows_guests: false,
            binds_to_sid: false,
        };
        let builder = SocketIo::builder().ws_read_buffer_size(4 * 1024);
        Self { checkpoint: layer.into_checkpoint(), builder, options }.max_message(64 * 1024)
    }

    /// How long a client may take from the opening of a transport to a good `CONNECT`; 10 s by default. Then the transport is
    /// closed: a WebSocket with 4408 `auth_timeout`. A transport is also closed after this time without a namespace, whether its
    /// client left or was disconnected. If a handler keeps the [`SocketRef`](socketioxide::extract::SocketRef) of the namespace that
    /// was left, the server notices later, after 31 times as long at most.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.options.connect_timeout = timeout;
        self
    }

    /// The longest `auth` object, in bytes of JSON; 16 KiB by default. A longer one is refused as
    /// `unauthorized:invalid_credentials`.
    pub fn max_auth_payload(mut self, bytes: usize) -> Self {
        self.options.max_auth = bytes;
        self
    }

    /// The longest message, in bytes: a `POST` of the polling transport, a message of the WebSocket one, and the binary
    /// attachments of one event together; 64 KiB by default. A longer one closes the transport.
    pub fn max_message(mut self, bytes: usize) -> Self {
        self.builder = self
            .builder
            .max_payload(u64::try_from(bytes).unwrap_or(u64::MAX))
            .ws_max_message_size(bytes)
            .ws_max_frame_size(bytes)
            .with_parser(ParserConfig::common().max_incoming_binary_buf_size(bytes));
        self
    }

    /// How long a `POST` of the polling transport may take to arrive; 10 s by default. Then it is answered with 408,
    /// and with 400 `unknown_session` as soon as its transport ends.
    ///
    /// Within this time it may have to wait for a poll. While no poll waits, the server reads [`max_message`](Self::max_message) and
    /// 16 KiB at most, and one more byte for each byte that the client takes. Clients poll all the time, and post one at a time. A
    /// `POST` without `Content-Length` counts as one of `max_message` bytes. On one connection of HTTP/1.1, a poll behind a `POST`
    /// that waits does not get through: poll on another connection.
    pub fn post_timeout(mut self, timeout: Duration) -> Self {
        self.options.post_timeout = timeout;
        self
    }

    /// Lets guests in beside users.
    ///
    /// | The client | Without this | With it |
    /// |---|---|---|
    /// | is accepted by a guest strategy, whose evidence has no [`principal`](auth_core::Evidence::principal) | 403 | opens a transport, polls, and comes into each namespace whose chain accepts it |
    /// | brings no credential, behind an [`optional`](AuthLayer::optional) layer | `unauthorized:missing_credentials` at `CONNECT` | comes into namespaces that [`ns`](AuthSocketIo::ns) has added, as nobody |
    /// | brings a credential in `auth` that a strategy rejects, even under [`try_next_on_reject`](auth_core::Chain::try_next_on_reject) | refused | refused |
    ///
    /// [`SocketUser`](super::SocketUser) holds the evidence of a guest. A client without evidence has none: a handler that takes
    /// `SocketUser` is not called for it, and [`MaybeSocketUser`](super::MaybeSocketUser) is `None`. A namespace with a chain of its
    /// own requires that this chain accepts.
    ///
    /// A guest's transport becomes a user's with the first `CONNECT` whose `auth` holds a good credential. From then on, another
    /// user's credential is a wrong one, and a `CONNECT` without a credential is refused. Namespaces that the guest is in stay the
    /// guest's. A refresh does not make a guest a user (`forbidden`): let the client `CONNECT`, or open another transport. A user's
    /// transport never becomes a guest's.
    ///
    /// # Security
    /// - Anyone with the `sid` can act as the guest.
    /// - A guest's transport stays [pending](ws_adapter::Connections::max_pending), with the limits of pending connections, and can be displaced.
    ///   With many guests, raise [`max_pending`](ws_adapter::Connections::max_pending) and
    ///   [`max_pending_per_address`](ws_adapter::Connections::max_pending_per_address). The limit per user applies when the transport
    ///   becomes a user's.
    /// - Requests of a transport are requests over HTTP, and their headers and cookies are judged as everywhere: under
    ///   `try_next_on_reject`, one with a wrong header is a guest's, and is not counted.
    /// - Clients without evidence are in [`Connections`](ws_adapter::Connections) with their pending place only. To close them, use
    ///   [`close_all`](AuthSocketIo::close_all).
    pub fn allow_guests(mut self) -> Self {
        self.options.allows_guests = true;
        self
    }

    /// Accepts requests without a credential for a transport that was opened with one, by its `sid` alone. It is for clients that
    /// send their header with the opening request only, as python-socketio does over polling.
    ///
    /// A request with a wrong credential, or another user's, is refused as before. It does not apply to transports that were opened
    /// by a cookie or a client certificate: browsers send those by themselves, and if one is missing, the user may have logged out.
    ///
    /// # Security
    /// The `sid` is in the URL of every request, and so in the logs of servers and proxies. Anyone who has it speaks for the user
    /// until the transport ends: with its credential, a revocation, or its client. Serve over TLS, and do not log the query of this
    /// path.
    pub fn bind_to_sid(mut self) -> Self {
        self.options.binds_to_sid = true;
        self
    }

    /// Sets everything else in socketioxide: the path, pings and buffers.
    ///
    /// Keep the common parser, whose `auth` object is JSON. With another one, only transports that were opened with a credential can
    /// connect.
    pub fn configure(mut self, configure: impl FnOnce(SocketIoBuilder) -> SocketIoBuilder) -> Self {
        self.builder = configure(self.builder);
        self
    }

    /// The layer to put around the application, and the server to add namespaces to.
    #[must_use = "without the layer, no client gets to the server"]
    pub fn build(self) -> (SocketIoAuthLayer<U>, AuthSocketIo<U>) {
        let Self { checkpoint, builder, options } = self;
        let (socket_io, io) = builder.connect_timeout(options.connect_timeout.saturating_add(SLACK)).build_layer();
        let engine = Engine::new(&socket_io, &io.config().engine_config.req_path);
        let server = Arc::new(Server { checkpoint, options, engine, io: io.clone(), sessions: Sessions::default() });
        (SocketIoAuthLayer::new(Arc::clone(&server)), AuthSocketIo::new(io, server))
    }
}

impl<U> fmt::Debug for SocketIoAuth<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SocketIoAuth")
            .field("checkpoint", &self.checkpoint)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
