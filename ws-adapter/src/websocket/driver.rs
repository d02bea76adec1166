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
    codec::{Codec, told},
    context::{Kill, LayerPart, SocketContext},
    finish::finish,
    in_band::{Answer, Credentials, Malformed},
    pipe::Taken,
    refresh::{RefreshError, Renewal, refresh},
    shared::{Event, Shared},
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

/// How long a handler may go on after its peer is gone.
const GRACE: Duration = Duration::from_secs(60);

/// A socket that was let in.
pub(super) struct Admitted<U> {
    pub(super) user: Authenticated<U>,
    pub(super) context: SocketContext,
    /// `None` where no layer of ours knows this user type.
    pub(super) renewal: Option<Renewal<U>>,
    /// One for each shutdown that ends it; while they are held, the socket counts as open.
    pub(super) shutdowns: Vec<ShutdownWatch>,
    /// A message that was read before, for the handler.
    pub(super) first: Option<Message>,
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
    let Admitted { user, context, renewal, shutdowns, first } = admitted;
    let SocketContext { id, kill, timer, settings, subprotocol, codec, layers, .. } = context;
    let codec = codec.filter(|codec| codec.accepts(socket.protocol()));
    let is_other = codec.as_ref().is_some_and(|codec| codec.names(&subprotocol));
    let in_band = socket.protocol() == Some(&subprotocol) && !is_other;
    let protocol = socket.protocol().cloned();
    let (ends, registrations): (Vec<_>, Vec<_>) =
        layers.into_iter().map(|LayerPart { registration, ends_at }| (ends_at, registration)).unzip();
    let registrations = registrations.into_iter().flatten().collect();
    let open = Open { gauge: Some(Gauge::open()), registrations, lingering: Vec::new() };
    open.registrations.iter().for_each(|registration| registration.opened());

    let now = Moment::of(&*timer);
    let mut life = Lifetime::new(settings, now);
    (0..).zip(ends).for_each(|(slot, end)| life.hold(slot, end, now));
    let shared = Arc::new(Shared::new(socket, user, life, Arc::clone(&timer), in_band));
    let driver = Driver {
        id,
        shared: Arc::clone(&shared),
        timer,
        kill,
        shutdown: any_begun(shutdowns.into_iter().map(|shutdown| Draining::new(shutdown, id)).collect()),
        codes: settings.codes,
        codec,
        renewal: renewal.clone(),
        refreshing: None,
    };
    let socket = AuthSocket::new(shared, id, protocol, renewal, first);
    // OK to assert unwind safety because nothing of it is touched after a panic.
    let handler = AssertUnwindSafe(async move { handler(socket).await }).catch_unwind();
    let handler: Pin<Box<dyn Future<Output = _> + Send>> = Box::pin(handler);
    run(driver, open, handler.fuse())
}

/// A socket that counts as open.
struct Open {
    gauge: Option<Gauge>,
    registrations: Vec<Arc<Registration>>,
    /// Places of the handler, while it goes on without its peer.
    lingering: Vec<LingeringGuard>,
}

impl Open {
    /// From here on it does not count, but its handler does.
    fn linger(&mut self) {
        self.leave();
        self.lingering = self.registrations.iter().filter_map(|registration| registration.linger()).collect();
    }

    /// From here on it does not count, and the registry cannot end it.
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

/// A handler, and whether it has panicked. It has a box of its own, because passing a future by value takes its room twice.
type Handler = future::Fuse<Pin<Box<dyn Future<Output = thread::Result<()>> + Send>>>;

async fn run<U: Principal>(mut driver: Driver<U>, mut open: Open, mut handler: Handler) {
    let (fate, taken) = loop {
        select! {
            biased;
            ended = driver.ended() => break ended,
            // It ends by dropping its socket, unless it has handed it on to another task; the deadline holds there too.
            done = &mut handler => if done.is_err() {
                tracing::error!("a socket handler panicked");
                break driver.end(Close::INTERNAL_ERROR);
            },
        }
    };
    let rest = match fate {
        Fate::Ended(_) => Rest::None,
        _ if handler.is_terminated() => Rest::None,
        Fate::GivenUp => Rest::UntilExpiry,
        Fate::PeerGone => Rest::ForAWhile,
    };
    match rest {
        Rest::None => open.leave(),
        Rest::ForAWhile => open.linger(),
        Rest::UntilExpiry => {}
    }
    let close = match fate {
        Fate::Ended(close) => close,
        Fate::GivenUp | Fate::PeerGone => taken.close.unwrap_or(Close::NORMAL),
    };
    telemetry::closed(Some(driver.id), &close);
    let told = told(close, driver.codec.as_deref(), driver.codes);
    let finish = finish_taken(taken.socket, told, taken.broken);
    let wait = async {
        if rest != Rest::None {
            select! {
                biased;
                () = driver.ended_without_socket(rest) => {}
                _ = &mut handler => {}
            }
        }
    };
    future::join(finish, wait).await;
    // The handler is dropped here: after the close, so that whatever it does on the way out comes too late to matter.
}

/// Why the driver gives the socket up.
enum Fate {
    /// It has to end, for this reason.
    Ended(Close),
    /// The handler has let go of it.
    GivenUp,
    /// Nobody is at the other end any more.
    PeerGone,
}

/// How long the handler may go on without its socket.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rest {
    None,
    /// As long as its user may.
    UntilExpiry,
    /// The same, but [`GRACE`] at the most: a handler may wait for ever for something to send. If too many of one user do, the
    /// oldest of them is told to end.
    ForAWhile,
}

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
    shared: Arc<Shared<U>>,
    timer: Arc<dyn Timer>,
    kill: Arc<Kill>,
    shutdown: BegunFuture,
    codes: CloseCodes,
    codec: Option<Arc<Codec>>,
    renewal: Option<Renewal<U>>,
    /// A refresh that the peer has asked for.
    refreshing: Option<Pin<Box<dyn Future<Output = Result<Option<SystemTime>, RefreshError>> + Send>>>,
}

