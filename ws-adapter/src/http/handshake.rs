use auth_core::{Authenticated, Principal, Refusal, Transport, async_trait};
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header::SEC_WEBSOCKET_PROTOCOL, request::Parts};

/// Handles WebSocket handshakes, after the layer has decided about them.
#[async_trait]
pub(crate) trait OnHandshake<U: Principal>: Send + Sync {
    /// Whether an optional layer lets a handshake without a credential pass.
    fn admits_anonymous(&self) -> bool;

    /// Prepares an admitted handshake for the handler that opens the socket, or refuses it.
    async fn admitted(&self, user: Option<&Authenticated<U>>, parts: &mut Parts) -> Result<(), Refusal>;

    /// Answers a refused handshake. With `None`, the layer makes the response.
    async fn refused(&self, parts: &mut Parts, refusal: &Refusal) -> Option<Response<Bytes>>;

    /// The subprotocol to answer if the handler chooses none.
    fn answered(&self, parts: &Parts) -> Option<HeaderValue>;
}

/// Why a request does not pass.
pub(crate) struct Refused {
    pub(crate) transport: Transport,
    pub(crate) refusal: Refusal,
}

/// The subprotocol to answer if the handler chooses none.
pub(super) struct Subprotocol {
    pub(super) name: HeaderValue,
    /// The status that accepts the handshake.
    pub(super) accepted: StatusCode,
}

impl Subprotocol {
    pub(super) fn add_to<R>(self, response: &mut Response<R>) {
        if response.status() == self.accepted {
            response.headers_mut().entry(SEC_WEBSOCKET_PROTOCOL).or_insert(self.name);
        }
    }
}
