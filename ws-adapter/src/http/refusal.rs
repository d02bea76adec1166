use std::panic::{AssertUnwindSafe, catch_unwind};

use auth_core::{Refusal, Transport};
use bytes::Bytes;
use http::{Response, request::Parts};

use crate::telemetry;

/// Makes the response to a refused request.
///
/// Closures implement it: `|refusal: &Refusal, request: &Parts| Response::new("…")`. Whatever the hook returns, the layer
/// restores challenges, `Retry-After`, `Location` and `Cache-Control: no-store`, and replaces a status below 300. So a refusal
/// never looks like a success.
///
/// # Security
/// The request comes without the credentials that the chain removes from subprotocols and the query. Its `Authorization` and
/// `Cookie` headers are still there: do not put them into the response.
pub trait OnRefusal: Send + Sync + 'static {
    /// The response to `refusal`.
    fn on_refusal(&self, refusal: &Refusal, request: &Parts) -> Response<Bytes>;
}

impl<F, B> OnRefusal for F
where
    F: Fn(&Refusal, &Parts) -> Response<B> + Send + Sync + 'static,
    B: Into<Bytes>,
{
    fn on_refusal(&self, refusal: &Refusal, request: &Parts) -> Response<Bytes> {
        self(refusal, request).map(Into::into)
    }
}

/// Answers with `application/problem+json`; see [`Refusal::to_response`].
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct DefaultOnRefusal;

impl OnRefusal for DefaultOnRefusal {
    fn on_refusal(&self, refusal: &Refusal, _: &Parts) -> Response<Bytes> {
        refusal.to_response().map(Bytes::from)
    }
}

/// Makes the response to `refusal`, and restores what the hook must not change.
pub(super) fn respond(hook: &dyn OnRefusal, refusal: Refusal, parts: &Parts, transport: Transport) -> Response<Bytes> {
    telemetry::refused(transport, &refusal);
    // A panic in the hook must not end the connection. OK to assert unwind safety: nothing of the hook is kept.
    let made = catch_unwind(AssertUnwindSafe(|| hook.on_refusal(&refusal, parts)));
    let mut response = made.unwrap_or_else(|_| {
        tracing::error!("the hook that makes responses to refusals panicked");
        DefaultOnRefusal.on_refusal(&refusal, parts)
    });
    refusal.apply_to(&mut response);
    response.extensions_mut().insert(refusal);
    response
}
