use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use auth_core::{Principal, Timer};

use super::{
    codec::translate_close,
    driver::{Driver, EndCause},
    finish::finish,
    open_guard::OpenGuard,
    pipe::TakenSocket,
};
use crate::{Close, connections::LingeringGuard, lifetime::Sleep, telemetry};

/// How long a handler may run after its peer is gone.
const GRACE: Duration = Duration::from_secs(60);

/// The end of a socket: it closes the socket, and waits for a handler that may go on without it.
pub(super) struct Ending {
    /// `None` once the socket is closed.
    closing: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    /// `None` once nothing waits for the handler.
    waiting: Option<Waiting>,
    #[expect(dead_code, reason = "the handler counts while they are held")]
    lingering: Vec<LingeringGuard>,
}

/// What ends a handler that goes on without its socket.
struct Waiting {
    /// The end of the credential.
    expiry: Option<Sleep>,
    grace: Option<Sleep>,
}

/// How long the handler may run without its socket.
#[derive(Clone, Copy, PartialEq, Eq)]
enum HandlerGrace {
    None,
    /// Until the credential ends.
    UntilExpiry,
    /// Until the credential ends, and for [`GRACE`] at most: a handler may wait forever for something to send. If one user
    /// has too many such handlers, the oldest is ended.
    Limited,
}

impl Ending {
    /// `has_returned` says that the handler is over.
    pub(super) fn new<U: Principal>(
        driver: &Driver<U>,
        open: &mut OpenGuard,
        has_returned: bool,
        cause: EndCause,
        taken: TakenSocket,
    ) -> Self {
        let grace = match cause {
            EndCause::Close(_) => HandlerGrace::None,
            _ if has_returned => HandlerGrace::None,
            EndCause::Released => HandlerGrace::UntilExpiry,
            EndCause::PeerGone => HandlerGrace::Limited,
        };
        let lingering = match grace {
            HandlerGrace::Limited => open.linger(),
            HandlerGrace::UntilExpiry => Vec::new(),
            HandlerGrace::None => {
                open.leave();
                Vec::new()
            }
        };
        let TakenSocket { socket, close, broken } = taken;
        let close = match cause {
            EndCause::Close(close) => close,
            EndCause::Released | EndCause::PeerGone => close.unwrap_or(Close::NORMAL),
        };
        let fixed = driver.shared.fixed();
        telemetry::closed(Some(fixed.id.name()), &close);
        let close = translate_close(close, fixed.codec.as_deref(), fixed.codes);
        let closing = socket.map(|socket| Box::pin(finish(*socket, close, broken)) as _);
        let sleep = |span| fixed.timer.sleep(span);
        let waiting = (grace != HandlerGrace::None).then(|| Waiting {
            expiry: driver.shared.expiry().sleep(&*fixed.timer),
            grace: (grace == HandlerGrace::Limited).then(|| sleep(GRACE)),
        });
        Self { closing, waiting, lingering }
    }

    /// Completes when the socket is closed and the handler need not run any more. `handler` polls it.
    pub(super) fn poll<U: Principal>(
        &mut self,
        driver: &mut Driver<U>,
        handler: impl FnOnce(&mut Context<'_>) -> Poll<()>,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        if self.closing.as_mut().is_some_and(|closing| closing.as_mut().poll(cx).is_ready()) {
            self.closing = None;
        }
        if let Some(waiting) = &mut self.waiting
            && (waiting.poll_over(driver, cx).is_ready() || handler(cx).is_ready())
        {
            self.waiting = None;
        }
        if self.closing.is_none() && self.waiting.is_none() { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Waiting {
    fn poll_over<U: Principal>(&mut self, driver: &mut Driver<U>, cx: &mut Context<'_>) -> Poll<()> {
        let mut sleeps = [&mut self.expiry, &mut self.grace].into_iter().flatten();
        if sleeps.any(|sleep| sleep.as_mut().poll(cx).is_ready()) {
            return Poll::Ready(());
        }
        driver.poll_stop(cx)
    }
}
