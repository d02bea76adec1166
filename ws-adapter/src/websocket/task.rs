use std::{
    future::Future,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    thread,
};

use auth_core::{Authenticated, Principal};
use axum::extract::ws::{Message, WebSocket};
use futures_util::{
    FutureExt as _,
    future::{self, FusedFuture as _},
};
use pin_project_lite::pin_project;

use super::{
    context::SocketContext,
    driver::Driver,
    ending::Ending,
    open_guard::OpenGuard,
    refresh_context::RefreshContext,
    shared::{Fixed, SharedSocket},
    stream::AuthSocket,
};
use crate::{
    Close,
    lifetime::{Lifetime, Moment},
    shutdown::ShutdownWatch,
};

/// What the driver needs, besides the socket, to run an admitted socket.
pub(super) struct AdmittedSocket<U> {
    pub(super) user: Authenticated<U>,
    pub(super) context: SocketContext,
    /// `None` if no layer has this user type.
    pub(super) refresh_context: Option<Arc<RefreshContext<U>>>,
    /// One for each shutdown that closes the socket. While they exist, the socket counts as open.
    pub(super) shutdowns: Vec<ShutdownWatch>,
    /// A message for the handler that was read before it ran.
    pub(super) first: Option<Message>,
}

/// The largest handler, in bytes, that lies in the memory of its task. A task keeps its memory as long as it runs, and a handler
/// may return and leave its socket to another task. So a larger handler gets a box, which is freed when it returns. A box costs
/// an allocation and 24 bytes, a tenth of this.
const MAX_INLINE: usize = 256;

/// Starts the task of a socket. It runs the handler until the handler drops the socket, a credential ends or is revoked, or the
/// server shuts down.
///
/// An idle socket holds this task in memory all its life. To keep it small, setup runs before the future starts, and the work
/// at the end gets a box of its own.
pub(super) fn spawn<U, F, Fut>(socket: WebSocket, admitted: AdmittedSocket<U>, handler: F)
where
    U: Principal,
    F: FnOnce(AuthSocket<U>) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let (socket, driver, open) = set_up(socket, admitted);
    // A lazy future takes no room for the socket beside the handler's future, which holds it.
    let handler = future::lazy(move |_| handler(socket)).flatten();
    if size_of_val(&handler) <= MAX_INLINE {
        tokio::spawn(task(handler, driver, open));
    } else {
        tokio::spawn(task(Box::pin(handler), driver, open));
    }
}

fn set_up<U: Principal>(socket: WebSocket, admitted: AdmittedSocket<U>) -> (AuthSocket<U>, Driver<U>, OpenGuard) {
    let AdmittedSocket { user, context, refresh_context, shutdowns, first } = admitted;
    let SocketContext { id, signals, timer, settings, subprotocol, codec, layers, .. } = context;
    let codec = codec.filter(|codec| codec.accepts(socket.protocol()));
    let is_of_codec = codec.as_ref().is_some_and(|codec| codec.names(&subprotocol));
    let in_band = socket.protocol() == Some(&subprotocol) && !is_of_codec;
    let protocol = socket.protocol().cloned().map(Box::new);

    let now = Moment::of(&*timer);
    let mut life = Lifetime::new(Arc::clone(&settings), now);
    (0..).zip(&layers).for_each(|(slot, layer)| life.hold(slot, layer.end, now));
    let open = OpenGuard::new(layers.into_iter().map(|layer| layer.registration).collect());
    let fixed =
        Fixed { id: id.packed(), timer, protocol, in_band, codec, codes: settings.codes, refresh_context, signals };
    let shared = Arc::new(SharedSocket::new(socket, user, life, fixed));
    let shutdowns = shutdowns.into_iter().map(ShutdownWatch::opened).collect();
    let driver = Driver::new(Arc::clone(&shared), shutdowns);
    (AuthSocket::new(shared, first), driver, open)
}

fn task<U: Principal, H: Future<Output = ()> + Send>(
    handler: H,
    driver: Driver<U>,
    open: OpenGuard,
) -> impl Future<Output = ()> + Send + use<U, H> {
    // OK to assert unwind safety because nothing uses the handler after a panic.
    let handler = AssertUnwindSafe(handler).catch_unwind().fuse();
    SocketTask { handler, ending: None, driver, open }
}

pin_project! {
    /// The future of a socket's task. An async block would hold the handler's future twice.
    struct SocketTask<U, H> {
        // Dropped first: the socket counts as open until its handler is gone.
        #[pin]
        handler: future::Fuse<H>,
        ending: Option<Box<Ending>>,
        driver: Driver<U>,
        open: OpenGuard,
    }
}

impl<U: Principal, H: Future<Output = thread::Result<()>>> Future for SocketTask<U, H> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        let ending = loop {
            if let Some(ending) = this.ending {
                break ending;
            }
            let ended = match this.driver.poll(this.open, cx) {
                Poll::Ready(ended) => ended,
                // A handler that returns drops its socket, which the driver sees as released. It may also have moved the
                // socket to another task; the deadline holds there too.
                Poll::Pending => match this.handler.as_mut().poll(cx) {
                    Poll::Ready(Ok(())) => continue,
                    Poll::Ready(Err(_)) => {
                        tracing::error!("a socket handler panicked");
                        this.driver.end(Close::INTERNAL_ERROR)
                    }
                    Poll::Pending => return Poll::Pending,
                },
            };
            let (cause, taken) = ended;
            let has_returned = this.handler.is_terminated();
            *this.ending = Some(Box::new(Ending::new(this.driver, this.open, has_returned, cause, taken)));
        };
        let mut handler = this.handler;
        if ending.poll(this.driver, |cx| handler.as_mut().poll(cx).map(drop), cx).is_pending() {
            return Poll::Pending;
        }
        // The handler is dropped after the close: what its destructors do can no longer reach the peer. The socket counts as open
        // until then.
        handler.set(future::Fuse::terminated());
        *this.ending = None;
        this.open.leave();
        Poll::Ready(())
    }
}

#[cfg(test)]
mod tests {
    use std::future::Ready;

    use super::{super::signals::Signals, *};

    /// The size of what a function returns.
    fn size_of_result<A, B, C, R>(_: fn(A, B, C) -> R) -> usize {
        size_of::<R>()
    }

    #[test]
    fn idle_socket_holds_no_more_than_this() {
        for (what, size, most) in [
            ("task", size_of_result(task::<String, Ready<()>>), 128),
            ("shared socket", size_of::<SharedSocket<String>>(), 656),
            ("socket of the handler", size_of::<AuthSocket<String>>(), 16),
            ("refresh context", size_of::<RefreshContext<String>>(), 64),
            ("signals", size_of::<Signals>(), 72),
        ] {
            assert!(size <= most, "{what}: {size} bytes, and not {most}");
        }
    }
}
