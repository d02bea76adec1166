use std::{
    future::Future,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::Arc,
    thread,
    time::{Duration, SystemTime},
};

use auth_core::{Authenticated, Principal};
use axum::extract::ws::WebSocket;
use futures_util::{
    FutureExt as _,
    future::{self, FusedFuture as _, select_all},
};
use tokio::select;

use super::{
    AuthSocket,
    context::{Kill, LayerPart, SocketContext},
    finish::finish,
    in_band::Answer,
    refresh::{RefreshError, Renewal, refresh},
    schedule::{Due, Schedule},
    shared::{Event, Shared, Taken},
};
use crate::{
    Close, CloseCodes, ConnectionId, Timer,
    connections::Registration,
    shutdown::ShutdownWatch,
    telemetry::{self, Gauge},
    timer::reached,
};

/// A socket that was let in.
pub(super) struct Admitted<U> {
    pub(super) user: Authenticated<U>,
    pub(super) context: SocketContext,
    /// `None` where no layer of ours knows this user type.
    pub(super) renewal: Option<Renewal<U>>,
    /// One for each shutdown that ends it; while they are held, the socket counts as open.
    pub(super) shutdowns: Vec<ShutdownWatch>,
}

/// Owns the socket: runs the handler until it gives the socket up, a credential ends or is revoked, or the server goes
/// down.
///
/// The future is what an idle socket costs, as long as it lives: what is needed at the beginning is done before, and what
/// is needed at the end only is put into a box of its own then.
pub(super) fn drive<U, F, Fut>(
    socket: WebSocket,
    admitted: Admitted<U>,
    handler: F,
) -> impl Future<Output = ()> + Send + use<U, F, Fut>
where
    U: Principal,
    F: FnOnce(AuthSocket<U>) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let Admitted { user, context, renewal, shutdowns } = admitted;
    let SocketContext { id, kill, timer, settings, subprotocol, layers, .. } = context;
    let in_band = socket.protocol() == Some(&subprotocol);
    let protocol = socket.protocol().cloned();
    let (ends, registrations): (Vec<_>, Vec<_>) =
        layers.into_iter().map(|LayerPart { registration, ends_at }| (ends_at, registration)).unzip();
    let open = Open { gauge: Some(Gauge::open()), registrations: registrations.into_iter().flatten().collect() };
    open.registrations.iter().for_each(|registration| registration.opened());

    let shared = Arc::new(Shared::new(socket, user, ends, Arc::clone(&timer), in_band));
    let driver = Driver {
        id,
        schedule: Schedule::new(settings, shared.ends_at(), timer.now()),
        shared: Arc::clone(&shared),
        timer,
        kill,
        shutdown: any_begun(shutdowns, true),
        codes: settings.codes,
        renewal: renewal.clone(),
        refreshing: None,
    };
    let socket = AuthSocket::new(shared, id, protocol, renewal);
    // OK to assert unwind safety because nothing of it is touched after a panic.
    let handler = AssertUnwindSafe(async move { handler(socket).await }).catch_unwind();
    let handler: Pin<Box<dyn Future<Output = _> + Send>> = Box::pin(handler);
    run(driver, open, handler.fuse())
}

/// A socket that counts as open.
struct Open {
    gauge: Option<Gauge>,
    registrations: Vec<Arc<Registration>>,
}

impl Open {
    fn leave(&mut self) {
        self.gauge = None;
        self.registrations.iter().for_each(|registration| registration.leave());
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        // Others may hold a registration still.
        self.leave();
    }
}

/// A handler, and whether it has panicked. It has a box of its own: to pass futures by value makes room for each twice.
type Handler = future::Fuse<Pin<Box<dyn Future<Output = thread::Result<()>> + Send>>>;

