use std::{
    borrow::Cow,
    fmt,
    future::{Future, ready},
    sync::Arc,
};

use auth_core::{Authenticated, AuthenticatedRejection, Principal, Refusal, Transport};
use axum::{
    body::Body,
    extract::{FromRequestParts, WebSocketUpgrade},
    response::{IntoResponse, Response},
};
use http::{
    HeaderValue, StatusCode,
    header::{SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION},
    request::Parts,
};

use super::{
    context::SocketContext,
    dispatch::OpenSocket,
    refresh_context::RefreshContext,
    stream::AuthSocket,
    task::{self, AdmittedSocket},
};
use crate::{ConnectionId, Shutdown};

/// The buffer of an open socket, in bytes. With axum's default, each idle socket takes 128 KiB.
pub(super) const BUFFER: usize = 4096;
/// The longest message, in bytes.
const MAX_MESSAGE: usize = 64 * 1024;
/// How many bytes may wait for a peer that does not read. Pongs count too: a peer can ask for any number of them.
const MAX_UNSENT: usize = 1024 * 1024;

/// The extractor for WebSocket handlers behind an [`AuthLayer`](crate::AuthLayer): axum's [`WebSocketUpgrade`] with an
/// authenticated user.
///
/// Route it with [`any`](axum::routing::any): HTTP/1.1 opens sockets with `GET`, HTTP/2 with `CONNECT`.
///
/// ```
/// use axum::response::Response;
/// use ws_adapter::AuthWebSocketUpgrade;
///
/// # struct User;
/// # impl auth_core::Principal for User { fn principal_id(&self) -> Option<auth_core::PrincipalId> { None } }
/// async fn echo(ws: AuthWebSocketUpgrade<User>) -> Response {
///     ws.on_upgrade(|mut socket| async move {
///         while let Some(message) = socket.recv().await {
///             if socket.send(message).await.is_err() {
///                 break;
///             }
///         }
///     })
/// }
/// ```
///
/// A message from the peer may have 64 KiB; a longer one closes the socket with 1009 `too_big`. At most 1 MiB may wait to be
/// sent. Buffers start at 4 KiB.
///
/// Behind a [`FirstMessageLayer`](super::FirstMessageLayer) the handler runs after the first message, on a socket that is
/// already open.
#[must_use]
pub struct AuthWebSocketUpgrade<U> {
    handshake: Handshake,
    user: Authenticated<U>,
    context: SocketContext,
    refresh_context: Option<Arc<RefreshContext<U>>>,
}

enum Handshake {
    /// Not answered yet.
    Requested(WebSocketUpgrade),
    /// A [`FirstMessageLayer`](super::FirstMessageLayer) has opened the socket.
    Open(OpenSocket),
}

impl<U: Principal> AuthWebSocketUpgrade<U> {
    /// The user who opens the socket.
    #[must_use]
    pub fn user(&self) -> &Authenticated<U> {
        &self.user
    }

    /// The public id of the connection.
    #[must_use]
    pub fn id(&self) -> ConnectionId {
        self.context.id()
    }

    /// The longest message, in bytes; 64 KiB by default. Has no effect behind a
    /// [`FirstMessageLayer`](super::FirstMessageLayer), which has a limit of its own.
    pub fn max_message_size(self, bytes: usize) -> Self {
        self.map(|upgrade| upgrade.max_message_size(bytes).max_frame_size(bytes))
    }

    /// How many bytes may wait to be sent; 1 MiB by default. Sending fails if a message is longer, or if it does not fit
    /// because the peer does not read. The minimum is 4097, because a buffer of 4 KiB is filled first.
    pub fn max_unsent(self, bytes: usize) -> Self {
        let bytes = bytes.max(BUFFER + 1);
        self.map(|upgrade| upgrade.max_write_buffer_size(bytes))
    }

    /// The subprotocols that the handler speaks, in order of preference; see [`WebSocketUpgrade::protocols`].
    pub fn protocols<I>(self, protocols: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<Cow<'static, str>>,
    {
        self.map(|upgrade| upgrade.protocols(protocols))
    }

    /// The subprotocols that the client offers, without the one that holds its token.
    pub fn requested_protocols(&self) -> impl Iterator<Item = &HeaderValue> {
        let requested = match &self.handshake {
            Handshake::Requested(upgrade) => Some(upgrade.requested_protocols()),
            Handshake::Open(_) => None,
        };
        requested.into_iter().flatten()
    }

    /// The subprotocol chosen so far, by [`protocols`](Self::protocols) or by a
    /// [`FirstMessageLayer`](super::FirstMessageLayer).
    #[must_use]
    pub fn selected_protocol(&self) -> Option<&HeaderValue> {
        match &self.handshake {
            Handshake::Requested(upgrade) => upgrade.selected_protocol(),
            Handshake::Open(open) => open.protocol(),
        }
    }

    /// Accepts the handshake and runs `handler` on the socket.
    ///
    /// When the credential ends, the socket is closed with 4401 `token_expired` and the handler is dropped at its current
    /// await point. Put cleanup into a `Drop`. A handler that blocks its thread delays the end. A handler that panics closes
    /// the socket with 1011 `internal_error`. A handler that drops the socket early may continue until the credential ends.
    ///
    /// A handler may move the socket to another task and return. A handler of more than 256 bytes is then freed; a smaller one
    /// keeps its memory as long as the socket is open.
    #[must_use = "to open the socket, this response must be returned"]
    pub fn on_upgrade<F, Fut>(mut self, handler: F) -> Response
    where
        F: FnOnce(AuthSocket<U>) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let is_offered = |name: &HeaderValue| self.requested_protocols().any(|offered| offered == name);
        let codecs = self.context.codec.as_ref().and_then(|codec| codec.choose(is_offered));
        let default = codecs.or_else(|| Some(self.context.subprotocol.clone()).filter(is_offered));
        if let Handshake::Requested(upgrade) = &mut self.handshake
            && upgrade.selected_protocol().is_none()
            && let Some(default) = default
        {
            upgrade.set_selected_protocol(default);
        }
        let Self { handshake, user, context, refresh_context } = self;
        // The socket counts as open from here on, so that a shutdown does not count as complete in between.
        let shutdowns = context.shutdowns.iter().map(Shutdown::watch).collect();
        let mut admitted = AdmittedSocket { user, context, refresh_context, shutdowns, first: None };
        match handshake {
            // The driver gets a task of its own. That of axum keeps room for the handshake, the socket and all that is moved into
            // the driver, 1.3 KB, as long as it runs.
            Handshake::Requested(upgrade) => upgrade.on_upgrade(move |socket| {
                task::spawn(socket, admitted, handler);
                ready(())
            }),
            Handshake::Open(open) => match open.take() {
                Some((socket, first)) => {
                    admitted.first = first;
                    task::spawn(socket, admitted, handler);
                    StatusCode::SWITCHING_PROTOCOLS.into_response()
                }
                None => {
                    tracing::error!("a handler opened the same WebSocket twice");
                    StatusCode::INTERNAL_SERVER_ERROR.into_response()
                }
            },
        }
    }

