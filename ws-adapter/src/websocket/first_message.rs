use std::{
    fmt,
    future::Future,
    marker::PhantomData,
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
    context::Kill,
    handshake::WebSockets,
    in_band::MAX_AUTH,
    upgrade,
    waiting::Waiting,
};
use crate::{
    Close,
    connections::Sockets,
    http::{Auth, Bodies, Gate, Passed, Refused, ResponseBody, Untouched},
    own_memory,
};

/// An [`AuthLayer`](crate::AuthLayer) for clients that can send their credential in a first message only; made by
/// [`AuthLayer::first_message`](crate::AuthLayer::first_message).
///
/// A handshake that brings a credential is judged as ever, and so is every other request. One that brings none, and may
/// come from where it comes, opens a socket on which nothing is dispatched: the service behind is called once the client has
/// sent one text message with a good credential, `{"type":"auth","scheme":"bearer","credentials":"…"}`, and has been answered
/// `{"type":"auth_ok","ttl":900}`. To the chain it is an `Authorization` header on the handshake, with
/// [`Transport::InBand`]. Anything else closes the socket:
///
/// | What happens | Close |
/// |---|---|
/// | no message within 10 s; pings do not extend it | 4408 `auth_timeout` |
/// | a credential that is refused | 4401, 4403, 1013 as for a refused handshake |
/// | any other message first, or more than 16 pings | 4401 `invalid_credentials` |
/// | too many wrong ones from its address ([`Connections::attempt_limiter`](crate::Connections::attempt_limiter)) | 4429 `too_many_attempts` |
/// | a message longer than 16 KiB | 1009 `too_big` |
/// | the service behind opens no socket | 4403 `forbidden`; 1011 or 1013 for a 5xx; 1011 if it panics; 1013 after 10 s |
///
/// [`codec`](Self::codec) takes first messages in another form, such as that of GraphQL clients.
///
/// [`Connections`](crate::Connections) limits how many may wait. One too many from one address is refused: 429
/// `too_many_connections`. When all places are taken, the client with the most of them loses its oldest socket: 4503
/// `displaced`.
pub struct FirstMessageLayer<U, M = Untouched> {
    gate: Arc<Gate<U>>,
    sockets: Sockets,
    codec: Arc<Codec>,
    limits: Limits,
    bodies: PhantomData<fn() -> M>,
}

#[derive(Clone, Copy, Debug)]
struct Limits {
    deadline: Duration,
    max_message: usize,
}

impl<U, M> FirstMessageLayer<U, M> {
    pub(crate) fn new(gate: Gate<U>, sockets: Sockets) -> Self {
        let limits = Limits { deadline: Duration::from_secs(10), max_message: MAX_AUTH };
        Self { gate: Arc::new(gate), sockets, codec: Codec::auth_v1(), limits, bodies: PhantomData }
    }

    /// The form of first messages, and of what they are answered; [`AuthV1`](crate::AuthV1) by default. Its subprotocols come
    /// before that of the layer, for every handshake and not only for those that wait: they are answered where the handler
    /// chooses none.
    ///
    /// # Panics
    /// If the codec names a subprotocol that is not a token (RFC 6455, 4.1). Where it comes from a configuration, use
    /// [`try_codec`](Self::try_codec).
    #[expect(clippy::panic, reason = "documented: a codec that cannot be used shows at the first start")]
    #[must_use]
    #[track_caller]
    pub fn codec(self, codec: impl FirstMessageCodec) -> Self {
        self.try_codec(codec).unwrap_or_else(|error| panic!("{error}"))
    }

    /// As [`codec`](Self::codec), for names of subprotocols that come from a configuration.
    ///
    /// # Errors
    /// If the codec names a subprotocol that is not a token (RFC 6455, 4.1).
    pub fn try_codec(self, codec: impl FirstMessageCodec) -> Result<Self, ConfigError> {
        Ok(Self { codec: Codec::new(codec)?, ..self })
    }

    /// How long a client may take to send its first message; 10 s by default.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.limits.deadline = deadline;
        self
    }

    /// The longest message of a socket that is opened this way, in bytes; 16 KiB by default. It holds from the first
    /// message on, since it is agreed on before: so much memory a client can make the server hold that nobody knows. The
    /// first message itself is never longer than 16 KiB.
    #[must_use]
    pub fn max_message_size(mut self, bytes: usize) -> Self {
        self.limits.max_message = bytes;
        self
    }
}

impl<U, M> Clone for FirstMessageLayer<U, M> {
    fn clone(&self) -> Self {
        let (gate, sockets, codec) = (Arc::clone(&self.gate), self.sockets.clone(), Arc::clone(&self.codec));
        Self { gate, sockets, codec, limits: self.limits, bodies: PhantomData }
    }
}

impl<U, M> fmt::Debug for FirstMessageLayer<U, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FirstMessageLayer")
            .field("chain", &self.gate.chain)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl<S, U: Principal, M> Layer<S> for FirstMessageLayer<U, M> {
    type Service = FirstMessage<S, U, M>;

    fn layer(&self, inner: S) -> FirstMessage<S, U, M> {
        let sockets = Arc::new(WebSockets::new(&self.gate, &self.sockets).with_codec(&self.codec));
        let auth = Auth::new(inner, Arc::clone(&self.gate), Some(Arc::clone(&sockets) as _));
        FirstMessage { auth, sockets, codec: Arc::clone(&self.codec), limits: self.limits }
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
        // A socket that waits for its first message must not hold what a ready service may have reserved.
        let unready = service.clone();
        let (sockets, codec, limits) = (Arc::clone(&self.sockets), Arc::clone(&self.codec), self.limits);
        Box::pin(async move {
            let mut refused = match door.pass(request).await {
                Ok(Passed { request, additions }) => {
                    let mut response = service.call(request).await?;
                    additions.add_to(&mut response);
                    return Ok(response.map(ResponseBody::inner));
                }
                Err(refused) => *refused,
            };
            if refused.transport == Transport::WebSocket && refused.refusal.kind() == RefusalKind::Missing {
                drop(service);
                let Refused { parts, transport, refusal } = refused;
                match open(&sockets, codec, unready, parts, limits).await {
                    Ok(opened) => return Ok(opened.map(ResponseBody::refusal)),
                    // A request that is not a proper handshake is answered as one without a credential.
                    Err((parts, other)) => refused = Refused { parts, transport, refusal: other.unwrap_or(refusal) },
                }
            }
            Ok(door.respond(refused).await.map(ResponseBody::refusal))
        })
    }
}

/// Opens a socket to hear who its client is.
async fn open<S, U, B, R>(
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
    // First, so that a request which is not a handshake displaces nobody.
    let Ok(mut upgrade) = upgrade::asked(&mut parts, &()).await else {
        return Err((parts, None));
    };
    let is_acceptable = codec.accepts(subprotocol.as_ref());
    let displaced = Arc::<Kill>::default();
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
    let waiting =
        Waiting { sockets: Arc::clone(sockets), codec, parts, address, pending, displaced, deadline: limits.deadline };
    let opened = if is_acceptable {
        upgrade.on_upgrade(|socket| waiting.hear(service, socket))
    } else {
        upgrade.on_upgrade(|socket| waiting.refuse(socket, Close::SUBPROTOCOL_NOT_ACCEPTABLE))
    };
    Ok(opened.map(|_| Bytes::new()))
}
