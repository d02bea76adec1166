use std::{
    future::poll_fn,
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use socketioxide::socket::Sid;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::{Notify, watch},
    time::Instant,
};

use super::{frames::Frames, session::Traffic, sid};

/// How much is read at once, in bytes.
const CHUNK: usize = 4 * 1024;
/// How much of a client is read while it does not take what it is sent, in bytes. Each byte that it takes allows another.
pub(super) const BUDGET: usize = 16 * 1024;
/// How much of what engine.io writes after the end is kept for the client, in bytes; what does not fit is not sent.
const MAX_REST: usize = 1024 * 1024;

/// engine.io's end of a WebSocket's stream. The other end, and the stream itself, belong to an [`StreamOwner`].
///
/// engine.io reads and writes here until the session ends; from then on it gets nothing of the client any more, and what
/// it writes never waits.
///
/// - **Reads** are frame by frame, so that nothing which came before the end waits in a buffer of engine.io to be handled
///   after it.
/// - **While a write waits** for the client, no more than a budget is read of it: every ping is answered into a buffer of
///   engine.io that has no limit. A write that goes on refills the budget, and wakes the reader.
pub(super) struct EngineStream<I> {
    pipe: Arc<Pipe<I>>,
    /// Whether the session has ended. The owner learns of it later.
    ended: watch::Receiver<bool>,
    traffic: Arc<Traffic>,
}

/// The other end of a [`EngineStream`], which decides when it ends.
pub(super) struct StreamOwner<I>(Arc<Pipe<I>>);

struct Pipe<I> {
    state: Mutex<State<I>>,
    /// Wakes the owner, because what it sees has changed.
    changed: Notify,
}

struct State<I> {
    /// `None` since the owner has taken it.
    io: Option<I>,
    /// What was read and belongs to later frames.
    ahead: Bytes,
    input: Frames,
    reader: AtomicWaker,
    /// engine.io reads the end of the stream.
    is_read_out: bool,
    output: Frames,
    writer: AtomicWaker,
    budget: usize,
    /// What was written since the owner has taken the stream.
    rest: Vec<u8>,
    /// Whether the frame that passes is kept, and more after it.
    keeps: bool,
    /// engine.io has sent a close, and says nothing after it.
    has_closed: bool,
    seen: Seen,
}

/// What the owner sees of a stream.
#[derive(Clone, Copy)]
pub(super) struct Seen {
    /// When the client was last heard.
    pub(super) heard_at: Instant,
    /// When the client last took something, or the wait for that has begun.
    pub(super) moved_at: Instant,
    /// Whether a write waits, or has waited since the owner has last forgotten about those.
    pub(super) has_waited: bool,
    /// Whether a write waits now.
    pub(super) waits: bool,
    /// A write has failed.
    pub(super) is_broken: bool,
    /// engine.io has let go of it.
    pub(super) is_dropped: bool,
    /// The id that engine.io has sent to the client.
    pub(super) sid: Option<Sid>,
}

impl<I> EngineStream<I> {
    /// The two ends of a stream, of which one byte may have been read. `sid` is the session's, if it is known by now, and
    /// `ended` is sent its end.
    pub(super) fn new(
        io: I,
        first: Option<u8>,
        sid: Option<Sid>,
        ended: watch::Receiver<bool>,
        traffic: &Arc<Traffic>,
    ) -> (Self, StreamOwner<I>) {
        let now = Instant::now();
        let seen = Seen {
            heard_at: now,
            moved_at: now,
            has_waited: false,
            waits: false,
            is_broken: false,
            is_dropped: false,
            sid,
        };
        let state = State {
            io: Some(io),
            ahead: first.map_or_else(Bytes::new, |byte| Bytes::copy_from_slice(&[byte])),
            input: Frames::default(),
            reader: AtomicWaker::new(),
            is_read_out: false,
            output: Frames::default(),
            writer: AtomicWaker::new(),
            budget: BUDGET,
            rest: Vec::new(),
            keeps: true,
            has_closed: false,
            seen,
        };
        let pipe = Arc::new(Pipe { state: Mutex::new(state), changed: Notify::new() });
        let traffic = Arc::clone(traffic);
        (Self { pipe: Arc::clone(&pipe), ended, traffic }, StreamOwner(pipe))
    }
}

