use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::{Duration, SystemTime},
};

use auth_core::{Authenticated, Timer};
use axum::{
    Error,
    extract::ws::{Message, WebSocket},
};
use futures_util::Sink as _;

use super::{
    in_band::{self, Credentials, Malformed},
    pipe::{Pipe, Taken},
    receiver::Receiver,
    writers::Writer,
};
use crate::{
    Close,
    lifetime::{Due, Lifetime, Moment, NotNow, Wake},
    waker,
};

/// The payload of our own pings, by which their answers are known.
const PING: &[u8] = b"auth.ping";

/// The socket and its lifetime, between the handler that uses it and the driver that ends it. The lock is held during a poll
/// only.
///
/// The end, a refresh, and the removal of the socket are all decided under this lock, by the same clocks. So a refresh and an
/// expiry that come together have one outcome.
pub(super) struct Shared<U> {
    state: Mutex<State<U>>,
    timer: Arc<dyn Timer>,
    /// Whether the peer speaks our subprotocol.
    in_band: bool,
}

struct State<U> {
    pipe: Pipe,
    life: Lifetime,
    user: Authenticated<U>,
    /// Whether the handler's side is gone.
    released: bool,
    receiver: Receiver,
    driver: Option<Waker>,
    /// A credential that the peer has presented and the driver has not seen yet.
    presented: Option<Result<Credentials, Malformed>>,
    /// Whether the driver has to ask the lifetime again.
    moved: bool,
}

/// What the driver has to deal with.
pub(super) enum Event {
    /// The handler's side is gone.
    Released,
    /// The peer is gone.
    Gone,
    /// The peer presents a credential.
    Presented(Result<Credentials, Malformed>),
    /// What is due may have changed.
    Moved,
}

impl<U> Shared<U> {
    pub(super) fn new(
        socket: WebSocket,
        user: Authenticated<U>,
        life: Lifetime,
        timer: Arc<dyn Timer>,
        in_band: bool,
    ) -> Self {
        let state = State {
            pipe: Pipe::new(socket),
            life,
            user,
            released: false,
            receiver: Receiver::default(),
            driver: None,
            presented: None,
            moved: false,
        };
        Self { state: Mutex::new(state), timer, in_band }
    }

    pub(super) fn user(&self) -> Authenticated<U> {
        self.lock().user.clone()
    }

    pub(super) fn ends_at(&self) -> Option<SystemTime> {
        self.lock().life.ends_at()
    }

    pub(super) fn speaks_in_band(&self) -> bool {
        self.in_band
    }

    fn now(&self) -> Moment {
        Moment::of(&*self.timer)
    }

    // The handler's side.

    pub(super) fn poll_message(&self, cx: &mut Context<'_>) -> Poll<Option<Result<Message, Error>>> {
        let now = self.now();
        let mut state = self.lock();
        if let Some(message) = state.pipe.take_ahead() {
            state.wake_driver();
            return Poll::Ready(Some(message).filter(|_| !state.life.is_over(now)));
        }
        loop {
            let message = match state.pipe.poll_read(cx) {
                Poll::Ready(message) => message,
                Poll::Pending => {
                    // The driver wakes the receiver when it takes the socket away.
                    if state.receiver.wait(cx, now.passed) {
                        state.moved = true;
                        state.wake_driver();
                    }
                    return Poll::Pending;
                }
            };
            state.receiver.stop();
            // While the handler is busy with a message, the driver reads.
            state.wake_driver();
            let Some(message) = message else {
                return Poll::Ready(None);
            };
            // Between the deadline and the moment at which the driver gets to run, nothing comes in or goes out.
            let is_over = state.life.is_over(now);
            if let Some(message) = state.sort(message, self.in_band && !is_over, now) {
                return Poll::Ready(Some(message).filter(|_| !is_over));
            }
        }
    }

    /// The handler does not wait for a message any more.
    pub(super) fn stop_reading(&self) {
        let mut state = self.lock();
        if state.receiver.stop() {
            state.wake_driver();
        }
    }

