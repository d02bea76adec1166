use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::SystemTime,
};

use auth_core::Authenticated;
use axum::{
    Error,
    extract::ws::{Message, WebSocket},
};
use futures_util::{Sink as _, Stream as _};

use super::{
    finish,
    in_band::{self, Credentials, Malformed},
};
use crate::{Close, Timer};

/// How many wrong credentials may be presented over a socket, one after another.
pub(super) const MAX_FAILURES: u8 = 3;
/// The payload of our own pings, by which their answers are known.
const PING: &[u8] = b"auth.ping";
/// How many messages of ours may wait for a peer that does not read.
const MAX_QUEUED: usize = 8;

/// The socket, between the handler that uses it and the driver that ends it, with the evidence that it lives by. The lock
/// is held during a poll only.
///
/// Whether the credential has ended, whether another takes its place, and whether the socket is taken away are all decided
/// under this lock, by the same clock: of a refresh and an expiry, one comes first.
pub(super) struct Shared<U> {
    state: Mutex<State<U>>,
    timer: Arc<dyn Timer>,
    /// Whether the peer speaks our subprotocol.
    in_band: bool,
}

struct State<U> {
    /// `None` once the driver has taken it away.
    socket: Option<Box<WebSocket>>,
    user: Authenticated<U>,
    /// When the credential of each layer ends.
    ends: Vec<Option<SystemTime>>,
    /// What the handler, or an error, wants it to be closed with.
    close: Option<Close>,
    /// Whether an error has ended the stream, so that the peer's answer to our close can no longer be read.
    broken: bool,
    /// Whether the peer has closed it. Whatever happens to the connection then, it was not lost.
    closed_by_peer: bool,
    /// Whether the handler's side is gone.
    released: bool,
    receiver: Option<Waker>,
    sender: Option<Waker>,
    driver: Option<Waker>,
    /// A credential that the peer presents.
    presented: Option<Result<Credentials, Malformed>>,
    /// Whether a credential is being looked at.
    refreshing: bool,
    failures: u8,
    /// Whether the end has moved.
    moved: bool,
    /// What we have to say ourselves, and whether the last of it is still on its way.
    queue: VecDeque<Message>,
    unflushed: bool,
    /// When something has last come in, if only the answer to a ping.
    heard_at: SystemTime,
    /// When the last message of the application came.
    spoke_at: SystemTime,
}

/// What the driver finds when the socket is to end.
pub(super) struct Taken {
    pub(super) socket: Option<Box<WebSocket>>,
    pub(super) close: Option<Close>,
    pub(super) broken: bool,
}

/// What the driver has to see to.
pub(super) enum Event {
    /// The handler's side is gone.
    Released,
    /// The peer presents a credential.
    Presented(Result<Credentials, Malformed>),
    /// It has presented too many that were wrong.
    TooManyFailures,
    /// The end has moved.
    Moved,
}

/// Why a credential was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotNow {
    /// The socket has ended.
    Ended,
    /// Another one is being looked at.
    InProgress,
}

impl<U> Shared<U> {
    pub(super) fn new(
        socket: WebSocket,
        user: Authenticated<U>,
        ends: Vec<Option<SystemTime>>,
        timer: Arc<dyn Timer>,
        in_band: bool,
    ) -> Self {
        let state = State {
            socket: Some(Box::new(socket)),
            user,
            ends,
            close: None,
            broken: false,
            closed_by_peer: false,
            released: false,
            receiver: None,
            sender: None,
            driver: None,
            presented: None,
            refreshing: false,
            failures: 0,
            moved: false,
            queue: VecDeque::new(),
            unflushed: false,
            heard_at: timer.now(),
            spoke_at: timer.now(),
        };
        Self { state: Mutex::new(state), timer, in_band }
    }

    pub(super) fn user(&self) -> Authenticated<U> {
        self.lock().user.clone()
    }

    pub(super) fn ends_at(&self) -> Option<SystemTime> {
        self.lock().ends_at()
    }

    pub(super) fn spoke_at(&self) -> SystemTime {
        self.lock().spoke_at
    }

    pub(super) fn speaks_in_band(&self) -> bool {
        self.in_band
    }

    // The handler's side.

