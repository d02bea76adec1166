use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use auth_core::{Principal, Refusal, Transport};
use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::{
    error::{SessionError, SessionErrorKind},
    handle::{Handle, Shared},
    presented::Presented,
    settings::CookieOut,
};

/// Gives each request its [`Session`](crate::Session), stores what has changed before the head of the response goes out, and
/// sets and removes the cookie. Made by [`Sessions::layer`](crate::Sessions::layer).
///
/// Put it outside of every layer that authenticates: a refusal then also removes a dead cookie. A response with `Set-Cookie` has
/// `Cache-Control: no-store`. If the changes are not stored, the handler's response is replaced: 503 `unavailable` if the store
/// fails, 409 `session_conflict` if other requests have filled the session or saved it each time, 409 `session_replaced` if another
/// tab has logged in. It has no cookie then, unless a login that is stored has just replaced the one of the browser.
///
/// # Security
/// It judges which page has sent the request, as [`Session`](crate::Session#security) says, and refuses nothing itself. A request
/// of a foreign page may read, and may do what needs no session: an API with bearer tokens works under this layer from every page.
///
/// # A removal that comes late
/// A response to a request with a dead cookie removes the cookie. If another tab logs in meanwhile, and its response reaches the
/// browser first, then the removal takes the fresh cookie: browsers can't remove a cookie only if it has a certain value. The user
/// logs in again. A cookie that was replaced in the last minute is not removed, so this concerns sessions that had ended before.
///
/// It reads no body and works with any tower service whose response body can be made of a `String`: those of axum, and
/// `Full<Bytes>`.
pub struct SessionLayer<U> {
    shared: Shared<U>,
}

impl<U> SessionLayer<U> {
    pub(crate) fn new(shared: Shared<U>) -> Self {
        Self { shared }
    }
}

impl<S, U> Layer<S> for SessionLayer<U> {
    type Service = SessionService<S, U>;

    fn layer(&self, inner: S) -> Self::Service {
        SessionService { inner, shared: self.shared.clone() }
    }
}

/// The service that [`SessionLayer`] makes.
pub struct SessionService<S, U> {
    inner: S,
    shared: Shared<U>,
}

impl<S, U, B, R> Service<Request<B>> for SessionService<S, U>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: From<String>,
    U: Principal,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, R, U>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        let settings = &self.shared.core.settings;
        let presented = Presented::read(&parts.headers, &settings.cookie_name);
        let handle = Handle::new(self.shared.clone(), presented, settings.refuse_foreign(&parts));
        parts.extensions.insert(handle.clone());
        let future = self.inner.call(Request::from_parts(parts, body));
        ResponseFuture { state: State::Inner { future, handle: Open(handle) } }
    }
}

/// Closes the session when the service inside has answered, or when the client has gone before.
struct Open<U>(Handle<U>);

impl<U> Drop for Open<U> {
    fn drop(&mut self) {
        self.0.close();
    }
}

pin_project! {
    /// The future of [`SessionService`].
    pub struct ResponseFuture<F, R, U> {
        #[pin]
        state: State<F, R, U>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<F, R, U> {
        Inner {
            #[pin]
            future: F,
            handle: Open<U>,
        },
        /// Boxed, since most requests change nothing.
        Saving {
            saving: Pin<Box<dyn Future<Output = Result<CookieOut, SessionError>> + Send>>,
            handle: Handle<U>,
            response: Option<Response<R>>,
        },
    }
}

impl<F, R, U, E> Future for ResponseFuture<F, R, U>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: From<String>,
    U: Principal,
{
    type Output = Result<Response<R>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            match this.state.as_mut().project() {
                StateProjection::Inner { future, handle } => {
                    let answered = ready!(future.poll(cx));
                    let handle = &handle.0;
                    handle.close();
                    let mut response = answered?;
                    if let Some(cookie) = handle.outcome() {
                        handle.core().settings.write(&cookie, response.headers_mut());
                        return Poll::Ready(Ok(response));
                    }
                    let (handle, saved) = (handle.clone(), handle.clone());
                    let saving = Box::pin(async move { saved.commit().await });
                    this.state.set(State::Saving { saving, handle, response: Some(response) });
                }
                StateProjection::Saving { saving, handle, response } => {
                    let saved = ready!(saving.as_mut().poll(cx));
                    let Some(mut response) = response.take() else { return Poll::Pending };
                    match saved {
                        Ok(cookie) => handle.core().settings.write(&cookie, response.headers_mut()),
                        Err(error) => {
                            response = refused(error);
                            handle.core().settings.write(&handle.outcome_of_failure(), response.headers_mut());
                        }
                    }
                    return Poll::Ready(Ok(response));
                }
            }
        }
    }
}

fn refused<R: From<String>>(error: SessionError) -> Response<R> {
    let kind = error.kind();
    let mut refusal = Refusal::from(error);
    if kind == SessionErrorKind::Unavailable {
        refusal = refusal.with_detail("the changes of a session were not stored");
    }
    refusal.log_once(Transport::Http);
    let mut response = refusal.to_response().map(R::from);
    response.extensions_mut().insert(refusal);
    response
}

impl<U> Clone for SessionLayer<U> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

impl<S: Clone, U> Clone for SessionService<S, U> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), shared: self.shared.clone() }
    }
}

impl<U> fmt::Debug for SessionLayer<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionLayer").field("cookie", &self.shared.core.settings.cookie_name).finish_non_exhaustive()
    }
}

impl<S, U> fmt::Debug for SessionService<S, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionService").finish_non_exhaustive()
    }
}

impl<F, R, U> fmt::Debug for ResponseFuture<F, R, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
