use std::{
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
};

use futures_util::task::AtomicWaker;

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

/// Wakes every task that waits to write. The socket stores only one waker. If it stored the waker of the last writer, the
/// others would not be woken; and no one would be, if that writer has stopped waiting.
#[derive(Default)]
pub(super) struct Writers {
    handler: AtomicWaker,
    reader: AtomicWaker,
    driver: AtomicWaker,
}

impl Writers {
    /// Polls a write. If it has to wait, `writer` is woken together with the others.
    pub(super) fn poll<T>(
        self: &Arc<Self>,
        writer: Writer,
        cx: &Context<'_>,
        poll: impl FnOnce(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        let waker = self.waker(writer);
        // Register before the write, so that no wake-up is missed.
        waker.register(cx.waker());
        let polled = poll(&mut Context::from_waker(&Waker::from(Arc::clone(self))));
        if polled.is_ready() {
            waker.take();
        }
        polled
    }

    fn waker(&self, writer: Writer) -> &AtomicWaker {
        match writer {
            Writer::Handler => &self.handler,
            Writer::Reader => &self.reader,
            Writer::Driver => &self.driver,
        }
    }
}

impl Wake for Writers {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        [&self.handler, &self.reader, &self.driver].into_iter().for_each(AtomicWaker::wake);
    }
}