    pub(super) fn poll_message(&self, cx: &mut Context<'_>) -> Poll<Option<Result<Message, Error>>> {
        loop {
            let mut state = self.lock();
            let Some(socket) = &mut state.socket else {
                return Poll::Ready(None);
            };
            let message = match Pin::new(&mut **socket).poll_next(cx) {
                Poll::Ready(message) => message,
                Poll::Pending => {
                    // The driver wakes whoever waits when it takes the socket away.
                    keep(&mut state.receiver, cx);
                    return Poll::Pending;
                }
            };
            state.receiver = None;
            let now = self.timer.now();
            state.heard_at = now;
            // Between the deadline and the moment at which the driver gets to run, nothing comes in or goes out.
            let is_over = state.is_over(now);
            match &message {
                Some(Ok(Message::Pong(payload))) if payload == PING => continue,
                Some(Ok(Message::Text(text))) if self.in_band && !is_over => {
                    if let Some(presented) = in_band::read(text) {
                        state.present(presented);
                        continue;
                    }
                    state.spoke_at = now;
                }
                Some(Ok(Message::Text(_) | Message::Binary(_))) => state.spoke_at = now,
                Some(Ok(Message::Close(_))) => state.closed_by_peer = true,
                Some(Err(error)) => {
                    state.broken = true;
                    state.close = state.close_for(error);
                }
                _ => {}
            }
            return Poll::Ready(message.filter(|_| !is_over));
        }
    }

