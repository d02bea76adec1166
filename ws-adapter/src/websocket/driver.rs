use std::{
    future::Future,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    thread,
    time::{Duration, SystemTime},
};

use auth_core::{Authenticated, Principal, Timer};
use axum::extract::ws::{Message, WebSocket};
use futures_util::{
    FutureExt as _,
    future::{self, FusedFuture as _},
};
use tokio::select;

use super::{
    codec::{Codec, translate_close},
    context::{EndSignal, LayerEntry, SocketContext},
    finish::finish,
    in_band::{Credentials, MalformedAuth, ServerMessage},
    pipe::TakenSocket,
    refresh::{RefreshError, refresh},
    refresh_context::RefreshContext,
    shared::{Fixed, SharedSocket, SocketEvent},
    stream::AuthSocket,
};
use crate::{
    Close, CloseCodes,
    adapter::Draining,
    connections::{LingeringGuard, Registration},
    lifetime::{Due, Lifetime, Moment, Sleep, Wake},
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
    pub(super) refresh_context: Option<Arc<RefreshContext<U>>>,
    /// One for each shutdown that closes the socket. While they exist, the socket counts as open.
    pub(super) shutdowns: Vec<ShutdownWatch>,
    /// A message for the handler that was read before it ran.
    pub(super) first: Option<Message>,
}

/// Owns the socket. Runs the handler until it drops the socket, a credential ends or is revoked, or the server shuts down.
///
/// An idle socket holds this future in memory all its life. To keep it small, setup runs before the future starts, the driver
/// is polled in place, and the work at the end gets a box of its own.
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
    let protocol = socket.protocol().cloned().map(Box::new);

    let now = Moment::of(&*timer);
    let mut life = Lifetime::new(Arc::clone(&settings), now);
    (0..).zip(&layers).for_each(|(slot, layer)| life.hold(slot, layer.ends_at, now));
    let mut open = OpenGuard::new(layers);
    let fixed = Fixed { id, timer, protocol, in_band, refresh_context };
    let shared = Arc::new(SharedSocket::new(socket, user, life, fixed));
    let mut driver = Driver {
        shared: Arc::clone(&shared),
        end_signal,
        shutdowns: shutdowns.into_iter().map(|shutdown| Draining::new(shutdown, id)).collect(),
        codes: settings.codes,
        codec,
        refreshing: None,
        alarm: Alarm::default(),
        is_due: true,
    };
    let socket = AuthSocket::new(shared, first);
    // A lazy future takes no room for the socket beside the handler's future, which holds it.
    let handler = future::lazy(move |_| handler(socket)).flatten();
    // OK to assert unwind safety because nothing uses the handler after a panic.
    let handler: Pin<Box<dyn Future<Output = _> + Send>> = Box::pin(AssertUnwindSafe(handler).catch_unwind());
    let mut handler = handler.fuse();
    async move {
        let (cause, taken) = future::poll_fn(|cx| driver.poll(&mut handler, cx)).await;
        let lingering = Box::pin(end(&mut driver, &mut open, &mut handler, cause, taken)).await;
        // The handler is dropped after the close: what its destructors do can no longer reach the peer. The socket counts as open
        // until then.
        drop(handler);
        drop((lingering, open));
    }
}

/// Counts a socket as open: in the gauge and in the registries.
struct OpenGuard {
    gauge: Option<Gauge>,
    registrations: Vec<Arc<Registration>>,
}

impl OpenGuard {
    fn new(layers: Vec<LayerEntry>) -> Self {
        let mut registrations: Vec<_> = layers.into_iter().filter_map(|layer| layer.registration).collect();
        registrations.shrink_to_fit();
        registrations.iter().for_each(|registration| registration.opened());
        Self { gauge: Some(Gauge::open()), registrations }
    }

