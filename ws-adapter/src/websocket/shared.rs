use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::{Duration, SystemTime},
};

use auth_core::{Authenticated, BoxError, Evidence, Timer};
use axum::{
    Error,
    extract::ws::{Message, WebSocket},
};
use futures_util::Sink;
use http::HeaderValue;

use super::{
    codec::Codec,
    in_band::{Credentials, MalformedAuth},
    pipe::{Pipe, TakenSocket},
    refresh_context::RefreshContext,
    signals::{Signals, Writer},
    state::{PING, SocketState},
};
use crate::{
    Close, CloseCodes,
    connections::PackedId,
    lifetime::{Due, Lifetime, Moment, NotNow, Wake},
};

/// The socket and its lifetime, shared by the handler that uses the socket and the driver that ends it. The lock is held
/// only during a poll. Tasks are woken under this lock, so a waker must not poll its task in place.
///
/// The end of the socket, a refresh and taking the socket are all decided under this lock, by the same clocks. So a refresh
/// and an expiry at the same time have one outcome.
pub(super) struct SharedSocket<U> {
    state: Mutex<SocketState<U>>,
    fixed: Fixed<U>,
}

/// What does not change while a socket is open.
pub(super) struct Fixed<U> {
    pub(super) id: PackedId,
    pub(super) timer: Arc<dyn Timer>,
    /// The negotiated subprotocol. It is boxed, because few sockets have one.
    pub(super) protocol: Option<Box<HeaderValue>>,
    /// Whether the peer speaks our subprotocol.
    pub(super) in_band: bool,
    /// The form of first messages, if the subprotocol is of it. It also translates close codes.
    pub(super) codec: Option<Arc<Codec>>,
    pub(super) codes: CloseCodes,
    pub(super) signals: Arc<Signals>,
    /// `None` if no layer has the user type of the handler.
    pub(super) refresh_context: Option<Arc<RefreshContext<U>>>,
}

/// What the driver has to handle.
pub(super) enum SocketEvent {
    /// The handler dropped its side.
    Released,
    PeerGone,
    /// The peer sent an `auth` message.
    Auth(Result<Credentials, MalformedAuth>),
    /// What is due may have changed.
    Changed,
}

impl<U> SharedSocket<U> {
    pub(super) fn new(socket: WebSocket, user: Authenticated<U>, life: Lifetime, fixed: Fixed<U>) -> Self {
        let state = SocketState::new(Pipe::new(socket, Arc::clone(&fixed.signals)), life, user);
        Self { state: Mutex::new(state), fixed }
    }

    pub(super) fn user(&self) -> Authenticated<U> {
        self.lock().user.clone()
    }

    pub(super) fn ends_at(&self) -> Option<SystemTime> {
        self.lock().life.ends_at()
    }

    pub(super) fn fixed(&self) -> &Fixed<U> {
        &self.fixed
    }

    fn now(&self) -> Moment {
        Moment::of(&*self.fixed.timer)
    }

    // For the handler.

    pub(super) fn poll_message(&self, cx: &mut Context<'_>) -> Poll<Option<Result<Message, Error>>> {
        let now = self.now();
        let mut state = self.lock();
        if state.life.is_waiting(now) {
            state.handler.wait_for_answer(cx);
            return Poll::Pending;
        }
        if let Some(message) = state.pipe.take_ahead() {
            state.wake_driver();
            return Poll::Ready(Some(message).filter(|_| !state.life.is_over(now)));
        }
        // The socket has one place for the waker of its reader, and it is the driver's.
        if state.handler.wait_for_driver(cx) {
            return Poll::Pending;
        }
        loop {
            let message = match state.pipe.poll_read(cx) {
                Poll::Ready(message) => message,
                Poll::Pending => {
                    // The driver wakes the handler when it takes the socket.
                    if state.handler.wait(cx, now.passed) {
                        state.changed = true;
                        state.wake_driver();
                    }
                    return Poll::Pending;
                }
            };
            state.handler.stop();
            // While the handler is busy with a message, the driver reads.
            state.wake_driver();
            let Some(message) = message else {
                return Poll::Ready(None);
            };
            // After the deadline nothing gets through, even if the driver has not run yet.
            let is_over = state.life.is_over(now);
            if let Some(message) = state.filter(message, self.fixed.in_band && !is_over, now) {
                return Poll::Ready(Some(message).filter(|_| !is_over));
            }
        }
    }