    pub(super) fn poll_send<T>(
        &self,
        cx: &mut Context<'_>,
        poll: impl FnOnce(Pin<&mut WebSocket>, &mut Context<'_>) -> Poll<Result<T, Error>>,
    ) -> Poll<Result<T, Error>> {
        let mut state = self.lock();
        let Some(socket) = &mut state.socket else {
            return Poll::Ready(Err(ended()));
        };
        let polled = poll(Pin::new(&mut **socket), cx);
        if polled.is_pending() {
            keep(&mut state.sender, cx);
        } else {
            state.sender = None;
            if let Poll::Ready(Err(error)) = &polled {
                state.not_sent(error);
            }
            if state.unflushed || !state.queue.is_empty() {
                // The driver may have waited for the same socket, which keeps the last waker only.
                state.wake_driver();
            }
        }
        polled
    }

    pub(super) fn start_send(&self, message: Message) -> Result<(), Error> {
        let now = self.timer.now();
        let mut state = self.lock();
        let is_over = state.is_over(now);
        match &mut state.socket {
            Some(socket) if !is_over => {
                let sent = Pin::new(&mut **socket).start_send(message);
                // What is longer than the buffer is written at once.
                sent.inspect_err(|error| state.not_sent(error))
            }
            _ => Err(ended()),
        }
    }

    pub(super) fn close(&self, close: Close) {
        self.lock().close = Some(close);
    }

    pub(super) fn release(&self) {
        let mut state = self.lock();
        state.released = true;
        state.wake_driver();
    }

    // A refresh.

    /// Begins to look at a credential. One at a time is.
    pub(super) fn begin_refresh(&self) -> Result<(), NotNow> {
        let now = self.timer.now();
        let mut state = self.lock();
        if state.socket.is_none() || state.is_over(now) {
            return Err(NotNow::Ended);
        }
        if state.refreshing {
            return Err(NotNow::InProgress);
        }
        state.refreshing = true;
        Ok(())
    }

    /// The credential of the layer at `place` is another one from now on, unless the socket has ended meanwhile.
    pub(super) fn swap(&self, user: Authenticated<U>, place: usize) -> Result<Option<SystemTime>, NotNow> {
        let now = self.timer.now();
        let mut state = self.lock();
        if state.socket.is_none() || state.is_over(now) {
            return Err(NotNow::Ended);
        }
        if let Some(end) = state.ends.get_mut(place) {
            *end = user.evidence().expires_at();
        }
        state.user = user;
        state.failures = 0;
        state.moved = true;
        state.wake_driver();
        Ok(state.ends_at())
    }

    /// Ends it, and makes room for the next.
    pub(super) fn end_refresh(&self, is_failure: bool) {
        let mut state = self.lock();
        state.refreshing = false;
        state.count_failure(is_failure);
    }

    /// A credential was presented that could not even be looked at.
    pub(super) fn fail(&self) {
        self.lock().count_failure(true);
    }

    // The driver's side.

    /// Completes with what there is to see to; sends what is queued meanwhile.
    pub(super) fn poll_event(&self, cx: &mut Context<'_>) -> Poll<Event> {
        let mut state = self.lock();
        if state.failures >= MAX_FAILURES {
            return Poll::Ready(Event::TooManyFailures);
        }
        if state.released {
            return Poll::Ready(Event::Released);
        }
        if std::mem::take(&mut state.moved) {
            return Poll::Ready(Event::Moved);
        }
        if let Some(presented) = state.presented.take() {
            return Poll::Ready(Event::Presented(presented));
        }
        state.poll_queue(cx);
        keep(&mut state.driver, cx);
        Poll::Pending
    }

    /// Queues a message of ours. If the peer has not read those before, it is left out.
    pub(super) fn queue(&self, message: Message) {
        let mut state = self.lock();
        if state.queue.len() < MAX_QUEUED {
            state.queue.push_back(message);
        }
        state.wake_driver();
    }

    /// Whoever waits for messages is woken, and waits anew if it still does: a wait that was given up is no reader.
    pub(super) fn ping(&self) {
        if let Some(receiver) = self.lock().receiver.take() {
            receiver.wake();
        }
        self.queue(Message::Ping(axum::body::Bytes::from_static(PING)));
    }

    pub(super) fn heard_at(&self) -> SystemTime {
        self.lock().heard_at
    }

    /// Whether somebody waits for messages, so that what has come would have been seen.
    pub(super) fn is_read(&self) -> bool {
        self.lock().receiver.is_some()
    }

    /// Takes the socket away from the handler's side.
    pub(super) fn take(&self) -> Taken {
        self.lock().take()
    }

    /// The same, if the credential has ended.
    pub(super) fn take_if_over(&self) -> Option<Taken> {
        let now = self.timer.now();
        let mut state = self.lock();
        state.is_over(now).then(|| state.take())
    }

    fn lock(&self) -> MutexGuard<'_, State<U>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<U> State<U> {
    fn ends_at(&self) -> Option<SystemTime> {
        self.ends.iter().flatten().min().copied()
    }

    fn is_over(&self, now: SystemTime) -> bool {
        self.ends.iter().flatten().any(|end| now >= *end)
    }

    fn present(&mut self, presented: Result<Credentials, Malformed>) {
        // Who does not wait for the answer presents too many.
        if self.presented.is_some() || self.refreshing {
            self.count_failure(true);
        } else {
            self.presented = Some(presented);
        }
        self.wake_driver();
    }

    /// What an error ends the socket with. A connection that the peer has closed cannot be lost.
    fn close_for(&self, error: &Error) -> Option<Close> {
        finish::close_for(error).filter(|close| *close != Close::ABNORMAL || !self.closed_by_peer)
    }

    /// Something could not be sent. Where the connection is not to blame, the handler may go on.
    fn not_sent(&mut self, error: &Error) {
        if let Some(lost) = self.close_for(error).filter(|close| *close == Close::ABNORMAL) {
            self.close = Some(lost);
        }
    }

    fn count_failure(&mut self, is_failure: bool) {
        if is_failure {
            self.failures = self.failures.saturating_add(1);
            self.wake_driver();
        }
    }

    fn poll_queue(&mut self, cx: &mut Context<'_>) {
        let Some(socket) = self.socket.as_mut().filter(|_| self.unflushed || !self.queue.is_empty()) else {
            return;
        };
        let mut socket = Pin::new(&mut **socket);
        while !self.queue.is_empty() {
            match socket.as_mut().poll_ready(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(_)) => {
                    // It shows where the handler reads or sends.
                    self.queue.clear();
                    return self.wake_sender();
                }
                Poll::Pending => return,
            }
            if let Some(message) = self.queue.pop_front() {
                // An error shows there too.
                let _ = socket.as_mut().start_send(message);
            }
        }
        self.unflushed = socket.as_mut().poll_flush(cx).is_pending();
        // Whoever sends may have waited for the same socket, which keeps the last waker only.
        self.wake_sender();
    }

    fn wake_sender(&mut self) {
        if let Some(sender) = self.sender.take() {
            sender.wake();
        }
    }

    fn take(&mut self) -> Taken {
        for waker in [self.receiver.take(), self.sender.take()].into_iter().flatten() {
            waker.wake();
        }
        Taken { socket: self.socket.take(), close: self.close.take(), broken: self.broken }
    }

    fn wake_driver(&mut self) {
        if let Some(driver) = self.driver.take() {
            driver.wake();
        }
    }
}

fn keep(place: &mut Option<Waker>, cx: &Context<'_>) {
    match place {
        Some(waker) => waker.clone_from(cx.waker()),
        empty => *empty = Some(cx.waker().clone()),
    }
}

fn ended() -> Error {
    Error::new(tungstenite::Error::AlreadyClosed)
}
