pub(crate) mod guard;

use std::{convert::Infallible, fmt};

use axum::{Router, extract::Request, handler::Handler, response::IntoResponse, routing::MethodRouter};
use tower_service::Service;

use self::guard::Guard;

/// An axum router that is closed by default: every route is behind the layer, unless it is added with
/// [`public`](Self::public).
///
/// On a plain [`Router`], a layer only covers what was added before it. A route or fallback that is added after `.layer` is
/// open. So is `post(b)` in `get(a).layer(auth).post(b)`, and so are fallbacks under `route_layer`. Here the order does not
/// matter.
///
/// ```
/// # use auth_basic::{Basic, BasicLogin};
/// use auth_core::{Authenticated, Chain};
/// use axum::{Router, routing::get};
/// use ws_adapter::{AuthLayer, Protected};
///
/// # struct User { id: String }
/// # impl auth_core::Principal for User { fn principal_id(&self) -> Option<auth_core::PrincipalId> { None } }
/// # let basic = Basic::new("demo").verify(|_: BasicLogin| async { Some(User { id: "ann".into() }) });
/// async fn me(user: Authenticated<User>) -> String {
///     user.id.clone()
/// }
///
/// async fn notes() -> &'static str {
///     "the notes"
/// }
///
/// let admin = Router::new().route("/users", get(|| async { "the users" }));
/// let app: Router = Protected::new(AuthLayer::new(Chain::new().or(basic)))
///     .route("/me", get(me))
///     .route("/notes", get(notes).post(notes))
///     .nest("/admin", admin)
///     .public(Router::new().route("/health", get(|| async { "ok" })))
///     .into_router();
/// ```
///
/// | Request without a credential for | Answer |
/// |---|---|
/// | a path that was added with any method but `public` | the refusal of the layer |
/// | another method of such a path | the same refusal; axum adds an `Allow` header |
/// | an unknown path below a nested router with a fallback | the same refusal |
/// | any other unknown path | 404; the same refusal if there is a [`fallback`](Self::fallback) |
/// | a path and method that were added with `public` | the response of the handler |
/// | another method of a path with only public methods | 405 |
///
/// An authenticated client sees the same as on a plain [`Router`].
///
/// # Security
/// - **Routes that are added to the finished [`Router`] are open.** Call [`into_router`](Self::into_router) last, and after it
///   only `layer` and `merge` with another finished `Protected`.
/// - A CORS preflight has no credential, so the chain refuses it. Put a `CorsLayer` around the finished router:
///   `protected.into_router().layer(cors)`. It answers preflights before the chain is asked.
/// - Behind [`AuthLayer::optional`](crate::AuthLayer::optional), closed routes run for guests too.
/// - A layer that is added to the finished router is outside the chain. Add a layer that needs the user, such as
///   [`RequireLayer`](crate::RequireLayer), to the route, or to the router that is nested or merged.
#[must_use = "it does nothing until `into_router` is called"]
pub struct Protected<L, S = ()> {
    layer: L,
    closed: Router<S>,
    public: Router<S>,
}

