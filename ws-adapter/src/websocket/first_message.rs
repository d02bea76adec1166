use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use auth_core::{ConfigError, Principal, Refusal, RefusalKind, Transport};
use bytes::Bytes;
use http::{Request, Response, request::Parts};
use tower_layer::Layer;
use tower_service::Service;

use super::{
    codec::{Codec, FirstMessageCodec},
    handshake::WebSockets,
    in_band::MAX_AUTH,
    pending::PendingSocket,
    signals::Signals,
    upgrade,
};
use crate::{
    Close,
    connections::Sockets,
    http::{Auth, Bodies, Door, Gate, ResponseBody, Untouched},
    own_memory,
};

/// An [`AuthLayer`](crate::AuthLayer) for clients that can only send their credential in a first message; made by
/// [`AuthLayer::first_message`](crate::AuthLayer::first_message).
///
/// The chain decides about a handshake with a credential, and about every other request, as without this layer. A handshake
/// without a credential, from an allowed origin, opens a socket that waits. The client sends one text message with a good
/// credential: `{"type":"auth","scheme":"bearer","credentials":"…"}`. The chain sees it as an `Authorization` header on the
/// handshake, with [`Transport::InBand`]. The server answers `{"type":"auth_ok","ttl":900}`, and only then calls the inner
/// service. Anything else closes the socket:
///
/// | What happens | Close |
/// |---|---|
/// | no message within 10 s; pings don't extend it | 4408 `auth_timeout` |
/// | a credential that is refused | 4401, 4403, 1013 as for a refused handshake |
/// | any other message first, or more than 16 pings | 4401 `invalid_credentials` |
/// | too many wrong credentials from its address ([`Connections::attempt_limiter`](crate::Connections::attempt_limiter)) | 4429 `too_many_attempts` |
/// | a message longer than 16 KiB | 1009 `too_big` |
/// | the inner service doesn't open the socket | 4403 `forbidden`; 1011 or 1013 for a 5xx; 1011 if it panics; 1013 after 10 s |
///
/// [`codec`](Self::codec) accepts first messages in another form, such as GraphQL's.
///
/// [`Connections`](crate::Connections) limits how many sockets may wait. If one address has too many, its next handshake is
/// refused: 429 `too_many_connections`. If the limit for all clients is reached, the client with the most waiting sockets
/// loses its oldest one: 4503 `displaced`.
pub struct FirstMessageLayer<U, M = Untouched> {
    door: Arc<Door<U, M>>,
    sockets: Arc<WebSockets<U>>,
    codec: Arc<Codec>,
    limits: Limits,
}

#[derive(Clone, Copy, Debug)]
struct Limits {
    deadline: Duration,
    max_message: usize,
}

impl<U: Principal, M> FirstMessageLayer<U, M> {
    pub(crate) fn new(gate: Gate<U>, sockets: &Sockets) -> Self {
        let limits = Limits { deadline: Duration::from_secs(10), max_message: MAX_AUTH };
        Self::of(WebSockets::new(&Arc::new(gate), sockets), Codec::auth_v1(), limits)
    }

    fn of(sockets: WebSockets<U>, codec: Arc<Codec>, limits: Limits) -> Self {
        let sockets = Arc::new(sockets.with_codec(&codec));
        let door = Door::new(Arc::clone(&sockets.checkpoint.gate), Some(Arc::clone(&sockets) as _));
        Self { door: Arc::new(door), sockets, codec, limits }
    }

    /// Sets the form of first messages and their answers; [`AuthV1`](crate::AuthV1) by default. If the handler doesn't choose
    /// a subprotocol, the codec's come before the layer's. This holds for every handshake, also for one with a credential.
    ///
    /// # Panics
    /// If the codec names a subprotocol that is not a token (RFC 6455, 4.1). If the name comes from a configuration, use
    /// [`try_codec`](Self::try_codec).
    #[expect(clippy::panic, reason = "documented: a codec that cannot be used shows at the first start")]
    #[must_use]
    #[track_caller]
    pub fn codec(self, codec: impl FirstMessageCodec) -> Self {
        self.try_codec(codec).unwrap_or_else(|error| panic!("{error}"))
    }

    /// As [`codec`](Self::codec), for subprotocol names that come from a configuration.
    ///
    /// # Errors
    /// If the codec names a subprotocol that is not a token (RFC 6455, 4.1).
    pub fn try_codec(self, codec: impl FirstMessageCodec) -> Result<Self, ConfigError> {
        Ok(Self::of(WebSockets::clone(&self.sockets), Codec::new(codec)?, self.limits))
    }

    /// How long a client may take to send its first message; 10 s by default.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.limits.deadline = deadline;
        self
    }

    /// The longest message on a socket that is opened this way, in bytes; 16 KiB by default. The limit holds for the whole
    /// life of the socket, because it is set when the socket opens. An unknown client can make the server hold this much
    /// memory. The first message itself is never longer than 16 KiB.
    #[must_use]
    pub fn max_message_size(mut self, bytes: usize) -> Self {
        self.limits.max_message = bytes;
        self
    }
}

impl<U, M> Clone for FirstMessageLayer<U, M> {
    fn clone(&self) -> Self {
        let (sockets, codec) = (Arc::clone(&self.sockets), Arc::clone(&self.codec));
        Self { door: Arc::clone(&self.door), sockets, codec, limits: self.limits }
    }
}

