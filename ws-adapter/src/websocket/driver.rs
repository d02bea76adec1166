use std::{
    future::Future,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::Arc,
    task::Poll,
    thread,
    time::{Duration, SystemTime},
};

use auth_core::{Authenticated, Principal};
use axum::extract::ws::{Message, WebSocket};
use futures_util::{
    FutureExt as _,
    future::{self, FusedFuture as _, select_all},
};
use tokio::select;

use super::{
    codec::{Codec, translate_close},
    context::{EndSignal, LayerEntry, SocketContext},
    finish::finish,
    in_band::{Credentials, MalformedAuth, ServerMessage},
    pipe::TakenSocket,
    refresh::{RefreshContext, RefreshError, refresh},
    shared::{SharedSocket, SocketEvent},
    stream::AuthSocket,
};
use crate::{
    Close, CloseCodes, ConnectionId, Timer,
    adapter::Draining,
    connections::{LingeringGuard, Registration},
    lifetime::{Due, Lifetime, Moment},
    shutdown::ShutdownWatch,
    telemetry::{self, Gauge},
};

/// How long a handler may run after its peer is gone.
const GRACE: Duration = Duration::from_secs(60);

/// What the driver needs, besides the socket, to run an admitted socket.
pub(super) struct AdmittedSocket<U> {
    pub(super) user: Authenticated<U>,
    pub(super) context: SocketContext,
    /// `None` if no layer has this user type.
    pub(super) refresh_context: Option<RefreshContext<U>>,
    /// One for each shutdown that closes the socket. While they exist, the socket counts as open.
    pub(super) shutdowns: Vec<ShutdownWatch>,
    /// A message for the handler that was read before it ran.
    pub(super) first: Option<Message>,
}

/// Owns the socket. Runs the handler until it drops the socket, a credential ends or is revoked, or the server shuts down.
///
/// An idle socket holds this future in memory all its life. To keep it small, setup runs before the future starts, and
/// the work at the end gets a box of its own.
pub(super) fn drive<U, F, Fut>(
    socket: WebSocket,
    admitted: AdmittedSocket<U>,
    handler: F,
) -> impl Future<Output = ()> + Send + use<U, F, Fut>
where
    U: Principal,
    F: FnOnce(AuthSocket<U>) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let AdmittedSocket { user, context, refresh_context, shutdowns, first } = admitted;
    let SocketContext { id, end_signal, timer, settings, subprotocol, codec, layers, .. } = context;
    let codec = codec.filter(|codec| codec.accepts(socket.protocol()));
    let is_of_codec = codec.as_ref().is_some_and(|codec| codec.names(&subprotocol));
    let in_band = socket.protocol() == Some(&subprotocol) && !is_of_codec;
    let protocol = socket.protocol().cloned();
    let (ends, registrations): (Vec<_>, Vec<_>) =
        layers.into_iter().map(|LayerEntry { registration, ends_at }| (ends_at, registration)).unzip();
    let registrations = registrations.into_iter().flatten().collect();
    let open = OpenGuard { gauge: Some(Gauge::open()), registrations, lingering: Vec::new() };
    open.registrations.iter().for_each(|registration| registration.opened());

    let now = Moment::of(&*timer);
    let mut life = Lifetime::new(settings, now);
    (0..).zip(ends).for_each(|(slot, end)| life.hold(slot, end, now));
    let shared = Arc::new(SharedSocket::new(socket, user, life, Arc::clone(&timer), in_band));
    let driver = Driver {
        id,
        shared: Arc::clone(&shared),
        timer,
        end_signal,
        shutdown: any_shutdown(shutdowns.into_iter().map(|shutdown| Draining::new(shutdown, id)).collect()),
        codes: settings.codes,
        codec,
        refresh_context: refresh_context.clone(),
        refreshing: None,
    };
    let socket = AuthSocket::new(shared, id, protocol, refresh_context, first);
    // OK to assert unwind safety because nothing uses the handler after a panic.
    let handler = AssertUnwindSafe(async move { handler(socket).await }).catch_unwind();
    let handler: Pin<Box<dyn Future<Output = _> + Send>> = Box::pin(handler);
    run(driver, open, handler.fuse())
}

/// Counts a socket as open: in the gauge and in the registries.
struct OpenGuard {
    gauge: Option<Gauge>,
    registrations: Vec<Arc<Registration>>,
    /// Count the handler while it runs without its peer.
    lingering: Vec<LingeringGuard>,
}

impl OpenGuard {
    /// Stops counting the socket, and starts counting its handler.
    fn linger(&mut self) {
        self.leave();
        self.lingering = self.registrations.iter().filter_map(|registration| registration.linger()).collect();
    }