impl<L: Guard, S: Clone + Send + Sync + 'static> Protected<L, S> {
    /// A router without routes: every path answers 404.
    pub fn new(layer: L) -> Self {
        Self { layer, closed: Router::new(), public: Router::new() }
    }

    /// Adds a closed path with all methods of `method_router`. More methods may be added later.
    ///
    /// # Panics
    /// As [`Router::route`]: if the path is not valid, or if a method was added before. Overlaps with
    /// [`public`](Self::public) panic in [`into_router`](Self::into_router).
    #[track_caller]
    pub fn route(self, path: &str, method_router: MethodRouter<S>) -> Self {
        self.close(|closed| closed.route(path, method_router))
    }

    /// Adds a closed service for all methods of a path.
    ///
    /// # Panics
    /// As [`Router::route_service`]: if the path is not valid or was added before, or if the service is a `Router`.
    #[track_caller]
    pub fn route_service<T>(self, path: &str, service: T) -> Self
    where
        T: Service<Request, Error = Infallible> + Clone + Send + Sync + 'static,
        T::Response: IntoResponse,
        T::Future: Send + 'static,
    {
        self.close(|closed| closed.route_service(path, service))
    }

    /// Adds the routes of a router below a path, closed. Its fallback is closed too, and answers unknown paths below `path`.
    /// Without one, unknown paths go to the [`fallback`](Self::fallback) of this router.
    ///
    /// # Panics
    /// As [`Router::nest`]: if the path is not valid or is `/`, or if a route overlaps.
    #[track_caller]
    pub fn nest(self, path: &str, router: Router<S>) -> Self {
        self.close(|closed| closed.nest(path, router))
    }

    /// Adds a closed service for a path and all paths below it.
    ///
    /// # Panics
    /// As [`Router::nest_service`]: if the path is not valid or is `/`, or if a route overlaps.
    #[track_caller]
    pub fn nest_service<T>(self, path: &str, service: T) -> Self
    where
        T: Service<Request, Error = Infallible> + Clone + Send + Sync + 'static,
        T::Response: IntoResponse,
        T::Future: Send + 'static,
    {
        self.close(|closed| closed.nest_service(path, service))
    }

    /// Adds the routes of a router, closed. Its fallback, if it has one, becomes the closed [`fallback`](Self::fallback).
    ///
    /// Public routes of another `Protected` become closed, because all of it goes behind this layer. To keep them open, merge
    /// the finished routers: `Router::new().merge(one).merge(other)`.
    ///
    /// # Panics
    /// As [`Router::merge`]: if a route overlaps, or if both have a fallback.
    #[track_caller]
    pub fn merge(self, router: impl Into<Router<S>>) -> Self {
        self.close(|closed| closed.merge(router))
    }

    /// Answers unknown paths, behind the layer. A request without a credential is then refused, instead of a 404.
    ///
    /// # Panics
    /// [`into_router`](Self::into_router) panics if a router given to [`public`](Self::public) has a fallback too.
    pub fn fallback<H, T>(self, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        self.close(|closed| closed.fallback(handler))
    }

    /// As [`fallback`](Self::fallback), with a service.
    ///
    /// # Panics
    /// As for [`fallback`](Self::fallback).
    pub fn fallback_service<T>(self, service: T) -> Self
    where
        T: Service<Request, Error = Infallible> + Clone + Send + Sync + 'static,
        T::Response: IntoResponse,
        T::Future: Send + 'static,
    {
        self.close(|closed| closed.fallback_service(service))
    }

    /// Answers wrong methods of the closed paths that were added before, behind the layer. It replaces the 405.
    pub fn method_not_allowed_fallback<H, T>(self, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        self.close(|closed| closed.method_not_allowed_fallback(handler))
    }

    /// Adds all routes of a router **open**: anyone can call them. Its fallback, if it has one, is open too and answers every
    /// unknown path.
    ///
    /// A path can have both public and closed methods: add `GET` here and `POST` with [`route`](Self::route). Its other methods
    /// are closed.
    ///
    /// A handler that takes `Authenticated` answers 500 here, because no layer is around it.
    ///
    /// # Panics
    /// If two public routes overlap, or if two public routers have a fallback. Overlaps with closed routes, and a second
    /// fallback, panic in [`into_router`](Self::into_router).
    #[track_caller]
    pub fn public(mut self, router: impl Into<Router<S>>) -> Self {
        self.public = self.public.merge(router);
        self
    }

    /// The finished router. **Routes that are added to it are open.**
    ///
    /// # Panics
    /// If a method of a path is both public and closed, or if there is both a closed and a public fallback.
    #[track_caller]
    pub fn into_router(self) -> Router<S> {
        // The layer covers the default fallback too. Merging an empty router replaces it, so that an unknown path is a 404.
        let closed = self.layer.close(self.closed).merge(Router::new());
        // Of two default answers to a wrong method, axum keeps the second: the one that is behind the layer.
        self.public.merge(closed)
    }

    fn close(mut self, add: impl FnOnce(Router<S>) -> Router<S>) -> Self {
        self.closed = add(self.closed);
        self
    }
}

impl<L, S: Clone + Send + Sync + 'static> Protected<L, S> {
    /// Gives the state to all handlers so far, public and closed. Later ones may have another state. See
    /// [`Router::with_state`].
    pub fn with_state<S2>(self, state: S) -> Protected<L, S2> {
        let Self { layer, closed, public } = self;
        Protected { layer, closed: closed.with_state(state.clone()), public: public.with_state(state) }
    }
}

/// As [`Protected::into_router`], which panics for the same reasons.
impl<L: Guard, S: Clone + Send + Sync + 'static> From<Protected<L, S>> for Router<S> {
    #[track_caller]
    fn from(protected: Protected<L, S>) -> Self {
        protected.into_router()
    }
}

impl<L: Clone, S> Clone for Protected<L, S> {
    fn clone(&self) -> Self {
        Self { layer: self.layer.clone(), closed: self.closed.clone(), public: self.public.clone() }
    }
}

/// Shows the layer and all routes.
impl<L: fmt::Debug, S> fmt::Debug for Protected<L, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Protected")
            .field("layer", &self.layer)
            .field("closed", &self.closed)
            .field("public", &self.public)
            .finish()
    }
}