    /// The handler no longer waits for a message.
    pub(super) fn stop_reading(&self) {
        let mut state = self.lock();
        if state.handler.stop() {
            state.wake_driver();
        }
    }

    pub(super) fn poll_send<T>(
        &self,
        cx: &Context<'_>,
        poll: impl FnOnce(Pin<&mut WebSocket>, &mut Context<'_>) -> Poll<Result<T, Error>>,
    ) -> Poll<Result<T, Error>> {
        let mut state = self.lock();
        let polled = state.pipe.poll_write(Writer::Handler, cx, poll);
        if state.pipe.is_gone() {
            state.wake_driver();
        }
        polled.unwrap_or_else(|| Poll::Ready(Err(ended())))
    }

    /// Completes when a message may be sent. Nothing may while it is not known whether the socket has ended.
    pub(super) fn poll_ready(&self, cx: &Context<'_>) -> Poll<Result<(), Error>> {
        let state = self.lock();
        if state.life.may_wait() && state.life.is_waiting(self.now()) {
            state.pipe.wait_to_write(cx);
            return Poll::Pending;
        }
        drop(state);
        self.poll_send(cx, Sink::poll_ready)
    }

    pub(super) fn start_send(&self, message: Message) -> Result<(), Error> {
        let now = self.now();
        let mut state = self.lock();
        // A message that was allowed a moment before the known end goes out.
        if state.life.is_over(now) && !state.life.is_waiting(now) {
            return Err(ended());
        }
        // A message that is longer than the buffer is written at once, so this can fail too.
        let sent = state.pipe.write(|socket| socket.start_send(message), |sent| sent.as_ref().err());
        if state.pipe.is_gone() {
            state.wake_driver();
        }
        sent.unwrap_or_else(|| Err(ended()))
    }

    /// Completes once it is known whether the socket is open, for the handler: or else nothing comes in.
    pub(super) fn poll_open(&self, cx: &Context<'_>) -> Poll<bool> {
        let now = self.now();
        let mut state = self.lock();
        if state.pipe.is_open() && state.life.is_waiting(now) {
            state.handler.wait_for_answer(cx);
            return Poll::Pending;
        }
        Poll::Ready(state.pipe.is_open() && !state.life.is_over(now))
    }

    pub(super) fn close(&self, close: Close) {
        self.lock().pipe.close(close);
    }

    pub(super) fn release(&self) {
        let mut state = self.lock();
        state.released = true;
        state.wake_driver();
    }

    // For a refresh.

    /// Begins a refresh for the layer at `slot`. Only one runs at a time.
    pub(super) fn begin_refresh(&self, slot: u64) -> Result<(), NotNow> {
        let now = self.now();
        self.change(|state| match state.pipe.is_open() {
            true => state.life.begin_refresh(slot, now),
            false => Err(NotNow::Ended),
        })
    }

    /// Replaces the credential of the layer at `slot`, unless the socket has ended. Returns when it now ends.
    pub(super) fn swap(&self, user: Authenticated<U>, slot: u64) -> Result<Option<SystemTime>, NotNow> {
        let now = self.now();
        self.change(|state| {
            if !state.pipe.is_open() {
                return Err(NotNow::Ended);
            }
            let end = state.life.swap([slot], user.evidence(), now)?;
            (state.user, state.renewed) = (user, true);
            Ok(end)
        })
    }

    /// Ends the refresh; the next one may begin.
    pub(super) fn end_refresh(&self, slot: u64, is_wrong: bool) {
        let now = self.now();
        self.change(|state| {
            state.life.end_refresh(slot);
            if is_wrong {
                state.life.wrong(now);
            }
        });
    }

    /// Counts a wrong credential: a malformed one, or one that came during a refresh.
    pub(super) fn wrong(&self) {
        let now = self.now();
        self.change(|state| state.life.wrong(now));
    }

    // For the driver.

    /// Completes with what the driver has to handle; [`Signals`] wake the driver. Until then it sends the queue. With `may_read`
    /// it also reads, while the handler does not or may not. It wakes the handler for what it has read.
    pub(super) fn poll_event(&self, cx: &mut Context<'_>, may_read: bool) -> Poll<SocketEvent> {
        let mut state = self.lock();
        if state.released {
            return Poll::Ready(SocketEvent::Released);
        }
        // A handler that is busy with messages reads them. Then this needs no clock.
        if !may_read {
            state.handler.driver_stopped();
        } else if state.can_read_ahead() {
            let waits = state.handler.waits();
            state.poll_ahead(cx, self.fixed.in_band, self.now(), waits);
        }
        if let Some(auth) = state.auth.take() {
            return Poll::Ready(SocketEvent::Auth(*auth));
        }
        if std::mem::take(&mut state.changed) {
            return Poll::Ready(SocketEvent::Changed);
        }
        state.pipe.poll_queue(cx);
        if state.pipe.is_gone() {
            return Poll::Ready(SocketEvent::PeerGone);
        }
        Poll::Pending
    }

    /// What is due now.
    pub(super) fn due(&self, cx: &mut Context<'_>) -> Option<Due> {
        let now = self.now();
        let mut state = self.lock();
        state.handler.check(now.passed);
        if state.life.is_silent(now) {
            // If the whole process was stopped for a while, the timer fires before the messages of that time are read.
            state.handler.wake();
            state.poll_ahead(cx, self.fixed.in_band, now, false);
        }
        let can_read = state.pipe.can_read();
        state.life.due(now, can_read)
    }

    /// When the client last sent a message.
    pub(super) fn used_at(&self) -> SystemTime {
        let now = self.now();
        self.lock().life.used_at(now)
    }

    /// The evidence in this slot, if a refresh may replace it.
    pub(super) fn evidence(&self, slot: u64) -> Option<Evidence> {
        let context = self.fixed.refresh_context.as_ref()?;
        (context.slot() == slot).then(|| self.lock().user.evidence().clone())
    }

    /// Takes the answer to a question about this slot, and wakes everyone who waits for it.
    pub(super) fn moved(&self, slot: u64, end: &Result<Option<SystemTime>, BoxError>) {
        let now = self.now();
        let mut state = self.lock();
        state.life.moved(slot, end, now);
        state.renewed = true;
        state.handler.wake();
        state.pipe.wake_writers();
    }

    /// When the driver has to wake, unless its alarm `is_set` for an earlier time.
    pub(super) fn plan(&self, is_set: bool) -> Option<Wake> {
        self.lock().plan(is_set)
    }

    /// Plans the end of the socket for a shutdown.
    pub(super) fn drain_in(&self, span: Duration) {
        let now = self.now();
        self.lock().life.drain_in(span, now);
    }

    /// Queues one of our own messages. It is dropped if the peer does not read.
    pub(super) fn queue(&self, message: Message) {
        let mut state = self.lock();
        state.pipe.queue(message);
        state.wake_driver();
    }

    pub(super) fn ping(&self) {
        self.queue(Message::Ping(axum::body::Bytes::from_static(PING)));
    }

    /// Takes the socket from the handler. With `close`, the lifetime ends too.
    pub(super) fn take(&self, close: Option<Close>) -> TakenSocket {
        let mut state = self.lock();
        if let Some(close) = close {
            state.life.end(close);
        }
        state.handler.wake();
        state.pipe.take()
    }

    /// When the credential ends. The other deadlines no longer count once the socket is gone.
    pub(super) fn expiry(&self) -> Wake {
        Wake { wall: self.ends_at(), passed: None }
    }

    fn change<T>(&self, change: impl FnOnce(&mut SocketState<U>) -> T) -> T {
        let mut state = self.lock();
        let result = change(&mut state);
        state.changed = true;
        state.wake_driver();
        result
    }

    fn lock(&self) -> MutexGuard<'_, SocketState<U>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn ended() -> Error {
    Error::new(tungstenite::Error::AlreadyClosed)
}