    fn map(self, change: impl FnOnce(WebSocketUpgrade) -> WebSocketUpgrade) -> Self {
        let handshake = match self.handshake {
            Handshake::Requested(upgrade) => Handshake::Requested(change(upgrade)),
            open @ Handshake::Open(_) => open,
        };
        Self { handshake, ..self }
    }
}

impl<U> fmt::Debug for AuthWebSocketUpgrade<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthWebSocketUpgrade").field("user", &self.user).finish_non_exhaustive()
    }
}

impl<U: Principal, S: Send + Sync> FromRequestParts<S> for AuthWebSocketUpgrade<U> {
    type Rejection = UpgradeRejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, UpgradeRejection> {
        let user = <Authenticated<U> as FromRequestParts<S>>::from_request_parts(parts, state)
            .await
            .map_err(UpgradeRejection::Nobody)?;
        let handshake = match parts.extensions.get::<OpenSocket>().cloned() {
            Some(open) => Handshake::Open(open),
            None => Handshake::Requested(extract_upgrade(parts, state).await?),
        };
        let context = parts.extensions.get::<SocketContext>().cloned().ok_or_else(|| {
            tracing::error!("a handler opens a WebSocket, but no `AuthLayer` is around its route");
            UpgradeRejection::NoLayer
        })?;
        let refresh_context = parts.extensions.get::<Arc<RefreshContext<U>>>().cloned();
        Ok(Self { handshake, user, context, refresh_context })
    }
}

/// Extracts the handshake of a request, with small buffers.
pub(super) async fn extract_upgrade<S: Send + Sync>(
    parts: &mut Parts,
    state: &S,
) -> Result<WebSocketUpgrade, UpgradeRejection> {
    check_handshake(parts)?;
    let upgrade = WebSocketUpgrade::from_request_parts(parts, state).await.map_err(|rejection| {
        tracing::debug!(%rejection, "not a WebSocket handshake");
        UpgradeRejection::NoHandshake(Refusal::new(rejection.status(), "no_websocket_handshake"))
    })?;
    let upgrade = upgrade.read_buffer_size(BUFFER).write_buffer_size(BUFFER).max_write_buffer_size(MAX_UNSENT);
    Ok(upgrade.max_message_size(MAX_MESSAGE).max_frame_size(MAX_MESSAGE))
}

/// Checks what axum does not: that the version is 13 (RFC 6455, 4.4) and that the key is valid (4.2.1).
fn check_handshake(parts: &Parts) -> Result<(), UpgradeRejection> {
    let refuse = |status, code| Err(UpgradeRejection::NoHandshake(Refusal::new(status, code)));
    let version = parts.headers.get(SEC_WEBSOCKET_VERSION);
    if version.is_some_and(|version| version != VERSION) {
        return refuse(StatusCode::UPGRADE_REQUIRED, "websocket_version");
    }
    // Sixteen bytes in base64. HTTP/2 has no key.
    let is_key = |key: &HeaderValue| {
        let text = key.as_bytes().strip_suffix(b"==").unwrap_or_default();
        text.len() == 22 && text.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/'))
    };
    match parts.headers.get(SEC_WEBSOCKET_KEY) {
        Some(key) if !is_key(key) => refuse(StatusCode::BAD_REQUEST, "websocket_key"),
        _ => Ok(()),
    }
}

const VERSION: &str = "13";

/// Why [`AuthWebSocketUpgrade`] could not be extracted.
#[derive(Debug)]
#[non_exhaustive]
pub enum UpgradeRejection {
    /// The request has no user: the layer is optional, or there is none.
    Nobody(AuthenticatedRejection),
    /// The request is not a WebSocket handshake of version 13: 4xx.
    NoHandshake(Refusal),
    /// The request has a user, but no [`AuthLayer`](crate::AuthLayer) has prepared the handshake: 500.
    NoLayer,
}

impl IntoResponse for UpgradeRejection {
    fn into_response(self) -> Response {
        let refusal = match self {
            Self::Nobody(rejection) => return rejection.into_response(),
            Self::NoHandshake(refusal) => {
                refusal.log_once(Transport::WebSocket);
                refusal
            }
            Self::NoLayer => Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error"),
        };
        let mut response = refusal.to_response().map(Body::from);
        if refusal.status() == StatusCode::UPGRADE_REQUIRED {
            response.headers_mut().insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static(VERSION));
        }
        response
    }
}
