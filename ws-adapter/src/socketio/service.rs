use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use auth_core::Principal;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::Body;
use pin_project_lite::pin_project;
use socketioxide::service::SocketIoService;
use tower_service::Service;

use super::{engine, layer::Shared, request::Place};
use crate::ResponseBody;

/// A Socket.IO service with a chain in front, around an application `S`; made by
/// [`SocketIoAuthLayer`](super::SocketIoAuthLayer).
pub struct SocketIoAuthService<S: Clone, U> {
    inner: SocketIoService<S>,
    shared: Arc<Shared<U>>,
}

impl<S: Clone, U> SocketIoAuthService<S, U> {
    pub(super) fn new(inner: SocketIoService<S>, shared: Arc<Shared<U>>) -> Self {
        Self { inner, shared }
    }
}

impl<S: Clone, U> Clone for SocketIoAuthService<S, U> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), shared: Arc::clone(&self.shared) }
    }
}

impl<S: Clone, U> fmt::Debug for SocketIoAuthService<S, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SocketIoAuthService").field("chain", &self.shared.gate.chain).finish_non_exhaustive()
    }
}

impl<S, U, B, R, E, F> Service<Request<B>> for SocketIoAuthService<S, U>
where
    SocketIoService<S>: Service<Request<B>, Response = Response<R>, Error = E, Future = F>,
    S: Clone + Send + 'static,
    U: Principal,
    B: From<Bytes> + Send + 'static,
    R: Body<Data = Bytes> + Send + 'static,
    F: Future<Output = Result<Response<R>, E>> + Send + 'static,
    E: Send + 'static,
{
    type Response = Response<ResponseBody<R>>;
    type Error = E;
    type Future = ResponseFuture<F, R, E>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), E>> {
        Service::<Request<B>>::poll_ready(&mut self.inner, cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let state = match Place::of(request.uri().path(), &self.shared.path) {
            Place::Elsewhere => State::Passing { response: Service::<Request<B>>::call(&mut self.inner, request) },
            Place::Near => State::Near,
            Place::Engine => {
                // The service that was asked whether it is ready must be the one that is called.
                let clone = self.inner.clone();
                let service = std::mem::replace(&mut self.inner, clone);
                let answer = engine::answer(Arc::clone(&self.shared), service, request);
                State::Answering { answer: Box::pin(answer) }
            }
        };
        ResponseFuture { state }
    }
}

pin_project! {
    /// The future of [`SocketIoAuthService`].
    pub struct ResponseFuture<F, R, E> {
        #[pin]
        state: State<F, R, E>,
    }
}

type Answer<R, E> = Pin<Box<dyn Future<Output = Result<Response<ResponseBody<R>>, E>> + Send>>;

pin_project! {
    #[project = StateProj]
    enum State<F, R, E> {
        Passing { #[pin] response: F },
        Answering { answer: Answer<R, E> },
        Near,
    }
}

impl<F, R, E> Future for ResponseFuture<F, R, E>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = Result<Response<ResponseBody<R>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(match self.project().state.project() {
            StateProj::Passing { response } => Ok(ready!(response.poll(cx))?.map(ResponseBody::inner)),
            StateProj::Answering { answer } => ready!(answer.as_mut().poll(cx)),
            StateProj::Near => {
                let mut response = Response::new(ResponseBody::refusal(Bytes::new()));
                *response.status_mut() = StatusCode::NOT_FOUND;
                Ok(response)
            }
        })
    }
}

impl<F, R, E> fmt::Debug for ResponseFuture<F, R, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
