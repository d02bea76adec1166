use std::{borrow::Cow, fmt, future::Future};

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
    dispatch::{OpenSocket, Opened},
    driver::{self, Admitted},
    refresh::Renewal,
    stream::AuthSocket,
};
use crate::{ConnectionId, Shutdown};

/// The buffer that every open socket holds, in bytes. axum's default of 128 KiB makes an idle socket cost as much.
pub(super) const BUFFER: usize = 4096;
/// The longest message, in bytes.
const MAX_MESSAGE: usize = 64 * 1024;
/// What may wait for a peer that does not read, in bytes: our answers to its pings too, which it can ask for without end.
const MAX_UNSENT: usize = 1024 * 1024;

/// The extractor for WebSocket handlers behind an [`AuthLayer`](crate::AuthLayer): axum's [`WebSocketUpgrade`], for a
/// user whom the chain has let in.
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
/// Messages that come are at most 64 KiB (then 1009 `too_big`), what waits to be sent at most 1 MiB, and buffers start at
/// 4 KiB.
///
/// Behind a [`FirstMessageLayer`](super::FirstMessageLayer) the handler runs after the first message, on a socket that is open
/// already.
#[must_use]
pub struct AuthWebSocketUpgrade<U> {
    handshake: Handshake,
    user: Authenticated<U>,
    context: SocketContext,
    renewal: Option<Renewal<U>>,
}

/// What a socket is made from.
enum Handshake {
    /// A request that asks for one.
    Asked(WebSocketUpgrade),
    /// It was opened before, to hear who its client is.
    Open(OpenSocket),
}

impl<U: Principal> AuthWebSocketUpgrade<U> {
    /// Who opens the socket.
    #[must_use]
    pub fn user(&self) -> &Authenticated<U> {
        &self.user
    }

    /// The public name of the socket.
    #[must_use]
    pub fn id(&self) -> ConnectionId {
        self.context.id()
    }

    /// The longest message, in bytes. Behind a [`FirstMessageLayer`](super::FirstMessageLayer) it is for that to say.
    pub fn max_message_size(self, bytes: usize) -> Self {
        self.map(|upgrade| upgrade.max_message_size(bytes).max_frame_size(bytes))
    }

    /// How much may wait to be sent, in bytes; 1 MiB by default. A longer message cannot be sent: it fails, and so does one
    /// that a peer leaves no room for, because it does not read. Less than 4097 counts as 4097, since a buffer of 4 KiB is
    /// filled first.
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

    /// The subprotocols that the client offers, without the one that held its token.
    pub fn requested_protocols(&self) -> impl Iterator<Item = &HeaderValue> {
        let asked = match &self.handshake {
            Handshake::Asked(upgrade) => Some(upgrade.requested_protocols()),
            Handshake::Open(_) => None,
        };
        asked.into_iter().flatten()
    }

    /// The subprotocol that is agreed on so far: what [`protocols`](Self::protocols) has found, or, behind a
    /// [`FirstMessageLayer`](super::FirstMessageLayer), what the socket was opened with.
    #[must_use]
    pub fn selected_protocol(&self) -> Option<&HeaderValue> {
        match &self.handshake {
            Handshake::Asked(upgrade) => upgrade.selected_protocol(),
            Handshake::Open(open) => open.protocol(),
        }
    }

    /// Accepts the handshake and runs `handler` on the socket.
    ///
    /// The future of the upgrade owns the socket and runs the handler and the credential's deadline side by side. When
    /// the credential ends, it closes the socket with 4401 `token_expired` and drops the handler, wherever that
    /// happens to wait; what has to be done on the way out belongs into a `Drop`. A handler that keeps its thread busy
    /// without awaiting delays this. One that panics closes the socket with 1011 `internal_error`. One that gives its
    /// socket up early may go on without it, until the credential ends.
    #[must_use = "to open the socket, this response must be returned"]
    pub fn on_upgrade<F, Fut>(mut self, handler: F) -> Response
    where
        F: FnOnce(AuthSocket<U>) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let is_offered = |name: &HeaderValue| self.requested_protocols().any(|offered| offered == name);
        let of_codec = self.context.codec.as_ref().and_then(|codec| codec.choose(is_offered));
        let own = of_codec.or_else(|| Some(self.context.subprotocol.clone()).filter(is_offered));
        if let Handshake::Asked(upgrade) = &mut self.handshake
            && upgrade.selected_protocol().is_none()
            && let Some(own) = own
        {
            upgrade.set_selected_protocol(own);
        }
        let Self { handshake, user, context, renewal } = self;
        // From here on the socket counts as open, so that nobody takes the server for drained in between.
        let shutdowns = context.shutdowns.iter().map(Shutdown::watch).collect();
        let mut admitted = Admitted { user, context, renewal, shutdowns, first: None };
        match handshake {
            Handshake::Asked(upgrade) => upgrade.on_upgrade(move |socket| driver::drive(socket, admitted, handler)),
            Handshake::Open(open) => match open.take() {
                Some(Opened { socket, first }) => {
                    admitted.first = first;
                    tokio::spawn(driver::drive(socket, admitted, handler));
                    StatusCode::SWITCHING_PROTOCOLS.into_response()
                }
                None => {
                    tracing::error!("a handler opens the same WebSocket twice");
                    StatusCode::INTERNAL_SERVER_ERROR.into_response()
                }
            },
        }
    }

    fn map(self, change: impl FnOnce(WebSocketUpgrade) -> WebSocketUpgrade) -> Self {
        let handshake = match self.handshake {
            Handshake::Asked(upgrade) => Handshake::Asked(change(upgrade)),
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
            None => Handshake::Asked(asked(parts, state).await?),
        };
        let context = parts.extensions.get::<SocketContext>().cloned().ok_or_else(|| {
            tracing::error!("a handler opens a WebSocket, but no `AuthLayer` is around its route");
            UpgradeRejection::NoLayer
        })?;
        let renewal = parts.extensions.get::<Renewal<U>>().cloned();
        Ok(Self { handshake, user, context, renewal })
    }
}

/// The handshake of a request, with small buffers.
pub(super) async fn asked<S: Send + Sync>(parts: &mut Parts, state: &S) -> Result<WebSocketUpgrade, UpgradeRejection> {
    check_handshake(parts)?;
    let upgrade = WebSocketUpgrade::from_request_parts(parts, state).await.map_err(|rejection| {
        tracing::debug!(%rejection, "no WebSocket handshake");
        UpgradeRejection::NoHandshake(Refusal::new(rejection.status(), "no_websocket_handshake"))
    })?;
    let upgrade = upgrade.read_buffer_size(BUFFER).write_buffer_size(BUFFER).max_write_buffer_size(MAX_UNSENT);
    Ok(upgrade.max_message_size(MAX_MESSAGE).max_frame_size(MAX_MESSAGE))
}

/// What axum leaves to the client's good will: the version (RFC 6455, 4.4), and that the key is one (4.2.1).
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

/// Why a socket could not be opened.
#[derive(Debug)]
#[non_exhaustive]
pub enum UpgradeRejection {
    /// Nobody is authenticated: an optional layer let the request on, or there is no layer.
    Nobody(AuthenticatedRejection),
    /// The request is no WebSocket handshake, or not one of version 13: 4xx.
    NoHandshake(Refusal),
    /// There is evidence, but no [`AuthLayer`](crate::AuthLayer) has prepared the handshake: 500.
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
