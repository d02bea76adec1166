use std::task::{Context, Poll};

use axum::Router;
use futures_util::{TryFutureExt as _, future::MapOk};
use http::{HeaderValue, Request, Response, header::ALLOW};
use tower_layer::Layer;
use tower_service::Service;

use self::sealed::Sealed;
use crate::{AuthLayer, FirstMessageLayer, ResponseBody};

/// A layer that [`Protected`](crate::Protected) puts in front of its routes: an [`AuthLayer`] or a [`FirstMessageLayer`].
#[diagnostic::on_unimplemented(message = "`Protected` needs an `AuthLayer` or a `FirstMessageLayer`, not `{Self}`")]
pub trait Guard: Sealed {}

impl<U: Send + Sync + 'static> Guard for AuthLayer<U> {}
impl<U: Send + Sync + 'static> Guard for FirstMessageLayer<U> {}

mod sealed {
    use axum::Router;

    #[expect(unnameable_types, reason = "nobody else is to implement it")]
    pub trait Sealed: Clone {
        /// Puts the layer in front of everything in the router, fallbacks too.
        fn close<S: Clone + Send + Sync + 'static>(self, router: Router<S>) -> Router<S>;
    }
}

impl<U: Send + Sync + 'static> Sealed for AuthLayer<U> {
    fn close<S: Clone + Send + Sync + 'static>(self, router: Router<S>) -> Router<S> {
        router.layer(HideMethodsLayer(self))
    }
}

impl<U: Send + Sync + 'static> Sealed for FirstMessageLayer<U> {
    fn close<S: Clone + Send + Sync + 'static>(self, router: Router<S>) -> Router<S> {
        router.layer(HideMethodsLayer(self))
    }
}

/// Keeps a refusal from telling which methods a path has. Axum adds `Allow` to the answer for a wrong method, outside of every
/// layer, unless the answer has one. So each refusal gets an empty one, for right and wrong methods alike.
#[derive(Clone)]
struct HideMethodsLayer<L>(L);

impl<L: Layer<S>, S> Layer<S> for HideMethodsLayer<L> {
    type Service = HideMethods<L::Service>;

    fn layer(&self, inner: S) -> HideMethods<L::Service> {
        HideMethods(self.0.layer(inner))
    }
}

#[derive(Clone)]
struct HideMethods<S>(S);

impl<S, B, R> Service<Request<B>> for HideMethods<S>
where
    S: Service<Request<B>, Response = Response<ResponseBody<R>>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = MapOk<S::Future, fn(S::Response) -> S::Response>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        self.0.call(request).map_ok(hide_methods)
    }
}

fn hide_methods<R>(mut response: Response<ResponseBody<R>>) -> Response<ResponseBody<R>> {
    if response.body().is_refusal() {
        response.headers_mut().entry(ALLOW).or_insert(HeaderValue::from_static(""));
    }
    response
}
