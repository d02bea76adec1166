use std::{
    collections::VecDeque,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Wake as _},
};

use axum::{
    Error,
    extract::ws::{Message, WebSocket},
};
use futures_util::{Sink as _, Stream as _};

use super::{
    finish::close_for_error,
    signals::{Signals, Writer},
};
use crate::Close;

/// How many of our own messages may wait for a peer that does not read.
const MAX_QUEUED: usize = 8;
/// How many bytes of pongs may wait to be written. Above this, nothing is read until the peer takes them.
const MAX_PONG_BYTES: u16 = 16 * 1024;
/// The longest header of a pong frame, in bytes.
const PONG_HEADER: usize = 4;

/// The WebSocket, the message that was read ahead of the handler, and our own messages that wait to be sent.
pub(super) struct Pipe {
    /// `None` once the driver has taken it.
    socket: Option<WebSocket>,
    /// The next message for the handler. Only one is read ahead, so that a peer can't outrun the handler. It is boxed, because
    /// few sockets have one.
    ahead: Option<Box<Result<Message, Error>>>,
    /// `None` if it is empty.
    #[expect(clippy::box_collection, reason = "few sockets have one, and it would take 24 bytes more in each")]
    queue: Option<Box<VecDeque<Message>>>,
    /// Whether a queued message was written but not flushed yet.
    unflushed: bool,
    /// How many bytes of pongs may wait to be written.
    pong_bytes: u16,
    /// Whether reading is paused until the peer takes the pongs.
    paused: bool,
    signals: Arc<Signals>,
    /// The close that the handler or an error has chosen.
    close: Option<Box<Close>>,
    /// Whether an error ended the stream. Then the peer's answer to our close can't be read.
    broken: bool,
    /// Whether the peer closed the socket. Then an error no longer means a lost connection.
    closed_by_peer: bool,
    /// Whether the peer is known to be gone.
    gone: bool,
}

/// What the driver takes out of the pipe when the socket ends.
pub(super) struct TakenSocket {
    pub(super) socket: Option<Box<WebSocket>>,
    pub(super) close: Option<Close>,
    pub(super) broken: bool,
}

impl Pipe {
    pub(super) fn new(socket: WebSocket, signals: Arc<Signals>) -> Self {
        Self {
            socket: Some(socket),
            ahead: None,
            queue: None,
            unflushed: false,
            pong_bytes: 0,
            paused: false,
            signals,
            close: None,
            broken: false,
            closed_by_peer: false,
            gone: false,
        }
    }

    pub(super) fn wake_driver(&self) {
        self.signals.wake_driver();
    }

    pub(super) fn is_open(&self) -> bool {
        self.socket.is_some()
    }

    /// Whether the peer closed the connection, or the connection is lost.
    pub(super) fn is_gone(&self) -> bool {
        self.gone
    }

    /// Whether a message was read ahead that has to stay. A ping or pong gives its place to the next message, so that a handler
    /// that does not come for it hides nothing from the driver.
    pub(super) fn is_full(&self) -> bool {
        self.ahead.as_deref().is_some_and(|message| !is_control(message))
    }

    /// Whether the next message of the peer can be read: there is a place for it, and reading is not paused.
    pub(super) fn can_read(&self) -> bool {
        !self.is_full() && !self.paused
    }

    pub(super) fn take_ahead(&mut self) -> Option<Result<Message, Error>> {
        self.ahead.take().map(|message| *message)
    }

    /// Keeps a message for the handler.
    pub(super) fn keep_ahead(&mut self, message: Result<Message, Error>) {
        self.ahead = Some(Box::new(message));
    }

