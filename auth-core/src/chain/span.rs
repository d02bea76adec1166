//! Spans that cost nothing where nobody listens.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use tracing::{Level, Span, level_enabled};

/// Makes a span if a subscriber takes spans of the level DEBUG. A disabled span is not free: it looks up each field that is
/// recorded, and passes its life on to the `log` crate (about 500 instructions a request for two spans).
///
/// Boxed, since there is rarely one, and two futures hold 40 bytes each for it.
pub(super) fn if_debug(make: impl FnOnce() -> Span) -> Option<Box<Span>> {
    if level_enabled!(Level::DEBUG) { Some(boxed(make)) } else { None }
}

#[cold]
fn boxed(make: impl FnOnce() -> Span) -> Box<Span> {
    Box::new(make())
}

/// Runs a future within a span.
pub(super) fn within<'s, F: Future>(span: Option<&'s Span>, future: Pin<&'s mut F>) -> Within<'s, F> {
    Within { span, future }
}

/// An async function would hold the span and the future twice: 56 bytes instead of 16.
pub(super) struct Within<'s, F> {
    span: Option<&'s Span>,
    future: Pin<&'s mut F>,
}

impl<F: Future> Future for Within<'_, F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let _entered = self.span.map(Span::enter);
        self.future.as_mut().poll(cx)
    }
}
