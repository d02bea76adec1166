use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::{ResponseBody, door::Additions};

/// A request that passes, and what the layer adds to its response.
pub(super) struct PassedRequest<B> {
    pub(super) request: Request<B>,
    pub(super) additions: Additions,
}

/// The one box of the middleware: the chain's future has no name.
pub(super) type Passes<B> = Pin<Box<dyn Future<Output = Result<PassedRequest<B>, Response<Bytes>>> + Send>>;

pin_project! {
    /// The future of [`Auth`](crate::Auth).
    pub struct ResponseFuture<S, B>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: State<S, B>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, B>
    where
        S: Service<Request<B>>,
    {
        Deciding { passes: Passes<B>, service: S },
        Serving { #[pin] response: S::Future, additions: Option<Additions> },
    }
}

impl<S: Service<Request<B>>, B> ResponseFuture<S, B> {
    pub(super) fn new(passes: Passes<B>, service: S) -> Self {
        Self { state: State::Deciding { passes, service } }
    }
}

impl<S, B, R> Future for ResponseFuture<S, B>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Output = Result<Response<ResponseBody<R>>, S::Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            match self.as_mut().project().state.project() {
                StateProj::Deciding { passes, service } => match ready!(passes.as_mut().poll(cx)) {
                    Ok(PassedRequest { request, additions }) => {
                        let response = service.call(request);
                        self.as_mut().project().state.set(State::Serving { response, additions: Some(additions) });
                    }
                    Err(response) => return Poll::Ready(Ok(response.map(ResponseBody::refusal))),
                },
                StateProj::Serving { response, additions } => {
                    let mut response = ready!(response.poll(cx))?;
                    if let Some(additions) = additions.take() {
                        additions.add_to(&mut response);
                    }
                    return Poll::Ready(Ok(response.map(ResponseBody::inner)));
                }
            }
        }
    }
}

impl<S, B> fmt::Debug for ResponseFuture<S, B>
where
    S: Service<Request<B>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
