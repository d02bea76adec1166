use auth_core::Refusal;
use bytes::Bytes;
use http::{Response, request::Parts};

/// Makes the answer to a request that does not go on.
///
/// Closures qualify: `|refusal: &Refusal, request: &Parts| Response::new("…")`. Whatever the hook answers, the layer
/// puts challenges, `Retry-After`, `Location` and `Cache-Control: no-store` back, and replaces a status below 300: a
/// refusal never looks like a success.
///
/// The request is shown without the credentials that the chain takes out (subprotocol, query). Its `Authorization` and
/// `Cookie` headers are still there: do not put them into the answer.
pub trait OnReject: Send + Sync + 'static {
    /// The answer to `refusal`.
    fn on_reject(&self, refusal: &Refusal, request: &Parts) -> Response<Bytes>;
}

impl<F, B> OnReject for F
where
    F: Fn(&Refusal, &Parts) -> Response<B> + Send + Sync + 'static,
    B: Into<Bytes>,
{
    fn on_reject(&self, refusal: &Refusal, request: &Parts) -> Response<Bytes> {
        self(refusal, request).map(Into::into)
    }
}

/// Answers with `application/problem+json`; see [`Refusal::to_response`].
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct DefaultOnReject;

impl OnReject for DefaultOnReject {
    fn on_reject(&self, refusal: &Refusal, _: &Parts) -> Response<Bytes> {
        refusal.to_response().map(Bytes::from)
    }
}
