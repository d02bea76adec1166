//! Spans that cost nothing where nobody listens.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
};

use tracing::{Level, Span, level_enabled};

/// Makes a span if a subscriber takes spans of the level DEBUG. A disabled span is not free: it looks up each field that is
/// recorded, and passes its life on to the `log` crate (about 500 instructions a request for two spans).
pub(super) fn if_debug(make: impl FnOnce() -> Span) -> Option<Span> {
    level_enabled!(Level::DEBUG).then(make)
}

/// Runs a future within a span.
pub(super) async fn within<F: Future>(span: Option<&Span>, mut future: Pin<&mut F>) -> F::Output {
    poll_fn(|cx| {
        let _entered = span.map(Span::enter);
        future.as_mut().poll(cx)
    })
    .await
}
