use std::{
    fmt,
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::SystemTime,
};

use auth_core::{Authenticated, Principal, Secret};
use axum::{Error, extract::ws::Message};
use futures_util::{Sink, SinkExt, Stream, StreamExt as _};
use http::HeaderValue;

use super::{
    in_band::Credentials,
    refresh::{RefreshError, refresh},
    shared::SharedSocket,
};
use crate::{Close, ConnectionId};

/// An open WebSocket of an authenticated user. It ends when the credential ends.
///
/// If the end of the credential [may have moved](auth_core::EndCheck), receiving and sending wait at the known end until the
/// answer is there.
///
/// It is a [`Stream`] and a [`Sink`] of messages. It may be moved to another task or split, and still ends in time. After
/// that, [`recv`](Self::recv) returns `None` and [`send`](Self::send) an error.
///
/// In a `select!`, prefer [`recv`](Self::recv): the socket learns at once when it is dropped. An abandoned poll of the
/// [`Stream`] counts as waiting for another second. Only after that does the server notice a lost peer or a fresh credential
/// by itself.
///
/// # The subprotocol `auth.v1`
///
/// If client and server have agreed on it, the client can present a fresh credential in a text message:
/// `{"type":"auth","scheme":"bearer","credentials":"…"}`. The server answers `{"type":"auth_ok","ttl":900}`, in seconds, or
/// `{"type":"auth_error","code":"invalid_credentials"}`. The third wrong credential closes the socket with 4401; one is
/// forgiven every five minutes. A minute before the end the server sends `{"type":"auth_expiring","ttl":60}`. The handler
/// does not receive JSON objects with `"type":"auth"`.
///
/// If your protocol has its own message for this, call [`refresh`](Self::refresh).
pub struct AuthSocket<U> {
    shared: Arc<SharedSocket<U>>,
    /// A message that was read before the handler ran. The handler receives it first. It is boxed, because few sockets have one.
    first: Option<Box<Message>>,
}

impl<U> AuthSocket<U> {
    pub(super) fn new(shared: Arc<SharedSocket<U>>, first: Option<Message>) -> Self {
        Self { shared, first: first.map(Box::new) }
    }

    /// The user, with the evidence of the handshake or of the last refresh.
    #[must_use]
    pub fn user(&self) -> Authenticated<U> {
        self.shared.user()
    }

    /// When the socket ends, as far as known, unless it is refreshed; `None` means never.
    #[must_use]
    pub fn ends_at(&self) -> Option<SystemTime> {
        self.shared.ends_at()
    }

    /// The public id of the connection.
    #[must_use]
    pub fn id(&self) -> ConnectionId {
        self.shared.fixed().id.name()
    }

    /// The negotiated subprotocol.
    #[must_use]
    pub fn protocol(&self) -> Option<&HeaderValue> {
        self.shared.fixed().protocol.as_deref()
    }

    /// The next message. `None` once the socket has ended: after a close, an error or the end of the credential.
    ///
    /// To see the error, poll the [`Stream`].
    pub async fn recv(&mut self) -> Option<Message> {
        let reading = Reading(self);
        let message = poll_fn(move |cx| reading.0.poll_next_unpin(cx)).await?;
        message.inspect_err(|error| tracing::debug!(%error, "a socket broke")).ok()
    }

    /// Sends a message.
    ///
    /// # Errors
    /// If the socket has ended.
    pub fn send(&mut self, message: Message) -> impl Future<Output = Result<(), Error>> {
        // An async function would hold the message twice, in each handler that waits for it.
        SinkExt::send(self, message)
    }

    /// Replaces the credential with a fresh one, for protocols that have a message of their own for it.
    ///
    /// The chain sees `Authorization: <scheme> <credentials>` on the request that opened the socket, with
    /// [`Transport::InBand`](auth_core::Transport::InBand). The credential must belong to the same user (see
    /// [`Evidence::is_same_user`](auth_core::Evidence::is_same_user)) and must not be past its end. Returns when the socket now
    /// ends. The future is cancel safe: if it is dropped, nothing changes.
    ///
    /// # Errors
    /// If the credential is not accepted. The old one stays valid. The third wrong credential closes the socket with 4401
    /// `invalid_credentials`. One is forgiven every five minutes; a good credential does not reset the count.
    pub async fn refresh(&self, scheme: &str, credentials: &Secret) -> Result<Option<SystemTime>, RefreshError>
    where
        U: Principal,
    {
        match (Credentials::new(scheme, credentials.expose()), &self.shared.fixed().refresh_context) {
            (Some(credentials), Some(refresh_context)) => refresh(&self.shared, refresh_context, credentials).await,
            _ => {
                self.shared.wrong();
                Err(RefreshError::malformed())
            }
        }
    }

    /// Ends the socket now, with this code and reason. A socket that is dropped ends with 1000.
    pub fn close(self, close: Close) {
        self.shared.close(close);
    }
}

/// Reports when [`AuthSocket::recv`] completes or is dropped, as in a `select!`, so that the driver reads again.
struct Reading<'s, U>(&'s mut AuthSocket<U>);

impl<U> Drop for Reading<'_, U> {
    fn drop(&mut self) {
        self.0.shared.stop_reading();
    }
}

impl<U> Stream for AuthSocket<U> {
    type Item = Result<Message, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.first.is_some() {
            let is_open = ready!(self.shared.poll_open(cx));
            if let Some(first) = self.first.take().filter(|_| is_open) {
                return Poll::Ready(Some(Ok(*first)));
            }
        }
        self.shared.poll_message(cx)
    }
}

impl<U> Sink<Message> for AuthSocket<U> {
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.shared.poll_ready(cx)
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        self.shared.start_send(message)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.shared.poll_send(cx, Sink::poll_flush)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.shared.poll_send(cx, Sink::poll_close)
    }
}

impl<U> Drop for AuthSocket<U> {
    fn drop(&mut self) {
        self.shared.release();
    }
}

impl<U> fmt::Debug for AuthSocket<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthSocket").field("id", &self.id()).field("user", &self.user()).finish_non_exhaustive()
    }
}
