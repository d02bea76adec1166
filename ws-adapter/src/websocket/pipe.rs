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
    finish,
    writers::{Writer, Writers},
};
use crate::Close;

/// How many messages of ours may wait for a peer that does not read.
const MAX_QUEUED: usize = 8;
/// How much may be owed to a peer for its pings, in bytes, before it has to take it: no more is read until then.
const MAX_OWED: usize = 16 * 1024;
/// What an answer to a ping is longer than its payload, at the most.
const FRAME: usize = 4;

/// The WebSocket, what was read of it before the handler asked, and what we have to say over it ourselves.
pub(super) struct Pipe {
    /// `None` once the driver has taken it away.
    socket: Option<Box<WebSocket>>,
    /// What the handler reads next. One message is read ahead, and no more: a peer is not faster than the handler.
    ahead: Option<Result<Message, Error>>,
    queue: VecDeque<Message>,
    /// Whether the last of the queue is still on its way.
    unflushed: bool,
    /// How much of answers to pings may wait to be written.
    owed: usize,
    /// Whether nothing is read until the peer has taken what is owed to it.
    held_up: bool,
    writers: Arc<Writers>,
    /// The close that the handler, or an error, has chosen.
    close: Option<Close>,
    /// Whether an error has ended the stream, so that the peer's answer to our close can no longer be read.
    broken: bool,
    /// Whether the peer has closed it. Then the connection cannot be lost any more.
    closed_by_peer: bool,
    /// Whether the peer is known to be gone.
    gone: bool,
}

/// What the driver finds when the socket is to end.
pub(super) struct Taken {
    pub(super) socket: Option<Box<WebSocket>>,
    pub(super) close: Option<Close>,
    pub(super) broken: bool,
}

impl Pipe {
    pub(super) fn new(socket: WebSocket) -> Self {
        Self {
            socket: Some(Box::new(socket)),
            ahead: None,
            queue: VecDeque::new(),
            unflushed: false,
            owed: 0,
            held_up: false,
            writers: Arc::default(),
            close: None,
            broken: false,
            closed_by_peer: false,
            gone: false,
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.socket.is_some()
    }

    /// Whether the peer has closed the connection, or lost it.
    pub(super) fn is_gone(&self) -> bool {
        self.gone
    }

    pub(super) fn has_ahead(&self) -> bool {
        self.ahead.is_some()
    }

    /// Whether what the peer says is heard: nothing that was read, or is owed, has to go first.
    pub(super) fn hears(&self) -> bool {
        self.ahead.is_none() && !self.held_up
    }

    pub(super) fn take_ahead(&mut self) -> Option<Result<Message, Error>> {
        self.ahead.take()
    }

    /// Keeps a message for the handler.
    pub(super) fn keep_ahead(&mut self, message: Result<Message, Error>) {
        self.ahead = Some(message);
    }

    /// What comes in next; `None` is the end.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Message, Error>>> {
        if self.owed > MAX_OWED {
            let flushed = self.poll_write(Writer::Reader, cx, |socket, cx| socket.poll_flush(cx));
            self.held_up = flushed.is_some_and(|flushed| flushed.is_pending());
            if self.held_up {
                return Poll::Pending;
            }
            self.owed = 0;
        }
        let Some(socket) = &mut self.socket else {
            return Poll::Ready(None);
        };
        let message = std::task::ready!(Pin::new(&mut **socket).poll_next(cx));
        match &message {
            Some(Ok(Message::Close(_))) => (self.closed_by_peer, self.gone) = (true, true),
            Some(Ok(Message::Ping(payload))) => self.owed += payload.len() + FRAME,
            Some(Ok(_)) => {}
            Some(Err(error)) => {
                (self.broken, self.gone) = (true, true);
                self.close = self.close_for(error).or(self.close.take());
            }
            None => self.gone = true,
        }
        Poll::Ready(message)
    }

    /// Lets `write` write. Notes an error that shows a lost connection.
    pub(super) fn write<T>(
        &mut self,
        write: impl FnOnce(Pin<&mut WebSocket>) -> T,
        error: impl Fn(&T) -> Option<&Error>,
    ) -> Option<T> {
        let written = write(Pin::new(&mut **self.socket.as_mut()?));
        if let Some(error) = error(&written) {
            let lost = self.close_for(error).filter(|close| *close == Close::ABNORMAL);
            // Where the peer has closed it, or the connection is not to blame, the handler may go on.
            if lost.is_some() {
                (self.close, self.gone) = (lost, true);
            }
        }
        Some(written)
    }

    /// The same for what may have to wait.
    pub(super) fn poll_write<T>(
        &mut self,
        writer: Writer,
        cx: &Context<'_>,
        poll: impl FnOnce(Pin<&mut WebSocket>, &mut Context<'_>) -> Poll<Result<T, Error>>,
    ) -> Option<Poll<Result<T, Error>>> {
        let writers = Arc::clone(&self.writers);
        self.write(|socket| writers.poll(writer, cx, |cx| poll(socket, cx)), failed)
    }

    /// Queues a message of ours. If the peer has not read those before, it is left out.
    pub(super) fn queue(&mut self, message: Message) {
        if self.queue.len() < MAX_QUEUED {
            self.queue.push_back(message);
        }
    }

    /// Sends what is queued.
    pub(super) fn poll_queue(&mut self, cx: &Context<'_>) {
        while let Some(message) = self.queue.pop_front() {
            match self.poll_write(Writer::Driver, cx, |socket, cx| socket.poll_ready(cx)) {
                Some(Poll::Pending) => {
                    self.queue.push_front(message);
                    return;
                }
                Some(Poll::Ready(Ok(()))) => {
                    self.write(|socket| socket.start_send(message), |sent| sent.as_ref().err());
                    self.unflushed = true;
                }
                Some(Poll::Ready(Err(_))) | None => {
                    self.queue.clear();
                    self.unflushed = false;
                    return;
                }
            }
        }
        if self.unflushed {
            let flushed = self.poll_write(Writer::Driver, cx, |socket, cx| socket.poll_flush(cx));
            self.unflushed = flushed.is_some_and(|flushed| flushed.is_pending());
        }
    }

    pub(super) fn close(&mut self, close: Close) {
        self.close = Some(close);
    }

    /// Gives the socket away. Whoever waits to write is told.
    pub(super) fn take(&mut self) -> Taken {
        self.writers.wake_by_ref();
        Taken { socket: self.socket.take(), close: self.close.take(), broken: self.broken }
    }

    /// What an error ends the socket with. A connection that the peer has closed cannot be lost.
    fn close_for(&self, error: &Error) -> Option<Close> {
        finish::close_for(error).filter(|close| *close != Close::ABNORMAL || !self.closed_by_peer)
    }
}

/// The error of what was polled, if it is one.
fn failed<T>(polled: &Poll<Result<T, Error>>) -> Option<&Error> {
    match polled {
        Poll::Ready(Err(error)) => Some(error),
        _ => None,
    }
}
