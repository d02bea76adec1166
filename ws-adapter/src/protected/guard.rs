use std::convert::Infallible;

use auth_core::Principal;
use axum::{Router, body::Body, extract::Request, response::IntoResponse, routing::Route};
use tower_layer::Layer;
use tower_service::Service;

use self::sealed::Sealed;
use crate::{
    http::{Auth, Bodies},
    layer::AuthLayer,
    websocket::FirstMessageLayer,
};

/// A layer that [`Protected`](crate::Protected) puts in front of its routes: an [`AuthLayer`], a [`FirstMessageLayer`], or a pair of
/// another layer and an [`AuthLayer`] inside of it, such as `(sessions.layer(), auth)`. A pair costs a request less than two calls of
/// [`Router::layer`].
#[diagnostic::on_unimplemented(
    message = "`Protected` needs an `AuthLayer` or a `FirstMessageLayer`, not `{Self}`",
    note = "another layer may be around an `AuthLayer`: `(another, auth)`"
)]
pub trait Guard: Sealed {}

impl<U: Principal, M: Bodies<Body>> Guard for AuthLayer<U, M> {}
impl<U: Principal, M: Bodies<Body>> Guard for FirstMessageLayer<U, M> {}
impl<O, U: Principal, M: Bodies<Body>> Guard for (O, AuthLayer<U, M>) where Self: Sealed {}

mod sealed {
    use axum::Router;

    #[expect(unnameable_types, reason = "not for others to implement")]
    pub trait Sealed: Clone {
        /// Puts the layer in front of everything in the router, including fallbacks.
        fn close<S: Clone + Send + Sync + 'static>(self, router: Router<S>) -> Router<S>;
    }
}

impl<U: Principal, M: Bodies<Body>> Sealed for AuthLayer<U, M> {
    fn close<S: Clone + Send + Sync + 'static>(self, router: Router<S>) -> Router<S> {
        router.layer(self)
    }
}

impl<U: Principal, M: Bodies<Body>> Sealed for FirstMessageLayer<U, M> {
    fn close<S: Clone + Send + Sync + 'static>(self, router: Router<S>) -> Router<S> {
        router.layer(self)
    }
}

impl<O, U, M> Sealed for (O, AuthLayer<U, M>)
where
    U: Principal,
    M: Bodies<Body>,
    O: Layer<Auth<Route, U, M>> + Clone + Send + Sync + 'static,
    O::Service: Service<Request, Response: IntoResponse + 'static, Error: Into<Infallible> + 'static, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static,
{
    fn close<S: Clone + Send + Sync + 'static>(self, router: Router<S>) -> Router<S> {
        router.layer(self)
    }
}