    pub(super) fn poll_send<T>(
        &self,
        cx: &Context<'_>,
        poll: impl FnOnce(Pin<&mut WebSocket>, &mut Context<'_>) -> Poll<Result<T, Error>>,
    ) -> Poll<Result<T, Error>> {
        let mut state = self.lock();
        let polled = state.pipe.poll_write(Writer::Sender, cx, poll);
        if state.pipe.is_gone() {
            state.wake_driver();
        }
        polled.unwrap_or_else(|| Poll::Ready(Err(ended())))
    }

    pub(super) fn start_send(&self, message: Message) -> Result<(), Error> {
        let now = self.now();
        let mut state = self.lock();
        if state.life.is_over(now) {
            return Err(ended());
        }
        // What is longer than the buffer is written at once.
        let sent = state.pipe.write(|socket| socket.start_send(message), |sent| sent.as_ref().err());
        if state.pipe.is_gone() {
            state.wake_driver();
        }
        sent.unwrap_or_else(|| Err(ended()))
    }

    /// Whether nothing comes in or goes out any more.
    pub(super) fn has_ended(&self) -> bool {
        let now = self.now();
        let state = self.lock();
        !state.pipe.is_open() || state.life.is_over(now)
    }

    pub(super) fn close(&self, close: Close) {
        self.lock().pipe.close(close);
    }

    pub(super) fn release(&self) {
        let mut state = self.lock();
        state.released = true;
        state.wake_driver();
    }

    // A refresh.

    /// Begins a refresh for the layer at `slot`. Only one runs at a time.
    pub(super) fn begin_refresh(&self, slot: u64) -> Result<(), NotNow> {
        let now = self.now();
        self.change(|state| match state.pipe.is_open() {
            true => state.life.begin_refresh(slot, now),
            false => Err(NotNow::Ended),
        })
    }

    /// Replaces the credential of the layer at `slot`, unless the socket has ended meanwhile.
    pub(super) fn swap(&self, user: Authenticated<U>, slot: u64) -> Result<Option<SystemTime>, NotNow> {
        let now = self.now();
        self.change(|state| {
            if !state.pipe.is_open() {
                return Err(NotNow::Ended);
            }
            let end = state.life.swap([slot], user.evidence().expires_at(), now)?;
            state.user = user;
            Ok(end)
        })
    }

    /// Ends the refresh; the next may begin.
    pub(super) fn end_refresh(&self, slot: u64, is_wrong: bool) {
        let now = self.now();
        self.change(|state| {
            state.life.end_refresh(slot);
            if is_wrong {
                state.life.wrong(now);
            }
        });
    }

    /// Counts what was presented and is not a credential, or came while a refresh was in progress.
    pub(super) fn wrong(&self) {
        let now = self.now();
        self.change(|state| state.life.wrong(now));
    }

    // The driver's side.

    /// Completes with what the driver has to deal with. Meanwhile it sends what is queued, and, if it `listens`, reads while
    /// the handler does not. Where that is not known it does so too, and wakes the handler for what it has read.
    pub(super) fn poll_event(&self, cx: &mut Context<'_>, listens: bool) -> Poll<Event> {
        let mut state = self.lock();
        if state.released {
            return Poll::Ready(Event::Released);
        }
        // Most polls find the handler reading, and need no clock.
        if !listens {
            state.receiver.leave_alone();
        } else if state.may_read() {
            state.poll_ahead(cx, self.in_band, self.now());
        }
        if let Some(presented) = state.presented.take() {
            return Poll::Ready(Event::Presented(presented));
        }
        if std::mem::take(&mut state.moved) {
            return Poll::Ready(Event::Moved);
        }
        state.pipe.poll_queue(cx);
        if state.pipe.is_gone() {
            return Poll::Ready(Event::Gone);
        }
        waker::keep(&mut state.driver, cx);
        Poll::Pending
    }

    /// What is due now.
    pub(super) fn due(&self, cx: &mut Context<'_>) -> Option<Due> {
        let now = self.now();
        let mut state = self.lock();
        state.receiver.look(now.passed);
        if state.life.is_silent(now) {
            // After a standstill of the whole process, a timer comes together with what has come in meanwhile.
            state.receiver.wake();
            state.poll_ahead(cx, self.in_band, now);
        }
        let hears = state.pipe.hears();
        state.life.due(now, hears)
    }

    pub(super) fn wake(&self) -> Wake {
        let state = self.lock();
        let wake = state.life.wake();
        let passed = wake.passed.into_iter().chain(state.receiver.look_at()).min();
        Wake { passed, ..wake }
    }

    /// Plans its end while the server goes down.
    pub(super) fn drain_in(&self, span: Duration) {
        let now = self.now();
        self.lock().life.drain_in(span, now);
    }

    /// Queues a message of ours. If the peer has not read those before, it is left out.
    pub(super) fn queue(&self, message: Message) {
        let mut state = self.lock();
        state.pipe.queue(message);
        state.wake_driver();
    }

    pub(super) fn ping(&self) {
        self.queue(Message::Ping(axum::body::Bytes::from_static(PING)));
    }

    /// Takes the socket away from the handler's side. With `close`, the lifetime ends too.
    pub(super) fn take(&self, close: Option<Close>) -> Taken {
        let mut state = self.lock();
        if let Some(close) = close {
            state.life.end(close);
        }
        state.take()
    }

    /// When its credential ends, once the socket is gone.
    pub(super) fn expiry(&self) -> Wake {
        Wake { wall: self.ends_at(), passed: None }
    }

    fn change<T>(&self, change: impl FnOnce(&mut State<U>) -> T) -> T {
        let mut state = self.lock();
        let changed = change(&mut state);
        state.moved = true;
        state.wake_driver();
        changed
    }

    fn lock(&self) -> MutexGuard<'_, State<U>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<U> State<U> {
    /// Notes what has come in. Gives it back if it is for the handler.
    fn sort(&mut self, message: Result<Message, Error>, in_band: bool, now: Moment) -> Option<Result<Message, Error>> {
        self.life.heard(now);
        match &message {
            Ok(Message::Pong(payload)) if payload == PING => return None,
            Ok(Message::Text(text)) => match in_band.then(|| in_band::read(text)).flatten() {
                Some(presented) => {
                    self.present(presented, now);
                    return None;
                }
                None => self.life.spoke(now),
            },
            Ok(Message::Binary(_)) => self.life.spoke(now),
            _ => {}
        }
        Some(message)
    }

    /// Reads while the handler does not, up to its next message: a peer that goes is noticed, pings are answered, and a fresh
    /// credential is taken, whatever the handler does.
    fn poll_ahead(&mut self, cx: &mut Context<'_>, in_band: bool, now: Moment) {
        while self.may_read() && !self.life.is_over(now) {
            let Poll::Ready(Some(message)) = self.pipe.poll_read(cx) else {
                return;
            };
            match self.sort(message, in_band, now) {
                // They are answered by now.
                Some(Ok(Message::Ping(_) | Message::Pong(_))) | None => {}
                Some(message) => {
                    self.pipe.keep_ahead(message);
                    self.receiver.wake();
                }
            }
        }
    }

    /// Whether the driver may read: the handler does not, and there is room for what comes.
    fn may_read(&self) -> bool {
        let is_full = self.pipe.has_ahead() || self.presented.is_some();
        !self.receiver.reads() && !is_full && !self.pipe.is_gone()
    }

    fn present(&mut self, presented: Result<Credentials, Malformed>, now: Moment) {
        // A client that does not wait for the answer may be guessing.
        if self.presented.is_some() {
            self.life.wrong(now);
        } else {
            self.presented = Some(presented);
        }
        self.moved = true;
        self.wake_driver();
    }

    fn take(&mut self) -> Taken {
        self.receiver.wake();
        self.pipe.take()
    }

    fn wake_driver(&mut self) {
        waker::wake(&mut self.driver);
    }
}

fn ended() -> Error {
    Error::new(tungstenite::Error::AlreadyClosed)
}
