use std::panic::{AssertUnwindSafe, catch_unwind};

use auth_core::{Refusal, Transport};
use bytes::Bytes;
use http::{Response, request::Parts};

use crate::telemetry;

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

/// The answer to `refusal`, whatever the hook makes of it.
pub(crate) fn answer(hook: &dyn OnReject, refusal: Refusal, parts: &Parts, transport: Transport) -> Response<Bytes> {
    telemetry::refused(transport, &refusal);
    // A hook that panics must not take the connection down. OK to assert unwind safety: nothing of it is kept.
    let made = catch_unwind(AssertUnwindSafe(|| hook.on_reject(&refusal, parts)));
    let mut response = made.unwrap_or_else(|_| {
        tracing::error!("the hook that makes refusals panicked");
        DefaultOnReject.on_reject(&refusal, parts)
    });
    refusal.apply_to(&mut response);
    response.extensions_mut().insert(refusal);
    response
}
