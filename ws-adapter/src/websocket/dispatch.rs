use std::{
    future::poll_fn,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, PoisonError},
};

use axum::extract::ws::{Message, WebSocket};
use bytes::Bytes;
use futures_util::FutureExt as _;
use http::{HeaderValue, Request, Response, StatusCode, request::Parts};
use tower_service::Service;

use crate::Close;

/// A socket that is open before its handler runs, and the message with the credential if the handler receives it.
#[derive(Clone)]
pub(super) struct OpenSocket {
    socket: Arc<Mutex<Option<(WebSocket, Option<Message>)>>>,
    protocol: Option<HeaderValue>,
}

impl OpenSocket {
    pub(super) fn new(socket: WebSocket, first: Option<Message>) -> Self {
        let protocol = socket.protocol().cloned();
        Self { socket: Arc::new(Mutex::new(Some((socket, first)))), protocol }
    }

    /// `None` if it was taken before.
    pub(super) fn take(&self) -> Option<(WebSocket, Option<Message>)> {
        self.socket.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The negotiated subprotocol.
    pub(super) fn protocol(&self) -> Option<&HeaderValue> {
        self.protocol.as_ref()
    }
}

/// Calls the service. Returns the close for a socket that the service did not take.
pub(super) async fn dispatch<S, B, R>(mut service: S, mut parts: Parts, open: OpenSocket) -> Close
where
    S: Service<Request<B>, Response = Response<R>>,
    B: From<Bytes>,
{
    parts.extensions.insert(open);
    let answered = async {
        poll_fn(|cx| service.poll_ready(cx)).await?;
        service.call(Request::from_parts(parts, B::from(Bytes::new()))).await
    };
    // OK to assert unwind safety because nothing uses the future after a panic.
    match AssertUnwindSafe(answered).catch_unwind().await.map(|answered| answered.map(|response| response.status())) {
        Ok(Ok(StatusCode::SERVICE_UNAVAILABLE)) => Close::UNAVAILABLE,
        Ok(Ok(status)) if !status.is_server_error() => Close::FORBIDDEN,
        Ok(_) => Close::INTERNAL_ERROR,
        Err(_) => {
            tracing::error!("a route behind a first message panicked");
            Close::INTERNAL_ERROR
        }
    }
}