async fn run<U: Principal>(mut driver: Driver<U>, mut open: Open, mut handler: Handler) {
    let (close, taken) = loop {
        select! {
            biased;
            ended = driver.ended() => break ended,
            // It ends by dropping its socket, unless it has handed it on to another task; the deadline holds there too.
            done = &mut handler => if done.is_err() {
                tracing::error!("a socket handler panicked");
                break (Some(Close::INTERNAL_ERROR), driver.shared.take());
            },
        }
    };
    let given_up = close.is_none();
    let goes_on = given_up && !handler.is_terminated();
    if !goes_on {
        // From here on it counts no more, and nobody can ask it to end.
        open.leave();
    }
    let close = close.or(taken.close).unwrap_or(Close::NORMAL);
    telemetry::closed(Some(driver.id), &close);
    let finish = finish_taken(taken.socket, close, driver.codes, taken.broken);
    if goes_on {
        // The handler has more to do without its socket, as long as its user may.
        let rest = async {
            select! {
                biased;
                () = driver.ended_without_socket() => {}
                _ = &mut handler => {}
            }
        };
        future::join(finish, rest).await;
    } else {
        finish.await;
    }
    // The handler is dropped here: after the close, so that whatever it does on the way out comes too late to matter.
}

fn finish_taken(
    socket: Option<Box<WebSocket>>,
    close: Close,
    codes: CloseCodes,
    broken: bool,
) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    match socket {
        Some(socket) => Box::pin(finish(*socket, close, codes, broken)),
        None => Box::pin(future::ready(())),
    }
}

struct Driver<U> {
    id: ConnectionId,
    shared: Arc<Shared<U>>,
    schedule: Schedule,
    timer: Arc<dyn Timer>,
    kill: Arc<Kill>,
    shutdown: BegunFuture,
    codes: CloseCodes,
    renewal: Option<Renewal<U>>,
    /// A credential of the peer's that is being looked at.
    refreshing: Option<Pin<Box<dyn Future<Output = Result<Option<SystemTime>, RefreshError>> + Send>>>,
}

impl<U: Principal> Driver<U> {
    /// Completes when the socket has to end, with the close, or without one if the handler has given it up; and with the
    /// socket. It may be dropped and called again.
    async fn ended(&mut self) -> (Option<Close>, Taken) {
        loop {
            let next = self.schedule.next();
            let alarm = async {
                match next {
                    Some((at, due)) => {
                        self.timer.sleep_until(at).await;
                        due
                    }
                    None => std::future::pending().await,
                }
            };
            let refreshed = async {
                match &mut self.refreshing {
                    Some(refreshing) => refreshing.await,
                    None => std::future::pending().await,
                }
            };
            let happened = select! {
                biased;
                close = self.kill.ended() => return self.take(close),
                due = alarm => Happened::Due(due),
                begun = &mut self.shutdown => Happened::Begun(begun),
                result = refreshed => Happened::Refreshed(result),
                event = std::future::poll_fn(|cx| self.shared.poll_event(cx)) => Happened::Event(event),
            };
            let ended = match happened {
                Happened::Due(due) => self.due(due),
                Happened::Begun((begun, shutdowns)) => {
                    self.shutdown = any_begun(shutdowns, false);
                    self.begun(begun)
                }
                Happened::Refreshed(result) => {
                    self.refreshing = None;
                    self.answer(result);
                    None
                }
                Happened::Event(event) => self.event(event),
            };
            if let Some(ended) = ended {
                return ended;
            }
        }
    }

    /// The same, once the socket is gone: its user may no longer act either.
    async fn ended_without_socket(&mut self) {
        select! {
            _ = self.kill.ended() => {}
            () = reached(&*self.timer, self.shared.ends_at()) => {}
            _ = &mut self.shutdown => {}
        }
    }

