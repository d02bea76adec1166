use std::{
    fmt,
    future::{Future, poll_fn},
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::{Duration, SystemTime},
};

use auth_core::{Authenticated, BoxError, Principal, Refusal, RefusalKind, Transport};
use axum::extract::ws::{Message, WebSocket};
use bytes::Bytes;
use futures_util::FutureExt as _;
use http::{Request, Response, StatusCode, request::Parts};
use http_body::Body;
use tokio::{select, time};
use tower_layer::Layer;
use tower_service::Service;

use super::{
    SocketContext,
    context::Kill,
    finish::{self, CLOSE_TIMEOUT},
    in_band::{self, Answer},
    refresh::{present, without_credentials},
    refuse::close_for,
    upgrade,
};
use crate::{
    Auth, AuthLayer, Close, ResponseBody,
    auth::{Admitted, Config, leave},
    connections::PendingGuard,
    lifetime::Wake,
    shutdown::ShutdownWatch,
    telemetry::{self, Gauge},
    transport::classify,
};

/// How many frames a client may send that are no message, before it has said who it is.
const MAX_OTHER_FRAMES: usize = 16;

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
/// | a message longer than 16 KiB | 1009 `too_big` |
/// | the service behind opens no socket | 4403 `forbidden`; 1011 or 1013 for a 5xx; 1011 if it panics; 1013 after 10 s |
///
/// [`Connections`](crate::Connections) limits how many may wait. One too many from one address is refused: 429
/// `too_many_connections`. When all places are taken, the client with the most of them loses its oldest socket: 4503
/// `displaced`.
pub struct FirstMessageLayer<U> {
    layer: AuthLayer<U>,
    limits: Limits,
}

#[derive(Clone, Copy, Debug)]
struct Limits {
    deadline: Duration,
    max_message: usize,
}

impl<U> FirstMessageLayer<U> {
    pub(crate) fn new(layer: AuthLayer<U>) -> Self {
        Self { layer, limits: Limits { deadline: Duration::from_secs(10), max_message: in_band::MAX_AUTH } }
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
        Self { layer: self.layer.clone(), limits: self.limits }
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
        FirstMessage { auth: self.layer.layer(inner), limits: self.limits }
    }
}

/// A service behind a [`FirstMessageLayer`].
pub struct FirstMessage<S, U> {
    auth: Auth<S, U>,
    limits: Limits,
}

