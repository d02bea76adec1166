use std::{
    future::poll_fn,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Wake, Waker},
};

use crate::{Close, connections::End};

/// The tasks to wake when something happens to a socket, and why it has to end. The registry ends the socket through it, and
/// the socket wakes all its writers through it.
///
/// The handshake makes it, before there is a socket. It is one block with one lock, because an idle socket keeps it all its
/// life. It does not own the socket, so the registry may keep it too.
#[derive(Default)]
pub(crate) struct Signals(Mutex<State>);

#[derive(Default)]
struct State {
    /// Why the socket has to end. Boxed, because it is there only at the end.
    close: Option<Box<Close>>,
    /// The task that owns the socket. It waits for everything, also to write our own messages.
    driver: Option<Waker>,
    /// The task that opens the socket. It waits for the end, while the driver may wait for it too. Boxed, because it is there
    /// only at the beginning.
    opener: Option<Box<Waker>>,
    handler: Option<Waker>,
    reader: Option<Waker>,
}

/// The place of a task's waker.
type Place = fn(&mut State) -> &mut Option<Waker>;

/// The tasks that may wait to write.
#[derive(Clone, Copy)]
pub(super) enum Writer {
    /// The handler, for its messages.
    Handler,
    /// The task that reads, for pongs.
    Reader,
    /// The driver, for our own messages.
    Driver,
}

impl Signals {
    /// Completes when the socket has to end. For a task that opens a socket; only one waits at a time.
    pub(super) async fn ended(&self) -> Close {
        let _waiting = Opener(self);
        poll_fn(|cx| {
            let mut state = self.lock();
            if let Some(close) = state.close.as_deref() {
                return Poll::Ready(close.clone());
            }
            let replaced = state.opener.replace(Box::new(cx.waker().clone()));
            drop(state);
            drop(replaced);
            Poll::Pending
        })
        .await
    }

    /// Registers the driver, to wake it for all that happens to the socket from now on. Returns the close if the socket has to
    /// end. Both take one lock. The driver calls it in each poll, before it looks at what has happened.
    pub(super) fn listen(&self, cx: &Context<'_>) -> Option<Close> {
        self.register(|state| &mut state.driver, cx).close.as_deref().cloned()
    }

    /// Wakes the driver, unless it was woken since its last poll.
    pub(super) fn wake_driver(&self) {
        let driver = self.lock().driver.take();
        driver.into_iter().for_each(Waker::wake);
    }

    /// Polls a write. The socket stores only one waker. If it stored the waker of the last writer, the others would not be
    /// woken; and no one would be, if that writer has stopped waiting. So a write that has to wait wakes all of them.
    pub(super) fn poll_write<T>(
        self: &Arc<Self>,
        writer: Writer,
        cx: &Context<'_>,
        poll: impl FnOnce(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        let place: Place = match writer {
            Writer::Handler => |state| &mut state.handler,
            Writer::Reader => |state| &mut state.reader,
            Writer::Driver => |state| &mut state.driver,
        };
        // Register before the write, so that no wake-up is missed.
        drop(self.register(place, cx));
        let polled = poll(&mut Context::from_waker(&Waker::from(Arc::clone(self))));
        // The driver stays registered, because it waits for more than the write.
        if polled.is_ready() && !matches!(writer, Writer::Driver) {
            let waker = place(&mut self.lock()).take();
            drop(waker);
        }
        polled
    }

    /// Keeps the waker of this task in the place. Returns the lock.
    fn register(&self, place: Place, cx: &Context<'_>) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        if !place(&mut state).as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            let replaced = place(&mut state).replace(cx.waker().clone());
            if replaced.is_some() {
                // A waker may drop its task, which may take this lock. So it is dropped without this lock.
                drop(state);
                drop(replaced);
                return self.lock();
            }
        }
        state
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl End for Signals {
    fn end(&self, close: Close) {
        let mut state = self.lock();
        state.close.get_or_insert_with(|| Box::new(close));
        let waiting = [state.driver.take(), state.opener.take().map(|opener| *opener)];
        drop(state);
        waiting.into_iter().flatten().for_each(Waker::wake);
    }
}

/// As the waker of the socket, it wakes every task that may wait to write.
impl Wake for Signals {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut state = self.lock();
        let State { driver, handler, reader, .. } = &mut *state;
        let waiting = [driver, handler, reader].map(Option::take);
        drop(state);
        waiting.into_iter().flatten().for_each(Waker::wake);
    }
}

/// A waker keeps the memory of its task, so it is removed when the task no longer waits.
struct Opener<'s>(&'s Signals);

impl Drop for Opener<'_> {
    fn drop(&mut self) {
        let waker = mem::take(&mut self.0.lock().opener);
        drop(waker);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use test_support::Woken;

    use super::*;

    #[test]
    fn end_before_the_first_poll_is_seen_by_both_tasks() {
        let signals = Signals::default();
        signals.end(Close::REVOKED);
        signals.end(Close::SUPERSEDED);
        let cx = &mut Context::from_waker(Waker::noop());
        assert_eq!(pin!(signals.ended()).poll(cx), Poll::Ready(Close::REVOKED));
        assert_eq!(signals.listen(cx), Some(Close::REVOKED));
    }

    #[test]
    fn end_wakes_the_driver_and_the_task_that_opens() {
        let signals = Signals::default();
        let ((opener, opening), (driver, driving)) = (Woken::task(), Woken::task());
        let mut ended = pin!(signals.ended());
        assert!(ended.as_mut().poll(&mut Context::from_waker(&opening)).is_pending());
        assert_eq!(signals.listen(&Context::from_waker(&driving)), None);
        signals.end(Close::REVOKED);
        assert_eq!([&opener, &driver].map(|woken| woken.count()), [1, 1]);
    }

    #[test]
    fn task_that_no_longer_waits_leaves_no_waker() {
        let signals = Arc::<Signals>::default();
        let (opener, waker) = Woken::task();
        {
            let mut ended = pin!(signals.ended());
            assert!(ended.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        }
        assert_eq!(signals.listen(&Context::from_waker(&waker)), None);
        let pending = signals.poll_write(Writer::Reader, &Context::from_waker(&waker), |_| Poll::<()>::Pending);
        assert!(pending.is_pending());
        // As the driver does when it is dropped.
        signals.wake_by_ref();
        drop(waker);
        assert_eq!(Arc::strong_count(&opener), 1);
    }
}
