use std::{
    fmt,
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::{oneshot, watch},
};

use crate::Close;

/// The stream under a WebSocket, which can be ended from outside: engine.io has no way to do so.
///
/// Then it reads as if the client had closed the WebSocket with the code and reason that the client is to see, and
/// engine.io, which answers a close with the same, closes its session.
pub(super) struct Connection<I> {
    io: I,
    cut: Pin<Box<dyn Future<Output = Close> + Send>>,
    reading: Reading,
    /// Dropped with the stream, and so tells that it is gone.
    _gone: oneshot::Sender<()>,
}

enum Reading {
    Client,
    Close(Vec<u8>),
}

impl<I> Connection<I> {
    /// The stream, and what completes when it is gone.
    pub(super) fn new(io: I, mut cut: watch::Receiver<Option<Close>>) -> (Self, oneshot::Receiver<()>) {
        let (sender, gone) = oneshot::channel();
        let cut = Box::pin(async move {
            match cut.wait_for(Option::is_some).await.map(|close| close.clone()) {
                Ok(Some(close)) => close,
                // The session is gone, and the stream will be too.
                _ => std::future::pending().await,
            }
        });
        (Self { io, cut, reading: Reading::Client, _gone: sender }, gone)
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Connection<I> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
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
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}

impl<I> fmt::Debug for Connection<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").finish_non_exhaustive()
    }
}

/// A close frame as a client sends it (RFC 6455, 5.5.1): masked, here with zeros. A reason is at most 123 bytes long.
fn client_close(close: &Close) -> Vec<u8> {
    let reason = close.reason().as_bytes();
    let len = u8::try_from(reason.len() + 2).unwrap_or(2).min(125);
    let mut frame = vec![0x88, 0x80 | len, 0, 0, 0, 0];
    frame.extend(close.code().to_be_bytes());
    frame.extend(reason.iter().take(usize::from(len) - 2));
    frame
}
