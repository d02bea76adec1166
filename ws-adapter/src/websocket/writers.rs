use std::{
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
};

use futures_util::task::AtomicWaker;

/// Who may wait to write.
#[derive(Clone, Copy)]
pub(super) enum Writer {
    /// The handler's side, for messages of its own.
    Sender,
    /// Whoever reads, for what is owed to the peer.
    Reader,
    /// The driver, for messages of ours.
    Driver,
}

/// Wakes all who wait to write. The socket keeps one waker for that: were it the last writer's own, the others would miss the
/// moment when they can go on, and all of them would if that one has given up.
#[derive(Default)]
pub(super) struct Writers {
    sender: AtomicWaker,
    reader: AtomicWaker,
    driver: AtomicWaker,
}

impl Writers {
    /// Lets `poll` write; if it has to wait, `writer` is woken together with the others.
    pub(super) fn poll<T>(
        self: &Arc<Self>,
        writer: Writer,
        cx: &Context<'_>,
        poll: impl FnOnce(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        let place = self.place(writer);
        // Before it writes, so that it is not woken too early.
        place.register(cx.waker());
        let polled = poll(&mut Context::from_waker(&Waker::from(Arc::clone(self))));
        if polled.is_ready() {
            place.take();
        }
        polled
    }

    fn place(&self, writer: Writer) -> &AtomicWaker {
        match writer {
            Writer::Sender => &self.sender,
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
        [&self.sender, &self.reader, &self.driver].into_iter().for_each(AtomicWaker::wake);
    }
}
