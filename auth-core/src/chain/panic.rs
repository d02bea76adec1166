use std::{
    any::Any,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
};

/// The result of a function or a future, or its panic.
pub(super) type Caught<T> = Result<T, Box<dyn Any + Send>>;

/// Calls a function, and returns its panic as an `Err`.
pub(super) fn catch_panic_of<T>(call: impl FnOnce() -> T) -> Caught<T> {
    // OK to assert unwind safety because a panic leaves what the call changes whole: notes are valid after each step, and a
    // future is never polled again.
    catch_unwind(AssertUnwindSafe(call))
}

/// Runs a future, and returns its panic as an `Err`.
pub(super) fn catch_panic<F: Future + ?Sized>(future: Pin<&mut F>) -> CatchPanic<'_, F> {
    CatchPanic(future)
}

/// An async function would hold the future twice: 48 bytes instead of 16.
pub(super) struct CatchPanic<'f, F: ?Sized>(Pin<&'f mut F>);

impl<F: Future + ?Sized> Future for CatchPanic<'_, F> {
    type Output = Caught<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match catch_panic_of(|| self.0.as_mut().poll(cx)) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
            Err(panic) => Poll::Ready(Err(panic)),
        }
    }
}

/// The text of a panic, if it has one.
pub(super) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no text")
}
