use std::{
    convert::Infallible,
    future::{Ready, ready},
    sync::Arc,
    task::{Context, Poll},
};

use auth_core::BoxError;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Collected, Empty, Full, combinators::UnsyncBoxBody};
use socketioxide::{layer::SocketIoLayer, service::SocketIoService, socket::Sid};
use tokio::io::{AsyncRead, AsyncWrite};
use tower_layer::Layer as _;
use tower_service::Service;

/// The body of a request to engine.io.
pub(super) type EngineBody = UnsyncBoxBody<Bytes, BoxError>;

/// engine.io, without an application behind it. Clones are one engine.io.
#[derive(Clone)]
pub(super) struct Engine {
    service: SocketIoService<NoApplication>,
    path: Arc<str>,
    /// The answer to everything.
    #[cfg(test)]
    answer: Option<Bytes>,
}

impl Engine {
    pub(super) fn new(layer: &SocketIoLayer, path: &str) -> Self {
        Self {
            service: layer.layer(NoApplication),
            path: path.into(),
            #[cfg(test)]
            answer: None,
        }
    }

    /// One that answers everything with this.
    #[cfg(test)]
    pub(super) fn that_answers(answer: &'static [u8]) -> Self {
        let (layer, _) = socketioxide::SocketIo::new_layer();
        Self { answer: Some(Bytes::from_static(answer)), ..Self::new(&layer, "/") }
    }

    /// Its path.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// The answer to a request of a client.
    pub(super) async fn call(&self, request: Request<EngineBody>) -> Response<Bytes> {
        #[cfg(test)]
        if let Some(answer) = &self.answer {
            return Response::new(answer.clone());
        }
        // It is always ready, since nothing is behind it.
        let Ok(response) = self.service.clone().call(request).await;
        let (head, body) = response.into_parts();
        let body = body.collect().await.map(Collected::to_bytes).unwrap_or_default();
        Response::from_parts(head, body)
    }

    /// Runs a session over a WebSocket, which `request` opened.
    pub(super) fn open<I>(&self, stream: I, request: Request<()>)
    where
        I: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        // Completes at once, since it goes on in a task of its own.
        drop(self.service.clone().call((stream, request)));
    }

    /// The answer to a request that we send on behalf of a client that polls.
    pub(super) async fn forge(&self, method: Method, sid: Sid, packet: &'static [u8]) -> Response<Bytes> {
        let body = Full::new(Bytes::from_static(packet)).map_err(|never| match never {}).boxed_unsync();
        let mut request = Request::new(body);
        *request.method_mut() = method;
        match format!("{}?EIO=4&transport=polling&sid={sid}", self.path).parse() {
            Ok(uri) => *request.uri_mut() = uri,
            Err(_) => return not_found(Bytes::new()),
        }
        self.call(request).await
    }
}

/// What is behind engine.io, for other paths. Their requests do not get here.
#[derive(Clone)]
pub(super) struct NoApplication;

impl Service<Request<EngineBody>> for NoApplication {
    type Response = Response<Empty<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<EngineBody>) -> Self::Future {
        ready(Ok(not_found(Empty::new())))
    }
}

fn not_found<B>(body: B) -> Response<B> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}