impl<I> Pipe<I> {
    fn lock(&self) -> MutexGuard<'_, State<I>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<I> State<I> {
    /// Hands on what was read ahead, but nothing after the end of the frame. Returns whether that was the end of a message.
    fn hand_on(&mut self, buf: &mut ReadBuf<'_>) -> bool {
        let room = self.ahead.len().min(buf.remaining());
        let of_frame = self.ahead.get(..room).map_or(0, |bytes| self.input.advance(bytes));
        buf.put_slice(&self.ahead.split_to(of_frame));
        if self.ahead.is_empty() {
            // Not even the buffer of it stays.
            self.ahead = Bytes::new();
        }
        of_frame > 0 && self.input.is_message()
    }

    /// The client has taken so much.
    fn moved(&mut self, taken: usize) {
        self.seen.moved_at = Instant::now();
        self.budget = self.budget.saturating_add(taken).min(BUDGET);
        self.seen.waits = false;
        self.reader.wake();
    }

    /// Notes that the client takes nothing. Returns whether the owner has to know.
    fn wait(&mut self) -> bool {
        if !std::mem::replace(&mut self.seen.waits, true) {
            self.seen.moved_at = Instant::now();
        }
        !std::mem::replace(&mut self.seen.has_waited, true)
    }

    /// Follows what has gone to the client.
    fn sent(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let taken = self.output.advance(bytes);
            bytes = bytes.get(taken..).unwrap_or_default();
            self.has_closed |= self.output.is_close();
        }
    }

    /// Keeps what is written after the end: whole frames, in order, but not a close, which the owner sends.
    fn keep(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let begins = self.output.is_between();
            let (frame, tail) = bytes.split_at(self.output.advance(bytes));
            if begins {
                let len = usize::try_from(self.output.left()).unwrap_or(usize::MAX).saturating_add(frame.len());
                let fits = self.rest.len().saturating_add(len) <= MAX_REST;
                self.keeps &= fits && !self.has_closed && !self.output.is_close();
            }
            if self.keeps {
                self.rest.extend_from_slice(frame);
            }
            bytes = tail;
        }
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for EngineStream<I> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut state = self.pipe.lock();
        let State { io, ahead, budget, seen, is_read_out, .. } = &mut *state;
        let io = match io {
            Some(io) if !*self.ended.borrow() && !self.traffic.is_paused() => io,
            _ if *is_read_out => return Poll::Ready(Ok(())),
            _ => {
                // If it is paused, its owner wakes it. That takes the lock, so it finds the waker.
                state.reader.register(cx.waker());
                return Poll::Pending;
            }
        };
        if ahead.is_empty() && buf.remaining() > 0 {
            let room = if seen.waits { CHUNK.min(*budget) } else { CHUNK };
            let mut chunk = [0; CHUNK];
            let mut chunk = ReadBuf::new(chunk.get_mut(..room).unwrap_or_default());
            let polled = if room == 0 { Poll::Pending } else { Pin::new(io).poll_read(cx, &mut chunk) };
            match polled {
                Poll::Ready(Ok(())) if chunk.filled().is_empty() => return Poll::Ready(Ok(())),
                Poll::Ready(Ok(())) => {
                    seen.heard_at = Instant::now();
                    if seen.waits {
                        *budget = budget.saturating_sub(chunk.filled().len());
                    }
                    *ahead = Bytes::copy_from_slice(chunk.filled());
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    state.reader.register(cx.waker());
                    return Poll::Pending;
                }
            }
        }
        if state.hand_on(buf) {
            self.traffic.spoke();
        }
        Poll::Ready(Ok(()))
    }
}

