use std::{
    fmt,
    future::Future,
    mem,
    sync::Arc,
    task::{Context, Poll},
};

use auth_core::Principal;
use bytes::Bytes;
use http::{Request, Response};
use tower_service::Service;

use super::{Bodies, Door, ResponseBody, ResponseFuture, Untouched, future::PassedRequest};

/// A service behind a chain; made by [`AuthLayer`](crate::AuthLayer).
///
/// `M` says which request bodies it takes; see [`Bodies`].
pub struct Auth<S, U, M = Untouched> {
    inner: S,
    door: Arc<Door<U, M>>,
}

impl<S, U, M> Auth<S, U, M> {
    pub(crate) fn new(inner: S, door: &Arc<Door<U, M>>) -> Self {
        Self { inner, door: Arc::clone(door) }
    }

    /// Takes the service on which `poll_ready` was called, because that one must be called. A clone replaces it.
    pub(crate) fn take_ready(&mut self) -> (S, Arc<Door<U, M>>)
    where
        S: Clone,
    {
        let clone = self.inner.clone();
        (mem::replace(&mut self.inner, clone), Arc::clone(&self.door))
    }
}

impl<S: Clone, U, M> Clone for Auth<S, U, M> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), door: Arc::clone(&self.door) }
    }
}

impl<S, U, M> fmt::Debug for Auth<S, U, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auth").field("chain", self.door.chain()).finish_non_exhaustive()
    }
}

impl<S, U, M, B, R> Service<Request<B>> for Auth<S, U, M>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
    U: Principal,
    M: Bodies<B>,
    B: Send + 'static,
{
    type Response = Response<ResponseBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (service, door) = self.take_ready();
        ResponseFuture::new(Box::pin(pass_or_respond(door, request)), service)
    }
}

/// Decides about a request. Prepares it for the inner service, or makes the response.
fn pass_or_respond<U, M, B>(
    door: Arc<Door<U, M>>,
    request: Request<B>,
) -> impl Future<Output = Result<PassedRequest<B>, Response<Bytes>>> + Send
where
    U: Principal,
    M: Bodies<B>,
    B: Send + 'static,
{
    let (mut parts, mut body) = request.into_parts();
    async move {
        // Answered after the match, so that the future does not hold the result of `pass` beside it. The future takes 1,008 bytes: glibc
        // serves blocks over 1,032 from a slower path, which cost a tenth of a request.
        let refused = match door.pass(&mut parts, &mut body).await {
            Ok(additions) => return Ok(PassedRequest { request: Request::from_parts(parts, body), additions }),
            Err(refused) => refused,
        };
        Err(door.respond(parts, refused).await)
    }
}