    fn due(&mut self, due: Due) -> Option<(Option<Close>, Taken)> {
        let now = self.timer.now();
        match due {
            // A refresh may have come first.
            Due::End => match self.shared.take_if_over() {
                Some(taken) => return Some((Some(Close::TOKEN_EXPIRED), taken)),
                None => self.schedule.end_at(self.shared.ends_at(), now),
            },
            Due::Drain => return Some(self.take(Close::RESTARTING)),
            // A refresh has moved the end, and the notice with it.
            Due::Notice if self.shared.ends_at() != self.schedule.ends_at() => {
                self.schedule.end_at(self.shared.ends_at(), now);
            }
            Due::Notice => {
                self.schedule.noticed();
                if self.shared.speaks_in_band()
                    && let Some(end) = self.shared.ends_at()
                {
                    self.shared.queue(Answer::expiring(end, now).into_message());
                }
            }
            Due::Ping => {
                if self.schedule.is_silent(self.shared.heard_at(), now) {
                    self.shared.ping();
                }
            }
            // Where nobody reads, an answer may have come that nobody has seen.
            Due::Pong if !self.schedule.is_answered(self.shared.heard_at(), now) && self.shared.is_read() => {
                return Some(self.take(Close::PING_TIMEOUT));
            }
            Due::Pong => {}
            Due::Idle => {
                self.schedule.spoke_at(self.shared.spoke_at());
                if self.schedule.idle_at().is_some_and(|at| at <= now) {
                    // Where nobody reads, it may have spoken.
                    if self.shared.is_read() {
                        return Some(self.take(Close::IDLE_TIMEOUT));
                    }
                    self.schedule.spoke_at(now);
                }
            }
        }
        None
    }

    fn begun(&mut self, begun: Begun) -> Option<(Option<Close>, Taken)> {
        let spread = match begun {
            Begun::Before => Duration::ZERO,
            Begun::Now(spread) => spread.mul_f64(self.id.fraction()),
        };
        if spread.is_zero() {
            return Some(self.take(Close::RESTARTING));
        }
        self.schedule.drain_at(self.timer.now().checked_add(spread));
        None
    }

    fn event(&mut self, event: Event) -> Option<(Option<Close>, Taken)> {
        match event {
            Event::Released => {
                // A timer is late by a little, and a handler that was told of the end in the meantime has let go.
                let over = self.shared.take_if_over().map(|taken| (Some(Close::TOKEN_EXPIRED), taken));
                return Some(over.unwrap_or_else(|| (None, self.shared.take())));
            }
            Event::TooManyFailures => return Some(self.take(Close::INVALID_CREDENTIALS)),
            Event::Moved => self.schedule.end_at(self.shared.ends_at(), self.timer.now()),
            Event::Presented(Ok(credentials)) => {
                let (shared, renewal) = (Arc::clone(&self.shared), self.renewal.clone());
                self.refreshing = Some(Box::pin(async move {
                    match &renewal {
                        Some(renewal) => refresh(&shared, renewal, credentials).await,
                        None => {
                            shared.fail();
                            Err(RefreshError::malformed())
                        }
                    }
                }));
            }
            Event::Presented(Err(_)) => {
                self.shared.fail();
                self.answer(Err(RefreshError::malformed()));
            }
        }
        None
    }

    fn answer(&self, result: Result<Option<SystemTime>, RefreshError>) {
        let answer = match result {
            Ok(end) => Answer::ok(end, self.timer.now()),
            Err(error) => Answer::Error { code: error.code() },
        };
        self.shared.queue(answer.into_message());
    }

    fn take(&self, close: Close) -> (Option<Close>, Taken) {
        (Some(close), self.shared.take())
    }
}

enum Happened {
    Due(Due),
    Begun((Begun, Vec<ShutdownWatch>)),
    Refreshed(Result<Option<SystemTime>, RefreshError>),
    Event(Event),
}

/// When a shutdown has begun.
#[derive(Clone, Copy)]
enum Begun {
    /// Before the socket was opened.
    Before,
    /// While it was open; with the time over which sockets are to be closed.
    Now(Duration),
}

/// Completes when a shutdown begins, or begins anew. It gives the shutdowns back: while they are held, the socket counts
/// as open.
type BegunFuture = Pin<Box<dyn Future<Output = (Begun, Vec<ShutdownWatch>)> + Send>>;

fn any_begun(mut shutdowns: Vec<ShutdownWatch>, is_new: bool) -> BegunFuture {
    Box::pin(async move {
        let begun = if is_new && shutdowns.iter().any(ShutdownWatch::has_begun) {
            Begun::Before
        } else {
            match shutdowns.as_mut_slice() {
                [] => std::future::pending().await,
                [one] => Begun::Now(one.begun().await),
                many => Begun::Now(select_all(many.iter_mut().map(|one| Box::pin(one.begun()))).await.0),
            }
        };
        (begun, shutdowns)
    })
}
