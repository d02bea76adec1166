use std::{
    future::{Future, poll_fn},
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::{oneshot, watch},
    time::{self, Sleep},
};

use crate::Close;

/// The stream under a WebSocket, which can be ended from outside: engine.io has no way to do so.
///
/// Then it reads as if the client had closed the WebSocket with the code and reason that the client is to see, and
/// engine.io, which answers a close with the same, closes its session.
pub(super) struct Connection<I> {
    io: I,
    /// What was read of it before.
    first: Option<u8>,
    cut: Pin<Box<dyn Future<Output = Close> + Send>>,
    reading: Reading,
    stall: Duration,
    /// Runs while the client takes nothing of what it is sent.
    stalled: Option<Pin<Box<Sleep>>>,
    /// Dropped with the stream, and so tells that it is gone.
    _gone: oneshot::Sender<()>,
}

enum Reading {
    Client,
    Close(Vec<u8>),
}

impl<I> Connection<I> {
    /// The stream, and what completes when it is gone.
    ///
    /// A client that takes nothing for as long as `stall` is given up: engine.io would wait for it for ever, even in order
    /// to close the session.
    pub(super) fn new(
        io: I,
        first: Option<u8>,
        mut cut: watch::Receiver<Option<Close>>,
        stall: Duration,
    ) -> (Self, oneshot::Receiver<()>) {
        let (sender, gone) = oneshot::channel();
        let cut = Box::pin(async move {
            match cut.wait_for(Option::is_some).await.map(|close| close.clone()) {
                Ok(Some(close)) => close,
                // The session is gone, and the stream will be too.
                _ => std::future::pending().await,
            }
        });
        (Self { io, first, cut, reading: Reading::Client, stall, stalled: None, _gone: sender }, gone)
    }