    /// Stops counting the socket. The registry can no longer end it.
    fn leave(&mut self) {
        self.gauge = None;
        self.registrations.iter().for_each(|registration| registration.leave());
    }
}

impl Drop for OpenGuard {
    fn drop(&mut self) {
        // Dropping the registrations is not enough: others may still hold them.
        self.leave();
    }
}

/// A handler. Its output says whether it panicked. It is boxed, because a future that is passed by value takes its size
/// twice.
type Handler = future::Fuse<Pin<Box<dyn Future<Output = thread::Result<()>> + Send>>>;

async fn run<U: Principal>(mut driver: Driver<U>, mut open: OpenGuard, mut handler: Handler) {
    let (cause, taken) = loop {
        select! {
            biased;
            ended = driver.ended() => break ended,
            // A handler that returns drops its socket, which the driver sees as released. It may also have moved the
            // socket to another task; the deadline holds there too.
            done = &mut handler => if done.is_err() {
                tracing::error!("a socket handler panicked");
                break driver.end(Close::INTERNAL_ERROR);
            },
        }
    };
    let grace = match cause {
        EndCause::Close(_) => HandlerGrace::None,
        _ if handler.is_terminated() => HandlerGrace::None,
        EndCause::Released => HandlerGrace::UntilExpiry,
        EndCause::PeerGone => HandlerGrace::Limited,
    };
    match grace {
        HandlerGrace::None => open.leave(),
        HandlerGrace::Limited => open.linger(),
        HandlerGrace::UntilExpiry => {}
    }
    let close = match cause {
        EndCause::Close(close) => close,
        EndCause::Released | EndCause::PeerGone => taken.close.unwrap_or(Close::NORMAL),
    };
    telemetry::closed(Some(driver.id), &close);
    let close = translate_close(close, driver.codec.as_deref(), driver.codes);
    let finish = finish_taken(taken.socket, close, taken.broken);
    let wait = async {
        if grace != HandlerGrace::None {
            select! {
                biased;
                () = driver.ended_without_socket(grace) => {}
                _ = &mut handler => {}
            }
        }
    };
    future::join(finish, wait).await;
    // The handler is dropped here, after the close: what its destructors do can no longer reach the peer.
}

/// Why the driver takes the socket away.
enum EndCause {
    /// The socket has to end with this close.
    Close(Close),
    /// The handler dropped the socket.
    Released,
    /// The peer is gone.
    PeerGone,
}

/// How long the handler may run without its socket.
#[derive(Clone, Copy, PartialEq, Eq)]
enum HandlerGrace {
    None,
    /// Until the credential ends.
    UntilExpiry,
    /// Until the credential ends, and for [`GRACE`] at most: a handler may wait forever for something to send. If one user
    /// has too many such handlers, the oldest is ended.
    Limited,
}

/// Boxes the work at the end, so that the driver's future stays small.
fn finish_taken(
    socket: Option<Box<WebSocket>>,
    close: Close,
    broken: bool,
) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    match socket {
        Some(socket) => Box::pin(finish(*socket, close, broken)),
        None => Box::pin(future::ready(())),
    }
}

struct Driver<U> {
    id: ConnectionId,
    shared: Arc<SharedSocket<U>>,
    timer: Arc<dyn Timer>,
    end_signal: Arc<EndSignal>,
    shutdown: ShutdownFuture,
    codes: CloseCodes,
    codec: Option<Arc<Codec>>,
    refresh_context: Option<RefreshContext<U>>,
    /// A refresh in progress that the peer asked for in-band.
    refreshing: Option<Pin<Box<dyn Future<Output = Result<Option<SystemTime>, RefreshError>> + Send>>>,
}