impl<U: Principal> Driver<U> {
    /// Completes when the socket has to end, or is given up. It may be dropped and called again.
    async fn ended(&mut self) -> (Fate, Taken) {
        loop {
            while let Some(due) = self.due().await {
                match due {
                    Due::End(close) => return self.end(close),
                    Due::Notice(end) if self.shared.speaks_in_band() => {
                        self.shared.queue(Answer::expiring(end, self.timer.now()).into_message());
                    }
                    Due::Ping => self.shared.ping(),
                    Due::Notice(_) | Due::Look => {}
                }
            }
            let wake = self.shared.wake();
            // Not during a refresh: a credential that is read then counts as one that did not wait for the answer.
            let listens = self.refreshing.is_none();
            let refreshed = async {
                match &mut self.refreshing {
                    Some(refreshing) => refreshing.await,
                    None => std::future::pending().await,
                }
            };
            let happened = select! {
                biased;
                close = self.kill.ended() => return self.end(close),
                () = wake.reached(&*self.timer) => continue,
                begun = &mut self.shutdown => Happened::Begun(begun),
                result = refreshed => Happened::Refreshed(result),
                event = std::future::poll_fn(|cx| self.shared.poll_event(cx, listens)) => Happened::Event(event),
            };
            match happened {
                Happened::Begun((span, shutdowns)) => {
                    self.shutdown = any_begun(shutdowns);
                    self.shared.drain_in(span);
                }
                Happened::Refreshed(result) => {
                    self.refreshing = None;
                    self.answer(result);
                }
                Happened::Event(Event::Presented(presented)) => self.present(presented),
                Happened::Event(Event::Moved) => {}
                // The timer may be a little late, and the handler may have seen the end and let go before.
                Happened::Event(Event::Released) => return self.gone(Fate::GivenUp).await,
                Happened::Event(Event::Gone) => return self.gone(Fate::PeerGone).await,
            }
        }
    }

    /// The same, once the socket is gone: its user may no longer act either.
    async fn ended_without_socket(&mut self, rest: Rest) {
        let grace = async {
            match rest {
                Rest::ForAWhile => self.timer.sleep(GRACE).await,
                Rest::UntilExpiry | Rest::None => std::future::pending().await,
            }
        };
        select! {
            _ = self.kill.ended() => {}
            () = self.shared.expiry().reached(&*self.timer) => {}
            _ = &mut self.shutdown => {}
            () = grace => {}
        }
    }

    fn present(&mut self, presented: Result<Credentials, Malformed>) {
        match presented {
            // A client that does not wait for the answer may be guessing.
            _ if self.refreshing.is_some() => self.shared.wrong(),
            Ok(credentials) => {
                let (shared, renewal) = (Arc::clone(&self.shared), self.renewal.clone());
                self.refreshing = Some(Box::pin(async move {
                    match &renewal {
                        Some(renewal) => refresh(&shared, renewal, credentials).await,
                        None => {
                            shared.wrong();
                            Err(RefreshError::malformed())
                        }
                    }
                }));
            }
            Err(Malformed) => {
                self.shared.wrong();
                self.answer(Err(RefreshError::malformed()));
            }
        }
    }

    fn answer(&self, result: Result<Option<SystemTime>, RefreshError>) {
        let answer = match result {
            Ok(end) => Answer::ok(end, self.timer.now()),
            Err(error) => Answer::Error { code: error.code() },
        };
        self.shared.queue(answer.into_message());
    }

    /// What is due now; it does not wait.
    async fn due(&mut self) -> Option<Due> {
        std::future::poll_fn(|cx| Poll::Ready(self.shared.due(cx))).await
    }

    fn end(&self, close: Close) -> (Fate, Taken) {
        let taken = self.shared.take(Some(close.clone()));
        (Fate::Ended(close), taken)
    }

    /// The handler or the peer is gone, unless the end has come first.
    async fn gone(&mut self, fate: Fate) -> (Fate, Taken) {
        match self.due().await {
            Some(Due::End(close)) => self.end(close),
            _ => (fate, self.shared.take(None)),
        }
    }
}

enum Happened {
    Begun((Duration, Vec<Draining>)),
    Refreshed(Result<Option<SystemTime>, RefreshError>),
    Event(Event),
}

/// Completes when a shutdown begins, or begins anew, with the time after which the socket is to end. It gives the shutdowns back:
/// while they are held, the socket counts as open.
type BegunFuture = Pin<Box<dyn Future<Output = (Duration, Vec<Draining>)> + Send>>;

fn any_begun(mut shutdowns: Vec<Draining>) -> BegunFuture {
    Box::pin(async move {
        let span = match shutdowns.as_mut_slice() {
            [] => std::future::pending().await,
            [one] => one.begun().await,
            many => select_all(many.iter_mut().map(|one| Box::pin(one.begun()))).await.0,
        };
        (span, shutdowns)
    })
}
