use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use auth_core::{BoxError, ConfigError, Principal, Refusal, RefusalKind, Transport};
use bytes::Bytes;
use http::{Request, Response, request::Parts};
use http_body::Body;
use tower_layer::Layer;
use tower_service::Service;

use super::{
    codec::{Codec, FirstMessageCodec},
    context::Kill,
    in_band::MAX_AUTH,
    upgrade,
    waiting::Waiting,
};
use crate::{
    Auth, AuthLayer, Close, ResponseBody,
    auth::{Admitted, Config},
    own_memory,
    transport::classify,
};

/// An [`AuthLayer`] for clients that can send their credential in a first message only; made by
/// [`AuthLayer::first_message`].
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
pub struct FirstMessageLayer<U> {
    layer: AuthLayer<U>,
    codec: Arc<Codec>,
    limits: Limits,
}

#[derive(Clone, Copy, Debug)]
struct Limits {
    deadline: Duration,
    max_message: usize,
}

impl<U> FirstMessageLayer<U> {
    pub(crate) fn new(layer: AuthLayer<U>) -> Self {
        let limits = Limits { deadline: Duration::from_secs(10), max_message: MAX_AUTH };
        let codec = Codec::auth_v1();
        Self { layer, codec: Arc::clone(&codec), limits }.with_codec(codec)
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
        Ok(self.with_codec(Codec::new(codec)?))
    }

    fn with_codec(mut self, codec: Arc<Codec>) -> Self {
        self.layer.hears(Arc::clone(&codec));
        self.codec = codec;
        self
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

impl<U> Clone for FirstMessageLayer<U> {
    fn clone(&self) -> Self {
        Self { layer: self.layer.clone(), codec: Arc::clone(&self.codec), limits: self.limits }
    }
}

impl<U> fmt::Debug for FirstMessageLayer<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FirstMessageLayer").field("layer", &self.layer).field("limits", &self.limits).finish()
    }
}

impl<S, U> Layer<S> for FirstMessageLayer<U> {
    type Service = FirstMessage<S, U>;

    fn layer(&self, inner: S) -> FirstMessage<S, U> {
        FirstMessage { auth: self.layer.layer(inner), codec: Arc::clone(&self.codec), limits: self.limits }
    }
}

/// A service behind a [`FirstMessageLayer`].
pub struct FirstMessage<S, U> {
    auth: Auth<S, U>,
    codec: Arc<Codec>,
    limits: Limits,
}

impl<S: Clone, U> Clone for FirstMessage<S, U> {
    fn clone(&self) -> Self {
        Self { auth: self.auth.clone(), codec: Arc::clone(&self.codec), limits: self.limits }
    }
}

impl<S, U> fmt::Debug for FirstMessage<S, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FirstMessage").field("auth", &self.auth).finish_non_exhaustive()
    }
}

/// The future of [`FirstMessage`].
pub type FirstMessageFuture<R, E> = Pin<Box<dyn Future<Output = Result<Response<ResponseBody<R>>, E>> + Send>>;

impl<S, U, B, R> Service<Request<B>> for FirstMessage<S, U>
where
    S: Service<Request<B>, Response = Response<R>, Error: Send, Future: Send> + Clone + Send + 'static,
    U: Principal,
    B: Body<Data = Bytes> + From<Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
    R: Send + 'static,
{
    type Response = Response<ResponseBody<R>>;
    type Error = S::Error;
    type Future = FirstMessageFuture<R, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Service::<Request<B>>::poll_ready(&mut self.auth, cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (mut service, config) = self.auth.take_ready();
        // A socket that waits for its first message must not hold what a ready service may have reserved.
        let unready = service.clone();
        let (codec, limits) = (Arc::clone(&self.codec), self.limits);
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let transport = classify(&parts);
            let refused = match Arc::clone(&config).judge(Request::from_parts(parts, body)).await {
                Ok(Admitted { request, additions }) => {
                    let mut response = service.call(request).await?;
                    additions.add_to(&mut response);
                    return Ok(response.map(ResponseBody::inner));
                }
                Err(refused) => *refused,
            };
            let waits = transport == Transport::WebSocket && refused.refusal.kind() == RefusalKind::Missing;
            let refused = if waits {
                drop(service);
                match open(&config, codec, unready, refused.parts, limits).await {
                    Ok(opened) => return Ok(opened.map(ResponseBody::refusal)),
                    Err((parts, refusal)) => {
                        // What is no handshake is answered as nobody's request.
                        let refusal = refusal.unwrap_or(refused.refusal);
                        crate::auth::Refused { parts, transport, refusal }
                    }
                }
            } else {
                refused
            };
            Ok(config.refuse(refused).await.map(ResponseBody::refusal))
        })
    }
}

/// Opens a socket to hear who its client is.
async fn open<S, U, B, R>(
    config: &Arc<Config<U>>,
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
    let subprotocol = config.offered_subprotocol(&parts);
    // First, so that a request which is not a handshake displaces nobody.
    let Ok(mut upgrade) = upgrade::asked(&mut parts, &()).await else {
        return Err((parts, None));
    };
    let is_acceptable = codec.accepts(subprotocol.as_ref());
    let displaced = Arc::<Kill>::default();
    let (address, end) = (config.client_address.of(&parts), Arc::clone(&displaced) as _);
    let pending = match is_acceptable {
        true => config.connections.enter_pending(address, Transport::InBand, end),
        false => config.connections.enter_refused(address, end),
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
        Waiting { config: Arc::clone(config), codec, parts, address, pending, displaced, deadline: limits.deadline };
    let opened = if is_acceptable {
        upgrade.on_upgrade(|socket| waiting.hear(service, socket))
    } else {
        upgrade.on_upgrade(|socket| waiting.refuse(socket, Close::SUBPROTOCOL_NOT_ACCEPTABLE))
    };
    Ok(opened.map(|_| Bytes::new()))
}
