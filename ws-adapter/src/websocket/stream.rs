use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::SystemTime,
};

use auth_core::{Authenticated, Principal, Secret};
use axum::{Error, extract::ws::Message};
use futures_util::{Sink, SinkExt, Stream, StreamExt as _};
use http::HeaderValue;

use super::{
    in_band::Credentials,
    refresh::{RefreshError, Renewal, refresh},
    shared::Shared,
};
use crate::{Close, ConnectionId};

/// An open WebSocket of an authenticated user, which ends when the credential does.
///
/// It is a [`Stream`] and a [`Sink`] of messages, and may be moved into another task or split; wherever it is, it ends
/// in time. A poll of the stream that is given up, as in a `select!`, looks for a second like one that waits: a peer that goes and a
/// fresh credential are noticed after that. [`recv`](Self::recv) tells at once when it is dropped. Once it has ended, [`recv`](Self::recv) gives `None` and [`send`](Self::send) an error.
///
/// # The subprotocol `auth.v1`
///
/// Where it was agreed on, text messages that are JSON objects with `"type":"auth"` are not handed to the handler: with
/// them the client presents a fresh credential, as in `{"type":"auth","scheme":"bearer","credentials":"…"}`. It is answered
/// `{"type":"auth_ok","ttl":900}`, in seconds, or `{"type":"auth_error","code":"invalid_credentials"}`; the third that
/// is wrong closes the socket with 4401 (one is forgiven every five minutes). A minute before the end the server says
/// `{"type":"auth_expiring","ttl":60}`.
/// Protocols that frame this themselves call [`refresh`](Self::refresh).
pub struct AuthSocket<U> {
    shared: Arc<Shared<U>>,
    id: ConnectionId,
    protocol: Option<HeaderValue>,
    renewal: Option<Renewal<U>>,
    /// A message that was read before the handler ran; it is received first.
    first: Option<Message>,
}

impl<U> AuthSocket<U> {
    pub(super) fn new(
        shared: Arc<Shared<U>>,
        id: ConnectionId,
        protocol: Option<HeaderValue>,
        renewal: Option<Renewal<U>>,
        first: Option<Message>,
    ) -> Self {
        Self { shared, id, protocol, renewal, first }
    }

    /// Whose it is: the evidence that it was opened with, or that of the last refresh.
    #[must_use]
    pub fn user(&self) -> Authenticated<U> {
        self.shared.user()
    }

    /// When it will end, unless it is refreshed; `None` is never.
    #[must_use]
    pub fn ends_at(&self) -> Option<SystemTime> {
        self.shared.ends_at()
    }

    /// Its public name.
    #[must_use]
    pub fn id(&self) -> ConnectionId {
        self.id
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
        let shared = Arc::clone(&self.shared);
        let _reading = Reading(&shared);
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

    /// Presents a fresh credential, which takes the place of the one so far: for protocols that frame it themselves.
    ///
    /// The chain sees it as `Authorization: <scheme> <credentials>` on the request that has opened the socket, with
    /// [`Transport::InBand`](auth_core::Transport::InBand). It must be of the same user (see
    /// [`Evidence::is_same_user`](auth_core::Evidence::is_same_user)) and not past its end. Gives the instant at which the
    /// socket now ends. The future may be dropped; then everything stays as it was.
    ///
    /// # Errors
    /// If the credential is not taken. The one so far goes on to hold; after the third that was wrong, the socket is
    /// closed with 4401 `invalid_credentials`. One is forgiven every five minutes; what succeeds gives nothing back.
    pub async fn refresh(&self, scheme: &str, credentials: &Secret) -> Result<Option<SystemTime>, RefreshError>
    where
        U: Principal,
    {
        match (Credentials::new(scheme, credentials.expose()), &self.renewal) {
            (Some(credentials), Some(renewal)) => refresh(&self.shared, renewal, credentials).await,
            _ => {
                self.shared.wrong();
                Err(RefreshError::malformed())
            }
        }
    }

    /// Ends the socket now, with a code and a reason of the handler's own. To drop it ends it with 1000.
    pub fn close(self, close: Close) {
        self.shared.close(close);
    }
}

/// A wait for a message. Where it is given up, as in a `select!`, the driver reads again.
struct Reading<'s, U>(&'s Shared<U>);

impl<U> Drop for Reading<'_, U> {
    fn drop(&mut self) {
        self.0.stop_reading();
    }
}

impl<U> Stream for AuthSocket<U> {
    type Item = Result<Message, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(first) = self.first.take()
            && !self.shared.has_ended()
        {
            return Poll::Ready(Some(Ok(first)));
        }
        self.shared.poll_message(cx)
    }
}

impl<U> Sink<Message> for AuthSocket<U> {
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.shared.poll_send(cx, Sink::poll_ready)
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
        f.debug_struct("AuthSocket").field("id", &self.id).field("user", &self.user()).finish_non_exhaustive()
    }
}