    /// Reads the next message; `None` is the end.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Message, Error>>> {
        if self.pong_bytes > MAX_PONG_BYTES {
            let flushed = self.poll_write(Writer::Reader, cx, |socket, cx| socket.poll_flush(cx));
            self.paused = flushed.is_some_and(|flushed| flushed.is_pending());
            if self.paused {
                return Poll::Pending;
            }
            self.pong_bytes = 0;
        }
        let Some(socket) = &mut self.socket else {
            return Poll::Ready(None);
        };
        let message = std::task::ready!(Pin::new(socket).poll_next(cx));
        match &message {
            Some(Ok(Message::Close(_))) => (self.closed_by_peer, self.gone) = (true, true),
            Some(Ok(Message::Ping(payload))) => {
                let pong = u16::try_from(payload.len() + PONG_HEADER).unwrap_or(u16::MAX);
                self.pong_bytes = self.pong_bytes.saturating_add(pong);
            }
            Some(Ok(_)) => {}
            Some(Err(error)) => {
                (self.broken, self.gone) = (true, true);
                self.close = self.close_for(error).map(Box::new).or(self.close.take());
            }
            None => self.gone = true,
        }
        Poll::Ready(message)
    }

    /// Writes to the socket. Remembers an error that shows a lost connection. `None` if the driver has taken the socket.
    pub(super) fn write<T>(
        &mut self,
        write: impl FnOnce(Pin<&mut WebSocket>) -> T,
        error: impl Fn(&T) -> Option<&Error>,
    ) -> Option<T> {
        let written = write(Pin::new(self.socket.as_mut()?));
        if let Some(error) = error(&written) {
            let lost = self.close_for(error).filter(|close| *close == Close::ABNORMAL);
            // After any other error, or once the peer has closed the socket, the handler may continue.
            if lost.is_some() {
                (self.close, self.gone) = (lost.map(Box::new), true);
            }
        }
        Some(written)
    }

    /// As [`write`](Self::write), for a write that may have to wait.
    pub(super) fn poll_write<T>(
        &mut self,
        writer: Writer,
        cx: &Context<'_>,
        poll: impl FnOnce(Pin<&mut WebSocket>, &mut Context<'_>) -> Poll<Result<T, Error>>,
    ) -> Option<Poll<Result<T, Error>>> {
        let signals = Arc::clone(&self.signals);
        self.write(|socket| signals.poll_write(writer, cx, |cx| poll(socket, cx)), failed)
    }

    /// The handler waits to write until [`wake_writers`](Self::wake_writers).
    pub(super) fn wait_to_write(&self, cx: &Context<'_>) {
        let _ = self.signals.poll_write(Writer::Handler, cx, |_| Poll::<()>::Pending);
    }

    pub(super) fn wake_writers(&self) {
        self.signals.wake_by_ref();
    }

    /// Queues one of our own messages. It is dropped if the queue is full because the peer does not read.
    pub(super) fn queue(&mut self, message: Message) {
        let queue = self.queue.get_or_insert_default();
        if queue.len() < MAX_QUEUED {
            queue.push_back(message);
        }
    }

    /// Sends the queue.
    pub(super) fn poll_queue(&mut self, cx: &Context<'_>) {
        while let Some(message) = self.queue.as_mut().and_then(|queue| queue.pop_front()) {
            match self.poll_write(Writer::Driver, cx, |socket, cx| socket.poll_ready(cx)) {
                Some(Poll::Pending) => {
                    self.queue.get_or_insert_default().push_front(message);
                    return;
                }
                Some(Poll::Ready(Ok(()))) => {
                    self.write(|socket| socket.start_send(message), |sent| sent.as_ref().err());
                    self.unflushed = true;
                }
                Some(Poll::Ready(Err(_))) | None => {
                    self.queue = None;
                    self.unflushed = false;
                    return;
                }
            }
        }
        // An idle socket has nothing to send, and keeps no memory for it.
        self.queue = None;
        if self.unflushed {
            let flushed = self.poll_write(Writer::Driver, cx, |socket, cx| socket.poll_flush(cx));
            self.unflushed = flushed.is_some_and(|flushed| flushed.is_pending());
        }
    }

    pub(super) fn close(&mut self, close: Close) {
        self.close = Some(Box::new(close));
    }

    /// Takes the socket. Tasks that wait to write are woken.
    pub(super) fn take(&mut self) -> TakenSocket {
        self.wake_writers();
        TakenSocket {
            socket: self.socket.take().map(Box::new),
            close: self.close.take().map(|close| *close),
            broken: self.broken,
        }
    }

    /// The close for an error. A connection that the peer has closed does not count as lost.
    fn close_for(&self, error: &Error) -> Option<Close> {
        close_for_error(error).filter(|close| *close != Close::ABNORMAL || !self.closed_by_peer)
    }
}

fn failed<T>(polled: &Poll<Result<T, Error>>) -> Option<&Error> {
    match polled {
        Poll::Ready(Err(error)) => Some(error),
        _ => None,
    }
}

/// Whether it is a ping or pong, which tungstenite answers.
pub(super) fn is_control(message: &Result<Message, Error>) -> bool {
    matches!(message, Ok(Message::Ping(_) | Message::Pong(_)))
}