    /// Stops counting the socket, and counts its handler while the result is held.
    fn linger(&mut self) -> Vec<LingeringGuard> {
        self.leave();
        self.registrations.iter().filter_map(|registration| registration.linger()).collect()
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

/// Closes the socket, and waits for a handler that may go on without it. The handler counts while the result is held.
async fn end<U: Principal>(
    driver: &mut Driver<U>,
    open: &mut OpenGuard,
    handler: &mut Handler,
    cause: EndCause,
    taken: TakenSocket,
) -> Vec<LingeringGuard> {
    let grace = match cause {
        EndCause::Close(_) => HandlerGrace::None,
        _ if handler.is_terminated() => HandlerGrace::None,
        EndCause::Released => HandlerGrace::UntilExpiry,
        EndCause::PeerGone => HandlerGrace::Limited,
    };
    let lingering = match grace {
        HandlerGrace::Limited => open.linger(),
        HandlerGrace::UntilExpiry => Vec::new(),
        HandlerGrace::None => {
            open.leave();
            Vec::new()
        }
    };
    let TakenSocket { socket, close, broken } = taken;
    let close = match cause {
        EndCause::Close(close) => close,
        EndCause::Released | EndCause::PeerGone => close.unwrap_or(Close::NORMAL),
    };
    telemetry::closed(Some(driver.shared.fixed().id), &close);
    let close = translate_close(close, driver.codec.as_deref(), driver.codes);
    let finish = async {
        if let Some(socket) = socket {
            finish(*socket, close, broken).await;
        }
    };
    let wait = async {
        if grace != HandlerGrace::None {
            select! {
                biased;
                () = driver.ended_without_socket(grace) => {}
                _ = handler => {}
            }
        }
    };
    future::join(finish, wait).await;
    lingering
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

struct Driver<U> {
    shared: Arc<SharedSocket<U>>,
    end_signal: Arc<EndSignal>,
    /// While they exist, the socket counts as open.
    shutdowns: Box<[Draining]>,
    codes: CloseCodes,
    codec: Option<Arc<Codec>>,
    /// A refresh in progress that the peer asked for in-band.
    refreshing: Option<Pin<Box<dyn Future<Output = Result<Option<SystemTime>, RefreshError>> + Send>>>,
    alarm: Alarm,
    /// Whether something may be due: the alarm was reached, or something happened.
    is_due: bool,
}

impl<U: Principal> Driver<U> {
    /// Runs the handler. Completes when the socket has to end, the handler drops it or the peer is gone.
    fn poll(&mut self, handler: &mut Handler, cx: &mut Context<'_>) -> Poll<(EndCause, TakenSocket)> {
        loop {
            if let ended @ Poll::Ready(_) = self.poll_ended(cx) {
                return ended;
            }
            // A handler that returns drops its socket, which the driver sees as released. It may also have moved the
            // socket to another task; the deadline holds there too.
            if ready!(handler.poll_unpin(cx)).is_err() {
                tracing::error!("a socket handler panicked");
                return Poll::Ready(self.end(Close::INTERNAL_ERROR));
            }
        }
    }

    fn poll_ended(&mut self, cx: &mut Context<'_>) -> Poll<(EndCause, TakenSocket)> {
        loop {
            if std::mem::take(&mut self.is_due)
                && let Some(close) = self.do_what_is_due(cx)
            {
                return Poll::Ready(self.end(close));
            }
            if let Poll::Ready(close) = self.end_signal.poll_ended(cx) {
                return Poll::Ready(self.end(close));
            }
            if self.alarm.poll(cx).is_pending() {
                match ready!(self.poll_event(cx)) {
                    // The timer may fire a little late: the handler may have seen the end and dropped the socket first.
                    SocketEvent::Released => return Poll::Ready(self.gone(EndCause::Released, cx)),
                    SocketEvent::PeerGone => return Poll::Ready(self.gone(EndCause::PeerGone, cx)),
                    SocketEvent::Auth(received) => self.start_refresh(received),
                    SocketEvent::Changed => {}
                }
            }
            self.is_due = true;
        }
    }

    /// Does what is due now, and sets the alarm for what is due later. Returns the close if the socket has to end.
    fn do_what_is_due(&mut self, cx: &mut Context<'_>) -> Option<Close> {
        while let Some(due) = self.shared.due(cx) {
            match due {
                Due::End(close) => return Some(close),
                Due::Notice(end) if self.shared.fixed().in_band => {
                    self.shared.queue(ServerMessage::expiring(end, self.timer().now()).into_message());
                }
                Due::Ping => self.shared.ping(),
                Due::Notice(_) | Due::Look => {}
            }
        }
        let timer = &*self.shared.fixed().timer;
        self.alarm.set(self.shared.wake(), timer);
        None
    }

    /// Completes with what happened to the socket.
    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<SocketEvent> {
        if let Poll::Ready(span) = poll_any(&mut self.shutdowns, cx) {
            self.shared.drain_in(span);
            return Poll::Ready(SocketEvent::Changed);
        }
        if let Some(refreshing) = &mut self.refreshing
            && let Poll::Ready(result) = refreshing.as_mut().poll(cx)
        {
            self.refreshing = None;
            self.answer(result);
            return Poll::Ready(SocketEvent::Changed);
        }
        // Don't read during a refresh: a credential that is read then counts as a guess, sent without waiting for the answer.
        self.shared.poll_event(cx, self.refreshing.is_none())
    }

    /// Completes when the handler has to stop, after the socket is gone.
    async fn ended_without_socket(&mut self, grace: HandlerGrace) {
        let Self { shared, end_signal, shutdowns, .. } = self;
        let timer = &*shared.fixed().timer;
        let grace = async {
            match grace {
                HandlerGrace::Limited => timer.sleep(GRACE).await,
                HandlerGrace::UntilExpiry | HandlerGrace::None => std::future::pending().await,
            }
        };
        select! {
            _ = future::poll_fn(|cx| end_signal.poll_ended(cx)) => {}
            () = shared.expiry().reached(timer) => {}
            _ = future::poll_fn(|cx| poll_any(shutdowns, cx)) => {}
            () = grace => {}
        }
    }

    fn start_refresh(&mut self, received: Result<Credentials, MalformedAuth>) {
        match received {
            // A client that does not wait for the answer may be guessing.
            _ if self.refreshing.is_some() => self.shared.wrong(),
            Ok(credentials) => {
                let shared = Arc::clone(&self.shared);
                self.refreshing = Some(Box::pin(async move {
                    match &shared.fixed().refresh_context {
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
            Ok(end) => ServerMessage::ok(end, self.timer().now()),
            Err(error) => ServerMessage::Error { code: error.code() },
        };
        self.shared.queue(answer.into_message());
    }

    fn end(&self, close: Close) -> (EndCause, TakenSocket) {
        let taken = self.shared.take(Some(close.clone()));
        (EndCause::Close(close), taken)
    }

    /// Takes the socket because the handler or the peer is gone. If its end is due too, the end wins.
    fn gone(&self, cause: EndCause, cx: &mut Context<'_>) -> (EndCause, TakenSocket) {
        match self.shared.due(cx) {
            Some(Due::End(close)) => self.end(close),
            _ => (cause, self.shared.take(None)),
        }
    }

    fn timer(&self) -> &dyn Timer {
        &*self.shared.fixed().timer
    }
}

/// Wakes the driver for what is due next. If that moves to a later time, the alarm stays: it is reached early, and then set
/// anew. So a message does not cost a timer.
#[derive(Default)]
struct Alarm {
    at: Wake,
    sleep: Option<Sleep>,
}

impl Alarm {
    fn set(&mut self, at: Wake, timer: &dyn Timer) {
        if self.sleep.is_none() || at.is_before(self.at) {
            (self.at, self.sleep) = (at, at.sleep(timer));
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let reached = self.sleep.as_mut().map_or(Poll::Pending, |sleep| sleep.as_mut().poll(cx));
        if reached.is_ready() {
            self.sleep = None;
        }
        reached
    }
}

/// Completes when a shutdown begins, or begins again, with the time after which the socket is to end.
fn poll_any(shutdowns: &mut [Draining], cx: &Context<'_>) -> Poll<Duration> {
    let polled = shutdowns.iter_mut().map(|one| one.poll_begun(cx)).find(Poll::is_ready);
    polled.unwrap_or(Poll::Pending)
}

#[cfg(test)]
mod tests {
    use std::future::Ready;

    use super::*;

    /// The size of what a function returns.
    fn size_of_result<A, B, C, R>(_: fn(A, B, C) -> R) -> usize {
        size_of::<R>()
    }

    #[test]
    fn idle_socket_holds_no_more_than_this() {
        type Handle = fn(AuthSocket<String>) -> Ready<()>;
        for (what, size, most) in [
            ("driver", size_of_result(drive::<String, Handle, Ready<()>>), 232),
            ("shared socket", size_of::<SharedSocket<String>>(), 480),
            ("socket of the handler", size_of::<AuthSocket<String>>(), 16),
            ("refresh context", size_of::<RefreshContext<String>>(), 72),
            ("signal of the end", size_of::<EndSignal>(), 88),
        ] {
            assert!(size <= most, "{what}: {size} bytes, and not {most}");
        }
    }
}
