use std::{
    fmt,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use auth_core::Authenticated;
use axum::{
    Error,
    extract::ws::{Message, WebSocket},
};
use futures_util::{Sink, SinkExt, Stream, StreamExt as _};
use http::HeaderValue;

use super::{Lifetime, driver};
use crate::Close;

/// An open WebSocket of an authenticated user, which ends when the credential does.
///
/// It is a [`Stream`] and a [`Sink`] of messages, and may be moved into another task or split; wherever it is, it ends
/// in time. Once it has ended, [`recv`](Self::recv) gives `None` and [`send`](Self::send) an error.
pub struct AuthSocket<U> {
    shared: Arc<Shared>,
    user: Authenticated<U>,
    lifetime: Lifetime,
    protocol: Option<HeaderValue>,
}

impl<U> AuthSocket<U> {
    pub(super) fn new(socket: WebSocket, user: Authenticated<U>, lifetime: Lifetime) -> (Self, Arc<Shared>) {
        let protocol = socket.protocol().cloned();
        let shared = Arc::new(Shared(Mutex::new(State { socket: Some(socket), ..State::default() })));
        (Self { shared: Arc::clone(&shared), user, lifetime, protocol }, shared)
    }

    /// Who opened it.
    #[must_use]
    pub fn user(&self) -> &Authenticated<U> {
        &self.user
    }

    /// The subprotocol that was agreed on.
    #[must_use]
    pub fn protocol(&self) -> Option<&HeaderValue> {
        self.protocol.as_ref()
    }

    /// The next message; `None` once the socket has ended: by a close, an error or the end of the credential.
    ///
    /// Who wants to see the error polls the [`Stream`].
    pub async fn recv(&mut self) -> Option<Message> {
        let message = self.next().await?;
        message.inspect_err(|error| tracing::debug!(%error, "a socket broke")).ok()
    }

    /// Sends a message.
    ///
    /// # Errors
    /// If the socket has ended.
    pub async fn send(&mut self, message: Message) -> Result<(), Error> {
        SinkExt::send(self, message).await
    }

    /// Ends the socket now, with a code and a reason of the handler's own. To drop it ends it with 1000.
    pub fn close(self, close: Close) {
        self.shared.lock().close = Some(close);
    }

    fn poll_socket<T>(
        &self,
        cx: &mut Context<'_>,
        side: fn(&mut State) -> &mut Option<Waker>,
        poll: impl FnOnce(Pin<&mut WebSocket>, &mut Context<'_>) -> Poll<T>,
    ) -> Poll<Option<T>> {
        let mut state = self.shared.lock();
        let Some(socket) = &mut state.socket else {
            return Poll::Ready(None);
        };
        let polled = poll(Pin::new(socket), cx);
        if polled.is_pending() {
            // The driver wakes whoever waits when it takes the socket away.
            match side(&mut state) {
                Some(waker) => waker.clone_from(cx.waker()),
                empty => *empty = Some(cx.waker().clone()),
            }
        }
        polled.map(Some)
    }

    fn poll_send<T>(
        &self,
        cx: &mut Context<'_>,
        poll: impl FnOnce(Pin<&mut WebSocket>, &mut Context<'_>) -> Poll<Result<T, Error>>,
    ) -> Poll<Result<T, Error>> {
        self.poll_socket(cx, |state| &mut state.sender, poll)
            .map(|sent| sent.unwrap_or_else(|| Err(Error::new(tungstenite::Error::AlreadyClosed))))
    }
}

impl<U> Stream for AuthSocket<U> {
    type Item = Result<Message, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let message = std::task::ready!(self.poll_socket(cx, |state| &mut state.receiver, Stream::poll_next));
        let message = message.flatten();
        if let Some(Err(error)) = &message {
            let mut state = self.shared.lock();
            state.broken = true;
            state.close = driver::close_for(error);
        }
        // Between the deadline and the moment at which the driver gets to run, nothing comes in or goes out.
        Poll::Ready(message.filter(|_| !self.lifetime.is_over()))
    }
}

impl<U> Sink<Message> for AuthSocket<U> {
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.poll_send(cx, Sink::poll_ready)
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        match &mut self.shared.lock().socket {
            Some(socket) if !self.lifetime.is_over() => Pin::new(socket).start_send(message),
            _ => Err(Error::new(tungstenite::Error::AlreadyClosed)),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.poll_send(cx, Sink::poll_flush)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.poll_send(cx, Sink::poll_close)
    }
}

impl<U> Drop for AuthSocket<U> {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.released = true;
        if let Some(driver) = state.driver.take() {
            driver.wake();
        }
    }
}

impl<U> fmt::Debug for AuthSocket<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthSocket").field("user", &self.user).finish_non_exhaustive()
    }
}

/// The socket, between the handler that uses it and the driver that ends it. The lock is held during a poll only.
pub(super) struct Shared(Mutex<State>);

#[derive(Default)]
struct State {
    /// `None` once the driver has taken it away.
    socket: Option<WebSocket>,
    /// What the handler, or an error, wants it to be closed with.
    close: Option<Close>,
    /// Whether an error has ended the stream, so that the peer's answer to our close can no longer be read.
    broken: bool,
    /// Whether the handler's side is gone.
    released: bool,
    receiver: Option<Waker>,
    sender: Option<Waker>,
    driver: Option<Waker>,
}

/// What the driver finds when the socket is to end.
pub(super) struct Taken {
    pub(super) socket: Option<WebSocket>,
    pub(super) close: Option<Close>,
    pub(super) broken: bool,
}

impl Shared {
    /// Completes when the handler's side is gone.
    pub(super) async fn released(&self) {
        std::future::poll_fn(|cx| {
            let mut state = self.lock();
            if state.released {
                return Poll::Ready(());
            }
            state.driver = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// Takes the socket away from the handler's side.
    pub(super) fn take(&self) -> Taken {
        let mut state = self.lock();
        for waker in [state.receiver.take(), state.sender.take()].into_iter().flatten() {
            waker.wake();
        }
        Taken { socket: state.socket.take(), close: state.close.take(), broken: state.broken }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