impl<U, M> fmt::Debug for FirstMessageLayer<U, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FirstMessageLayer")
            .field("chain", self.door.chain())
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl<S, U: Principal, M> Layer<S> for FirstMessageLayer<U, M> {
    type Service = FirstMessage<S, U, M>;

    fn layer(&self, inner: S) -> FirstMessage<S, U, M> {
        let (sockets, codec) = (Arc::clone(&self.sockets), Arc::clone(&self.codec));
        FirstMessage { auth: Auth::new(inner, &self.door), sockets, codec, limits: self.limits }
    }
}

/// A service behind a [`FirstMessageLayer`].
pub struct FirstMessage<S, U, M = Untouched> {
    auth: Auth<S, U, M>,
    sockets: Arc<WebSockets<U>>,
    codec: Arc<Codec>,
    limits: Limits,
}

impl<S: Clone, U, M> Clone for FirstMessage<S, U, M> {
    fn clone(&self) -> Self {
        let (sockets, codec) = (Arc::clone(&self.sockets), Arc::clone(&self.codec));
        Self { auth: self.auth.clone(), sockets, codec, limits: self.limits }
    }
}

impl<S, U, M> fmt::Debug for FirstMessage<S, U, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FirstMessage").field("auth", &self.auth).finish_non_exhaustive()
    }
}

/// The future of [`FirstMessage`].
pub type FirstMessageFuture<R, E> = Pin<Box<dyn Future<Output = Result<Response<ResponseBody<R>>, E>> + Send>>;

impl<S, U, M, B, R> Service<Request<B>> for FirstMessage<S, U, M>
where
    S: Service<Request<B>, Response = Response<R>, Error: Send, Future: Send> + Clone + Send + 'static,
    U: Principal,
    M: Bodies<B>,
    B: From<Bytes> + Send + 'static,
    R: Send + 'static,
{
    type Response = Response<ResponseBody<R>>;
    type Error = S::Error;
    type Future = FirstMessageFuture<R, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Service::<Request<B>>::poll_ready(&mut self.auth, cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (mut service, door) = self.auth.take_ready();
        // While a socket waits for its first message, it must not hold what a ready service may have reserved.
        let unready = service.clone();
        let (sockets, codec, limits) = (Arc::clone(&self.sockets), Arc::clone(&self.codec), self.limits);
        let (mut parts, mut body) = request.into_parts();
        Box::pin(async move {
            let mut refused = match door.pass(&mut parts, &mut body).await {
                Ok(additions) => {
                    let mut response = service.call(Request::from_parts(parts, body)).await?;
                    additions.add_to(&mut response);
                    return Ok(response.map(ResponseBody::inner));
                }
                Err(refused) => refused,
            };
            if refused.transport == Transport::WebSocket && refused.refusal.kind() == RefusalKind::Missing {
                drop(service);
                match open_pending(&sockets, codec, unready, parts, limits).await {
                    Ok(opened) => return Ok(opened.map(ResponseBody::refusal)),
                    // A request that is not a valid handshake gets the same answer as one without a credential.
                    Err((unopened, other)) => {
                        parts = unopened;
                        refused.refusal = other.unwrap_or(refused.refusal);
                    }
                }
            }
            Ok(door.respond(parts, refused).await.map(ResponseBody::refusal))
        })
    }
}

/// Opens a socket that waits for its first message. The error holds a refusal of its own if a limit is reached.
async fn open_pending<S, U, B, R>(
    sockets: &Arc<WebSockets<U>>,
    codec: Arc<Codec>,
    service: S,
    mut parts: Parts,
    limits: Limits,
) -> Result<Response<Bytes>, (Parts, Option<Refusal>)>
where
    S: Service<Request<B>, Response = Response<R>, Error: Send, Future: Send> + Clone + Send + 'static,
    U: Principal,
    B: From<Bytes> + Send + 'static,
    R: Send + 'static,
{
    let subprotocol = sockets.offered_subprotocol(&parts);
    // Check the handshake first: a request that is not one must not displace a waiting socket.
    let Ok(mut upgrade) = upgrade::extract_upgrade(&mut parts, &()).await else {
        return Err((parts, None));
    };
    let is_acceptable = codec.accepts(subprotocol.as_ref());
    let displaced = Arc::<Signals>::default();
    let Sockets { connections, client_address, .. } = &sockets.checkpoint.sockets;
    let (address, end) = (client_address.of(&parts), Arc::clone(&displaced) as _);
    let pending = match is_acceptable {
        true => connections.enter_pending(address, Transport::InBand, end),
        false => connections.enter_refused(address, end),
    };
    let pending = match pending {
        Ok(pending) => pending,
        Err(too_many) => return Err((parts, Some(too_many.refusal()))),
    };
    if let Some(subprotocol) = subprotocol.filter(|_| is_acceptable) {
        upgrade.set_selected_protocol(subprotocol);
    }
    own_memory::copy_head(&mut parts);
    let upgrade = upgrade.max_message_size(limits.max_message).max_frame_size(limits.max_message);
    let (sockets, deadline) = (Arc::clone(sockets), limits.deadline);
    let pending_socket = PendingSocket { sockets, codec, parts, address, pending, displaced, deadline };
    let opened = if is_acceptable {
        upgrade.on_upgrade(|socket| pending_socket.run(service, socket))
    } else {
        upgrade.on_upgrade(|socket| pending_socket.refuse(socket, Close::SUBPROTOCOL_NOT_ACCEPTABLE))
    };
    Ok(opened.map(|_| Bytes::new()))
}
