use auth_core::Principal;
use axum::{Router, body::Body};

use self::sealed::Sealed;
use crate::{http::Bodies, layer::AuthLayer, websocket::FirstMessageLayer};

/// A layer that [`Protected`](crate::Protected) puts in front of its routes: an [`AuthLayer`] or a [`FirstMessageLayer`].
#[diagnostic::on_unimplemented(message = "`Protected` needs an `AuthLayer` or a `FirstMessageLayer`, not `{Self}`")]
pub trait Guard: Sealed {}

impl<U: Principal, M: Bodies<Body>> Guard for AuthLayer<U, M> {}
impl<U: Principal, M: Bodies<Body>> Guard for FirstMessageLayer<U, M> {}

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
