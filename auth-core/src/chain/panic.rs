use std::{
    any::Any,
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::Poll,
};

/// The result of a function or a future, or its panic.
pub(super) type Caught<T> = Result<T, Box<dyn Any + Send>>;

/// Calls a function, and returns its panic as an `Err`.
pub(super) fn catch_panic_of<T>(call: impl FnOnce() -> T) -> Caught<T> {
    // OK to assert unwind safety because nothing that the call has changed is used after a panic.
    catch_unwind(AssertUnwindSafe(call))
}

/// Runs a future, and returns its panic as an `Err`.
pub(super) async fn catch_panic<F: Future + ?Sized>(mut future: Pin<&mut F>) -> Caught<F::Output> {
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
        // OK to assert unwind safety because the future is never polled again after a panic.
        Err(panic) => Poll::Ready(Err(panic)),
    })
    .await
}

/// The text of a panic, if it has one.
pub(super) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no text")
}
