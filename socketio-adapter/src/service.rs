use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use auth_core::{BoxError, Principal};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::Body;
use http_body_util::BodyExt as _;
use pin_project_lite::pin_project;
use tower_service::Service;
use ws_adapter::ResponseBody;

use super::{answer::answer, request::Route, server::Server};

/// A Socket.IO server behind a chain, around an application `S`; made by
/// [`SocketIoAuthLayer`](super::SocketIoAuthLayer).
pub struct SocketIoAuthService<S, U> {
    inner: S,
    server: Arc<Server<U>>,
}

impl<S, U> SocketIoAuthService<S, U> {
    pub(super) fn new(inner: S, server: Arc<Server<U>>) -> Self {
        Self { inner, server }
    }
}

impl<S: Clone, U> Clone for SocketIoAuthService<S, U> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), server: Arc::clone(&self.server) }
    }
}

impl<S, U> fmt::Debug for SocketIoAuthService<S, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SocketIoAuthService").field("path", &self.server.engine.path()).finish_non_exhaustive()
    }
}

impl<S, U, B, R> Service<Request<B>> for SocketIoAuthService<S, U>
where
    S: Service<Request<B>, Response = Response<R>>,
    U: Principal,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<ResponseBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let state = match Route::of(request.uri().path(), self.server.engine.path()) {
            Route::Elsewhere => State::Passing { response: self.inner.call(request) },
            Route::Near => State::Near,
            Route::Engine => {
                let request = request.map(|body| body.map_err(Into::into).boxed_unsync());
                State::Answering { answer: Box::pin(answer(Arc::clone(&self.server), request)) }
            }
        };
        ResponseFuture { state }
    }
}

pin_project! {
    /// The future of [`SocketIoAuthService`].
    pub struct ResponseFuture<F> {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F> {
        Passing { #[pin] response: F },
        Answering { answer: Pin<Box<dyn Future<Output = Response<Bytes>> + Send>> },
        Near,
    }
}

impl<F, R, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = Result<Response<ResponseBody<R>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(Ok(match self.project().state.project() {
            StateProj::Passing { response } => ready!(response.poll(cx))?.map(ResponseBody::inner),
            StateProj::Answering { answer } => ready!(answer.as_mut().poll(cx)).map(ResponseBody::refusal),
            StateProj::Near => {
                let mut response = Response::new(ResponseBody::refusal(Bytes::new()));
                *response.status_mut() = StatusCode::NOT_FOUND;
                response
            }
        }))
    }
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