impl<S: Clone, U> Clone for FirstMessage<S, U> {
    fn clone(&self) -> Self {
        Self { auth: self.auth.clone(), limits: self.limits }
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
        // Who waits to be heard must not hold what a ready service may have reserved.
        let unready = service.clone();
        let limits = self.limits;
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
                match open(&config, unready, refused.parts, limits).await {
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
    let displaced = Arc::<Kill>::default();
    let address = config.client_address.of(&parts);
    let pending = match config.connections.enter_pending(address, Transport::InBand, Arc::clone(&displaced) as _) {
        Ok(pending) => pending,
        Err(too_many) => return Err((parts, Some(too_many.refusal()))),
    };
    if let Some(subprotocol) = subprotocol {
        upgrade.set_selected_protocol(subprotocol);
    }
    let upgrade = upgrade.max_message_size(limits.max_message).max_frame_size(limits.max_message);
    let waiting = Waiting { config: Arc::clone(config), parts, pending, displaced, deadline: limits.deadline };
    Ok(upgrade.on_upgrade(|socket| waiting.hear(service, socket)).map(|_| Bytes::new()))
}

/// A socket of a client that nobody knows yet.
struct Waiting<U> {
    config: Arc<Config<U>>,
    parts: Parts,
    pending: PendingGuard,
    displaced: Arc<Kill>,
    deadline: Duration,
}

impl<U: Principal> Waiting<U> {
    /// Hears who it is, and calls the service, or closes the socket.
    async fn hear<S, B, R>(mut self, service: S, mut socket: WebSocket)
    where
        S: Service<Request<B>, Response = Response<R>, Error: Send, Future: Send> + Clone + Send + 'static,
        B: From<Bytes> + Send + 'static,
        R: Send + 'static,
    {
        let gauge = Gauge::pending();
        let timer = Arc::clone(&self.config.timer);
        let mut shutdown = self.config.shutdown.watch();
        let displaced = Arc::clone(&self.displaced);
        let heard = select! {
            biased;
            _ = shutdown.begun() => Err(Some(Close::RESTARTING)),
            close = displaced.ended() => Err(Some(close)),
            () = timer.sleep(self.deadline) => Err(Some(Close::AUTH_TIMEOUT)),
            credentials = first(&mut socket) => credentials,
        };
        if let Err(Some(close)) = &heard {
            log_unheard(close);
        }
        let admitted = match heard {
            Ok(credentials) => select! {
                biased;
                _ = shutdown.begun() => Err(Some(Close::RESTARTING)),
                close = displaced.ended() => Err(Some(close)),
                admitted = self.admit(credentials) => admitted.map_err(Some),
            },
            Err(close) => Err(close),
        };
        let codes = self.config.sockets.codes;
        match admitted {
            Ok(user) => {
                let context = self.parts.extensions.get::<SocketContext>().cloned();
                let ends_at = user.evidence().expires_at();
                let ok = Answer::ok(ends_at, timer.now()).into_message();
                if time::timeout(CLOSE_TIMEOUT, socket.send(ok)).await.is_ok_and(|sent| sent.is_ok()) {
                    leave(Ok(user), &mut self.parts);
                    drop((self.pending, gauge));
                    let open = OpenSocket(Arc::new(Mutex::new(Some(socket))));
                    let ended = self.config.ended_meanwhile(context, ends_at, &mut shutdown);
                    let close = select! {
                        biased;
                        close = ended => close,
                        close = dispatch(service, self.parts, open.clone()) => close,
                    };
                    // Whoever has not taken it by now gets it no more.
                    if let Some(socket) = open.take() {
                        telemetry::closed(None, &close);
                        finish::finish(socket, close, codes, false).await;
                    }
                }
            }
            Err(Some(close)) => {
                telemetry::closed(None, &close);
                finish::finish(socket, close, codes, false).await;
            }
            // The peer has gone.
            Err(None) => {}
        }
    }

    /// Asks the chain, and enters who it lets in.
    async fn admit(&mut self, credentials: in_band::Credentials) -> Result<Authenticated<U>, Close> {
        let opening = without_credentials(&self.parts, &self.config.needs);
        let decided = async {
            let address = self.config.client_address.of(&self.parts);
            let user = present(&self.config, &opening, credentials, None, address).await?;
            self.config.enter_socket(Some(&user), &mut self.parts).await?;
            telemetry::accepted(Transport::InBand, user.evidence());
            Ok::<_, Refusal>(user)
        };
        decided.await.map_err(|refusal| {
            telemetry::refused(Transport::InBand, &refusal);
            close_for(&refusal)
        })
    }
}

/// Logs why no credential was heard. Nobody is refused where the server goes down, or the peer breaks the protocol.
fn log_unheard(close: &Close) {
    let (status, code, detail) = match close.reason() {
        "auth_timeout" => (StatusCode::REQUEST_TIMEOUT, "auth_timeout", "no first message has come in time"),
        "too_big" => (StatusCode::PAYLOAD_TOO_LARGE, "too_big", "the first message is too long"),
        "invalid_credentials" => {
            (StatusCode::UNAUTHORIZED, "invalid_credentials", "the first message holds no credential")
        }
        _ => return,
    };
    telemetry::log_own(Transport::InBand, status, code, detail);
}

/// Waits for the one message that counts; `Err(None)` if the peer goes.
async fn first(socket: &mut WebSocket) -> Result<in_band::Credentials, Option<Close>> {
    let mut others = 0;
    loop {
        match socket.recv().await {
            Some(Ok(Message::Text(text))) if text.len() > in_band::MAX_AUTH => return Err(Some(Close::TOO_BIG)),
            Some(Ok(Message::Text(text))) => {
                return match in_band::read(&text) {
                    Some(Ok(credentials)) => Ok(credentials),
                    _ => Err(Some(Close::INVALID_CREDENTIALS)),
                };
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_))) if others < MAX_OTHER_FRAMES => others += 1,
            Some(Ok(Message::Close(_))) | None => return Err(None),
            Some(Ok(_)) => return Err(Some(Close::INVALID_CREDENTIALS)),
            Some(Err(error)) => return Err(finish::close_for(&error)),
        }
    }
}

/// Calls the service, and tells with what the socket is to be closed if that has not taken it.
async fn dispatch<S, B, R>(mut service: S, mut parts: Parts, open: OpenSocket) -> Close
where
    S: Service<Request<B>, Response = Response<R>>,
    B: From<Bytes>,
{
    parts.extensions.insert(open);
    let answered = async {
        poll_fn(|cx| service.poll_ready(cx)).await?;
        service.call(Request::from_parts(parts, B::from(Bytes::new()))).await
    };
    // OK to assert unwind safety because nothing of it is touched after a panic.
    match AssertUnwindSafe(answered).catch_unwind().await.map(|answered| answered.map(|response| response.status())) {
        Ok(Ok(StatusCode::SERVICE_UNAVAILABLE)) => Close::UNAVAILABLE,
        Ok(Ok(status)) if !status.is_server_error() => Close::FORBIDDEN,
        Ok(_) => Close::INTERNAL_ERROR,
        Err(_) => {
            tracing::error!("a route behind a first message panicked");
            Close::INTERNAL_ERROR
        }
    }
}

impl<U> Config<U> {
    /// What ends a socket while the service has not taken it: its driver is not there yet. A service that takes too long
    /// does, too.
    async fn ended_meanwhile(
        &self,
        context: Option<SocketContext>,
        ends_at: Option<SystemTime>,
        shutdown: &mut ShutdownWatch,
    ) -> Close {
        let revoked = async {
            match &context {
                Some(context) => context.kill.ended().await,
                None => std::future::pending().await,
            }
        };
        select! {
            biased;
            close = revoked => close,
            () = Wake { wall: ends_at, passed: None }.reached(&*self.timer) => Close::TOKEN_EXPIRED,
            _ = shutdown.begun() => Close::RESTARTING,
            () = time::sleep(self.decision_timeout) => Close::UNAVAILABLE,
        }
    }
}

/// A socket that was opened before its handler runs.
#[derive(Clone)]
pub(super) struct OpenSocket(Arc<Mutex<Option<WebSocket>>>);

impl OpenSocket {
    pub(super) fn take(&self) -> Option<WebSocket> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