impl<I: AsyncWrite + Unpin> EngineStream<I> {
    /// Writes or flushes, as long as the stream is engine.io's; `None` once it is not.
    fn poll_out<T>(
        &self,
        cx: &mut Context<'_>,
        poll: impl FnOnce(Pin<&mut I>, &mut Context<'_>) -> Poll<io::Result<T>>,
        done: impl FnOnce(&mut State<I>, &T),
    ) -> Option<Poll<io::Result<T>>> {
        let mut state = self.pipe.lock();
        let polled = poll(Pin::new(state.io.as_mut()?), cx);
        let is_news = match &polled {
            Poll::Ready(Ok(out)) => {
                done(&mut state, out);
                false
            }
            Poll::Ready(Err(_)) => !std::mem::replace(&mut state.seen.is_broken, true),
            Poll::Pending => {
                state.writer.register(cx.waker());
                state.wait()
            }
        };
        drop(state);
        if is_news {
            self.pipe.changed.notify_one();
        }
        Some(polled)
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for EngineStream<I> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let traffic = Arc::clone(&self.traffic);
        let polled = self.poll_out(
            cx,
            |io, cx| if traffic.is_paused() { Poll::Pending } else { io.poll_write(cx, buf) },
            |state, written| {
                state.moved(*written);
                if state.seen.sid.is_none() {
                    state.seen.sid = sid::in_frame(buf);
                }
                state.sent(buf.get(..*written).unwrap_or_default());
            },
        );
        polled.unwrap_or_else(|| {
            self.pipe.lock().keep(buf);
            self.pipe.changed.notify_one();
            Poll::Ready(Ok(buf.len()))
        })
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Everything is on its way, so nothing is left in a buffer.
        let polled = self.poll_out(cx, AsyncWrite::poll_flush, |state, ()| state.moved(BUDGET));
        polled.unwrap_or(Poll::Ready(Ok(())))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_out(cx, AsyncWrite::poll_shutdown, |_, ()| {}).unwrap_or(Poll::Ready(Ok(())))
    }
}

impl<I> Drop for EngineStream<I> {
    fn drop(&mut self) {
        self.pipe.lock().seen.is_dropped = true;
        self.pipe.changed.notify_one();
    }
}

impl<I> StreamOwner<I> {
    /// Waits until there is something to look at.
    pub(super) async fn changed(&self) {
        self.0.changed.notified().await;
    }

    /// Looks at the stream.
    pub(super) fn look(&self) -> Seen {
        self.0.lock().seen
    }

    /// Lets engine.io read and write again after a pause.
    pub(super) fn resume(&self) {
        let state = self.0.lock();
        state.reader.wake();
        state.writer.wake();
    }

    /// Forgets the writes that have waited, but not one that waits now. The next one wakes the owner again.
    pub(super) fn forget_waits(&self) {
        let mut state = self.0.lock();
        state.seen.has_waited = state.seen.waits;
    }

    /// Takes the stream away from engine.io, which reads nothing of it from now on, and returns where in its client's frames
    /// it is; `None` if that was done before.
    pub(super) fn take(&self) -> Option<(I, Frames)> {
        let mut state = self.0.lock();
        let (ahead, mut input) = (std::mem::take(&mut state.ahead), std::mem::take(&mut state.input));
        let mut unread = &*ahead;
        while !unread.is_empty() {
            let taken = input.advance(unread);
            unread = unread.get(taken..).unwrap_or_default();
        }
        state.reader.wake();
        state.writer.wake();
        Some((state.io.take()?, input))
    }

    /// Lets engine.io read the end of the stream.
    pub(super) fn end_reads(&self) {
        let mut state = self.0.lock();
        state.is_read_out = true;
        state.reader.wake();
    }

    /// What engine.io has written since the stream was taken away from it, and whether there may be more.
    pub(super) fn rest(&self) -> (Vec<u8>, bool) {
        let mut state = self.0.lock();
        (std::mem::take(&mut state.rest), !state.seen.is_dropped)
    }

    /// Whether a close may follow what was written: the last frame is whole, and none was sent before.
    pub(super) fn may_close(&self) -> bool {
        let state = self.0.lock();
        state.output.is_between() && !state.has_closed
    }

    /// Keeps nothing any more.
    fn abandon(&self) {
        let mut state = self.0.lock();
        (state.io, state.keeps, state.is_read_out) = (None, false, true);
        state.rest = Vec::new();
        state.reader.wake();
        state.writer.wake();
    }
}

impl<I> Drop for StreamOwner<I> {
    fn drop(&mut self) {
        self.abandon();
    }
}

/// Waits for the first byte that a client sends; `None` if it is gone.
pub(super) async fn first_byte<I: AsyncRead + Unpin>(io: &mut I) -> Option<u8> {
    let mut byte = [0];
    let mut buf = ReadBuf::new(&mut byte);
    poll_fn(|cx| Pin::new(&mut *io).poll_read(cx, &mut buf)).await.ok()?;
    buf.filled().first().copied()
}

#[cfg(test)]
mod tests;