    fn poll_out<T>(
        &mut self,
        cx: &mut Context<'_>,
        poll: impl FnOnce(Pin<&mut I>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>>
    where
        I: Unpin,
    {
        let is_cut = matches!(self.reading, Reading::Close(_));
        // From the end on, so much time is all that there is, however slowly the client takes what it is sent.
        if is_cut && let Poll::Ready(error) = self.poll_stalled(cx) {
            return Poll::Ready(Err(error));
        }
        if let Poll::Ready(out) = poll(Pin::new(&mut self.io), cx) {
            if !is_cut {
                self.stalled = None;
            }
            return Poll::Ready(out);
        }
        self.poll_stalled(cx).map(Err)
    }

    /// The error that ends the wait for a client that takes nothing.
    fn poll_stalled(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let stall = self.stall;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(time::sleep(stall)));
        stalled.as_mut().poll(cx).map(|()| io::ErrorKind::TimedOut.into())
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Connection<I> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if buf.remaining() > 0
            && let Some(first) = this.first.take()
        {
            buf.put_slice(&[first]);
            return Poll::Ready(Ok(()));
        }
        if let Reading::Client = this.reading {
            match this.cut.as_mut().poll(cx) {
                Poll::Ready(close) => this.reading = Reading::Close(client_close(&close)),
                Poll::Pending => return Pin::new(&mut this.io).poll_read(cx, buf),
            }
        }
        if let Reading::Close(frame) = &mut this.reading {
            let rest = frame.split_off(frame.len().min(buf.remaining()));
            // Once nothing is left of it, this is the end of the stream.
            buf.put_slice(frame);
            *frame = rest;
        }
        Poll::Ready(Ok(()))
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Connection<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_out(cx, |io, cx| io.poll_write(cx, buf))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_out(cx, AsyncWrite::poll_flush)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_out(cx, AsyncWrite::poll_shutdown)
    }
}

/// Waits for the first byte that a client sends; `None` if it is gone.
pub(super) async fn first_byte<I: AsyncRead + Unpin>(io: &mut I) -> Option<u8> {
    let mut byte = [0];
    let mut buf = ReadBuf::new(&mut byte);
    poll_fn(|cx| Pin::new(&mut *io).poll_read(cx, &mut buf)).await.ok()?;
    buf.filled().first().copied()
}

/// A close frame as a client sends it (RFC 6455, 5.5.1): masked, here with zeros.
fn client_close(close: &Close) -> Vec<u8> {
    let payload: Vec<u8> = close.code().to_be_bytes().into_iter().chain(close.reason().bytes()).collect();
    // OK because no reason is longer than what fits.
    let len = u8::try_from(payload.len()).unwrap_or_default();
    [&[0x88, 0x80 | len, 0, 0, 0, 0], payload.as_slice()].concat()
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream},
        time::Instant,
    };

    use super::*;

    #[tokio::test]
    async fn client_that_takes_nothing_is_given_up() {
        let (_cut, watch) = watch::channel(None);
        let (server, mut client) = tokio::io::duplex(4);
        let (mut connection, _gone) = Connection::new(server, None, watch, Duration::from_millis(200));
        let taken = tokio::spawn(async move {
            let mut taken = [0; 4];
            time::sleep(Duration::from_millis(20)).await;
            client.read_exact(&mut taken).await.unwrap();
            client
        });
        connection.write_all(b"it takes").await.unwrap();
        let error = connection.write_all(b"no more").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        drop(taken.await.unwrap());
    }

    /// A client that takes a byte every tenth of a second, of a stream with a fifth for its end.
    async fn slow_reader() -> (Connection<DuplexStream>, watch::Sender<Option<Close>>) {
        let (cut, watch) = watch::channel(None);
        let (server, mut client) = tokio::io::duplex(1);
        tokio::spawn(async move {
            while client.read_u8().await.is_ok() {
                time::sleep(Duration::from_millis(100)).await;
            }
        });
        (Connection::new(server, None, watch, Duration::from_millis(200)).0, cut)
    }

    #[tokio::test(start_paused = true)]
    async fn slow_client_is_waited_for_as_long_as_it_takes_something() {
        let (mut connection, _cut) = slow_reader().await;
        connection.write_all(&[0; 100]).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn slow_client_has_one_deadline_for_everything_after_a_cut() {
        let (mut connection, cut) = slow_reader().await;
        connection.write_all(&[0; 10]).await.unwrap();
        cut.send_replace(Some(Close::TOKEN_EXPIRED));
        // engine.io reads the close, and answers it.
        connection.read_u8().await.unwrap();
        let begun = Instant::now();
        let error = connection.write_all(&[0; 100]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(begun.elapsed() < Duration::from_millis(300), "{:?}", begun.elapsed());
        // And for what else it tries.
        assert_eq!(connection.flush().await.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn cut_reads_as_a_close_of_the_client_and_then_ends() {
        let (cut, watch) = watch::channel(None);
        let (server, mut client) = tokio::io::duplex(64);
        let (mut connection, gone) = Connection::new(server, Some(b'h'), watch, Duration::from_secs(1));
        client.write_all(b"i").await.unwrap();
        assert_eq!(connection.read(&mut []).await.unwrap(), 0, "no room takes nothing away");
        let mut read = [0; 2];
        connection.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, b"hi");
        cut.send_replace(Some(Close::TOKEN_EXPIRED));
        // Byte by byte, as a small buffer would.
        let mut frame = Vec::new();
        while let Ok(byte) = connection.read_u8().await {
            frame.push(byte);
        }
        assert_eq!(frame, [b"\x88\x8f\0\0\0\0\x11\x31", "token_expired".as_bytes()].concat());
        drop(connection);
        assert!(gone.await.is_err());
    }

    #[test]
    fn longest_reason_fits_into_the_frame_of_a_close() {
        let frame = client_close(&Close::new(4000, "x".repeat(200)));
        assert_eq!(frame, [b"\x88\xfd\0\0\0\0\x0f\xa0", [b'x'; 123].as_slice()].concat());
    }

    #[tokio::test(start_paused = true)]
    async fn end_of_what_is_written_is_seen_by_the_client() {
        let (_cut, watch) = watch::channel(None);
        let (server, mut client) = tokio::io::duplex(64);
        let (mut connection, _gone) = Connection::new(server, None, watch, Duration::from_secs(1));
        connection.shutdown().await.unwrap();
        let mut byte = [0];
        let read = time::timeout(Duration::from_secs(1), client.read(&mut byte)).await;
        assert_eq!(read.expect("nothing came").unwrap(), 0);
    }
}
