//! What a route requires of a credential that the chain has accepted.

use std::{
    borrow::Cow,
    fmt,
    future::Future,
    marker::PhantomData,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use auth_core::{Authenticated, ConfigError, Refusal, Requirement};
use bytes::Bytes;
use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::{DefaultOnRefusal, OnRefusal, ResponseBody, refusal::respond, transport::classify};

/// Requires a scope for every request: 403 `insufficient_scope` without it. See [`RequireLayer`].
///
/// # Panics
/// If `scope` is not a scope (RFC 6749, 3.3). If it comes from a configuration, use [`RequireLayer::try_new`].
#[must_use]
#[track_caller]
pub fn require_scope<U>(scope: impl Into<Cow<'static, str>>) -> RequireLayer<U> {
    RequireLayer::new(Requirement::new().scope(scope))
}

/// Requires more than a valid credential: scopes, a recent login.
///
/// Put it inside an [`AuthLayer`](crate::AuthLayer) whose chain has the user type `U`. It checks the evidence from that layer.
/// A refused WebSocket handshake gets the same HTTP response as a request, before the upgrade.
///
#[cfg_attr(feature = "axum", doc = "```")]
#[cfg_attr(not(feature = "axum"), doc = "```ignore")]
/// use std::time::Duration;
///
/// use auth_core::{Chain, Requirement};
/// use axum::{Router, routing::{get, post}};
/// use ws_adapter::{AuthLayer, RequireLayer, require_scope};
///
/// # let jwt = auth_jwt::Jwt::<serde_json::Value>::hs256("0123456789abcdef0123456789abcdef")?.verify(|_: serde_json::Value| async { Some(User) });
/// # struct User;
/// # impl auth_core::Principal for User { fn principal_id(&self) -> Option<auth_core::PrincipalId> { None } }
/// let recent = Requirement::new().scope("account").max_age(Duration::from_secs(300));
/// let app: Router = Router::new()
///     .route("/messages", post(|| async { "sent" }).layer(require_scope::<User>("chat:write")))
///     .route("/password", post(|| async { "changed" }).layer(RequireLayer::<User>::new(recent)))
///     .layer(AuthLayer::new(Chain::new().or(jwt)));
/// # Ok::<(), auth_core::ConfigError>(())
/// ```
///
/// | The request has | Answer |
/// |---|---|
/// | evidence that meets the [`Requirement`] | the response of the inner service |
/// | evidence that does not | 403 `insufficient_scope` or 401 `insufficient_user_authentication` |
/// | no user, behind an optional layer | the 401 of the chain |
/// | no such `AuthLayer` around the route | 500, and the log names the user type |
///
/// # Security
/// The check runs when a request arrives or a socket opens. A socket that is refreshed with a token of less scope stays open.
/// A handler that needs the scope later must check the evidence of its socket.
pub struct RequireLayer<U> {
    config: Arc<Config>,
    user: PhantomData<fn() -> U>,
}

struct Config {
    requirement: Requirement,
    on_refusal: Box<dyn OnRefusal>,
}

impl<U> RequireLayer<U> {
    /// Applies this requirement to every request.
    ///
    /// # Panics
    /// If a scope or class in it is malformed. [`try_new`](Self::try_new) returns that as an error.
    #[expect(clippy::panic, reason = "documented: a layer that cannot be built shows at the first start")]
    #[must_use]
    #[track_caller]
    pub fn new(requirement: Requirement) -> Self {
        Self::try_new(requirement).unwrap_or_else(|error| panic!("{error}"))
    }

    /// As [`new`](Self::new).
    ///
    /// # Errors
    /// If a scope or class in it is malformed; see [`Requirement::validate`].
    pub fn try_new(requirement: Requirement) -> Result<Self, ConfigError> {
        requirement.validate()?;
        let config = Config { requirement, on_refusal: Box::new(DefaultOnRefusal) };
        Ok(Self { config: Arc::new(config), user: PhantomData })
    }

    /// Sets the hook that makes the responses to refusals. It replaces the hook of the [`AuthLayer`](crate::AuthLayer) here.
    #[must_use]
    pub fn on_refusal(self, hook: impl OnRefusal) -> Self {
        let config = Config { requirement: self.config.requirement.clone(), on_refusal: Box::new(hook) };
        Self { config: Arc::new(config), user: PhantomData }
    }
}

impl<U> Clone for RequireLayer<U> {
    fn clone(&self) -> Self {
        Self { config: Arc::clone(&self.config), user: PhantomData }
    }
}

impl<U> fmt::Debug for RequireLayer<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequireLayer").field("requirement", &self.config.requirement).finish_non_exhaustive()
    }
}

impl<S, U> Layer<S> for RequireLayer<U> {
    type Service = Require<S, U>;

    fn layer(&self, inner: S) -> Require<S, U> {
        Require { inner, layer: self.clone() }
    }
}

/// A service with a requirement; made by [`RequireLayer`].
pub struct Require<S, U> {
    inner: S,
    layer: RequireLayer<U>,
}

impl<S: Clone, U> Clone for Require<S, U> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), layer: self.layer.clone() }
    }
}

impl<S, U> fmt::Debug for Require<S, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Require").field("layer", &self.layer).finish_non_exhaustive()
    }
}

impl<S, U, B, R> Service<Request<B>> for Require<S, U>
where
    S: Service<Request<B>, Response = Response<R>>,
    U: Send + Sync + 'static,
{
    type Response = Response<ResponseBody<R>>;
    type Error = S::Error;
    type Future = RequireFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let config = &self.layer.config;
        let state = match check::<U, B>(&config.requirement, &request) {
            Ok(()) => State::Serving { response: self.inner.call(request) },
            Err(refusal) => {
                let (parts, _) = request.into_parts();
                let response = respond(&*config.on_refusal, refusal, &parts, classify(&parts));
                State::Refused { response: Some(response) }
            }
        };
        RequireFuture { state }
    }
}

fn check<U: Send + Sync + 'static, B>(requirement: &Requirement, request: &Request<B>) -> Result<(), Refusal> {
    Authenticated::<U>::from_extensions(request.extensions())?.evidence().require(requirement)
}

pin_project! {
    /// The future of [`Require`].
    pub struct RequireFuture<F> {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F> {
        Refused { response: Option<Response<Bytes>> },
        Serving { #[pin] response: F },
    }
}

impl<F, R, E> Future for RequireFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = Result<Response<ResponseBody<R>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProj::Refused { response } => match response.take() {
                Some(response) => Poll::Ready(Ok(response.map(ResponseBody::refusal))),
                // Polled again after completion, which executors don't do.
                None => Poll::Pending,
            },
            StateProj::Serving { response } => Poll::Ready(Ok(ready!(response.poll(cx))?.map(ResponseBody::inner))),
        }
    }
}

impl<F> fmt::Debug for RequireFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequireFuture").finish_non_exhaustive()
    }
}