impl<U: Principal> Driver<U> {
    /// Completes when the socket has to end, the handler drops it or the peer is gone. It is cancel safe.
    async fn ended(&mut self) -> (EndCause, TakenSocket) {
        loop {
            while let Some(due) = self.due().await {
                match due {
                    Due::End(close) => return self.end(close),
                    Due::Notice(end) if self.shared.speaks_in_band() => {
                        self.shared.queue(ServerMessage::expiring(end, self.timer.now()).into_message());
                    }
                    Due::Ping => self.shared.ping(),
                    Due::Notice(_) | Due::Look => {}
                }
            }
            let wake = self.shared.wake();
            // Don't read during a refresh: a credential that is read then counts as a guess, sent without waiting for
            // the answer.
            let may_read = self.refreshing.is_none();
            let refreshed = async {
                match &mut self.refreshing {
                    Some(refreshing) => refreshing.await,
                    None => std::future::pending().await,
                }
            };
            let event = select! {
                biased;
                close = self.end_signal.ended() => return self.end(close),
                () = wake.reached(&*self.timer) => continue,
                (begun, shutdowns) = &mut self.shutdown => DriverEvent::Shutdown(begun, shutdowns),
                result = refreshed => DriverEvent::Refreshed(result),
                event = std::future::poll_fn(|cx| self.shared.poll_event(cx, may_read)) => DriverEvent::Socket(event),
            };
            match event {
                DriverEvent::Shutdown(span, shutdowns) => {
                    self.shutdown = any_shutdown(shutdowns);
                    self.shared.drain_in(span);
                }
                DriverEvent::Refreshed(result) => {
                    self.refreshing = None;
                    self.answer(result);
                }
                DriverEvent::Socket(SocketEvent::Auth(received)) => self.start_refresh(received),
                DriverEvent::Socket(SocketEvent::Changed) => {}
                // The timer may fire a little late: the handler may have seen the end and dropped the socket first.
                DriverEvent::Socket(SocketEvent::Released) => return self.gone(EndCause::Released).await,
                DriverEvent::Socket(SocketEvent::PeerGone) => return self.gone(EndCause::PeerGone).await,
            }
        }
    }

    /// Completes when the handler has to stop, after the socket is gone.
    async fn ended_without_socket(&mut self, grace: HandlerGrace) {
        let grace = async {
            match grace {
                HandlerGrace::Limited => self.timer.sleep(GRACE).await,
                HandlerGrace::UntilExpiry | HandlerGrace::None => std::future::pending().await,
            }
        };
        select! {
            _ = self.end_signal.ended() => {}
            () = self.shared.expiry().reached(&*self.timer) => {}
            _ = &mut self.shutdown => {}
            () = grace => {}
        }
    }

    fn start_refresh(&mut self, received: Result<Credentials, MalformedAuth>) {
        match received {
            // A client that does not wait for the answer may be guessing.
            _ if self.refreshing.is_some() => self.shared.wrong(),
            Ok(credentials) => {
                let (shared, refresh_context) = (Arc::clone(&self.shared), self.refresh_context.clone());
                self.refreshing = Some(Box::pin(async move {
                    match &refresh_context {
                        Some(refresh_context) => refresh(&shared, refresh_context, credentials).await,
                        None => {
                            shared.wrong();
                            Err(RefreshError::malformed())
                        }
                    }
                }));
            }
            Err(MalformedAuth) => {
                self.shared.wrong();
                self.answer(Err(RefreshError::malformed()));
            }
        }
    }

    fn answer(&self, result: Result<Option<SystemTime>, RefreshError>) {
        let answer = match result {
            Ok(end) => ServerMessage::ok(end, self.timer.now()),
            Err(error) => ServerMessage::Error { code: error.code() },
        };
        self.shared.queue(answer.into_message());
    }

    /// What is due now. It never waits; it is async to get at the waker.
    async fn due(&mut self) -> Option<Due> {
        std::future::poll_fn(|cx| Poll::Ready(self.shared.due(cx))).await
    }

    fn end(&self, close: Close) -> (EndCause, TakenSocket) {
        let taken = self.shared.take(Some(close.clone()));
        (EndCause::Close(close), taken)
    }

    /// Takes the socket because the handler or the peer is gone. If its end is due too, the end wins.
    async fn gone(&mut self, cause: EndCause) -> (EndCause, TakenSocket) {
        match self.due().await {
            Some(Due::End(close)) => self.end(close),
            _ => (cause, self.shared.take(None)),
        }
    }
}

/// What the driver waits for.
enum DriverEvent {
    Shutdown(Duration, Vec<Draining>),
    Refreshed(Result<Option<SystemTime>, RefreshError>),
    Socket(SocketEvent),
}

/// Completes when a shutdown begins, or begins again, with the time after which the socket is to end. It returns the
/// shutdowns: while they exist, the socket counts as open.
type ShutdownFuture = Pin<Box<dyn Future<Output = (Duration, Vec<Draining>)> + Send>>;

fn any_shutdown(mut shutdowns: Vec<Draining>) -> ShutdownFuture {
    Box::pin(async move {
        let span = match shutdowns.as_mut_slice() {
            [] => std::future::pending().await,
            [one] => one.begun().await,
            many => select_all(many.iter_mut().map(|one| Box::pin(one.begun()))).await.0,
        };
        (span, shutdowns)
    })
}
