use std::{
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use auth_core::{Principal, Timer};

use super::{
    in_band::{Credentials, MalformedAuth, ServerMessage},
    open_guard::OpenGuard,
    pipe::TakenSocket,
    refresh::{RefreshError, refresh},
    shared::{Fixed, SharedSocket, SocketEvent},
    work::{Done, Refreshed, Refreshing, Work},
};
use crate::{
    Close,
    few::Few,
    lifetime::{Due, Sleep},
    shutdown::ShutdownWatch,
};

/// Watches an open socket, and does what is due.
pub(super) struct Driver<U> {
    pub(super) shared: Arc<SharedSocket<U>>,
    /// While they exist, the socket counts as open.
    shutdowns: Few<ShutdownWatch>,
    /// What is in progress. Boxed, because a socket has none most of the time.
    work: Option<Box<Work>>,
    /// Wakes the driver for what is due next.
    alarm: Option<Sleep>,
}

impl<U: Principal> Driver<U> {
    pub(super) fn new(shared: Arc<SharedSocket<U>>, shutdowns: Few<ShutdownWatch>) -> Self {
        Self { shared, shutdowns, work: None, alarm: None }
    }

    /// Completes when the socket has to end, the handler has dropped it or the peer is gone.
    pub(super) fn poll(&mut self, open: &OpenGuard, cx: &mut Context<'_>) -> Poll<(EndCause, TakenSocket)> {
        // Without an alarm, nobody has checked yet: an end that is due wins over one from the registry.
        let mut is_due = self.alarm.is_none();
        loop {
            if is_due && let Some(close) = self.do_what_is_due(open, cx) {
                return Poll::Ready(self.end(close));
            }
            if let Some(close) = self.shared.fixed().signals.listen(cx) {
                return Poll::Ready(self.end(close));
            }
            if self.poll_alarm(cx).is_pending() {
                match ready!(self.poll_event(cx)) {
                    // The timer may fire a little late: the handler may have seen the end and dropped the socket first.
                    SocketEvent::Released => return Poll::Ready(self.gone(EndCause::Released, cx)),
                    SocketEvent::PeerGone => return Poll::Ready(self.gone(EndCause::PeerGone, cx)),
                    SocketEvent::Auth(received) => self.start_refresh(received),
                    SocketEvent::Changed => {}
                }
            }
            is_due = true;
        }
    }

    /// Does what is due now, and sets the alarm for what is due later. Returns the close if the socket has to end.
    fn do_what_is_due(&mut self, open: &OpenGuard, cx: &mut Context<'_>) -> Option<Close> {
        while let Some(due) = self.shared.due(cx) {
            match due {
                Due::End(close) => return Some(close),
                Due::Notice(end) if self.shared.fixed().in_band => {
                    self.shared.queue(ServerMessage::expiring(end, self.timer().now()).into_message());
                }
                Due::Ping => self.shared.ping(),
                Due::Ask { slot } => self.ask(slot, open),
                Due::Notice(_) | Due::Look => {}
            }
        }
        if let Some(wake) = self.shared.plan(self.alarm.is_some()) {
            self.alarm = wake.sleep(self.timer());
        }
        None
    }

    /// Asks whether the end of this slot's credential has moved.
    fn ask(&mut self, slot: u64, open: &OpenGuard) {
        match self.shared.evidence(slot).or_else(|| open.evidence(slot)) {
            Some(evidence) => {
                let (used_at, timer) = (self.shared.used_at(), &self.shared.fixed().timer);
                self.work.get_or_insert_default().questions.ask(slot, evidence, used_at, timer);
            }
            None => self.shared.moved(slot, &Err("the credential is not known".into())),
        }
    }

    fn poll_alarm(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(alarm) = &mut self.alarm else {
            return Poll::Pending;
        };
        ready!(alarm.as_mut().poll(cx));
        self.alarm = None;
        Poll::Ready(())
    }

    /// Completes with what happened to the socket.
    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<SocketEvent> {
        if let Poll::Ready(span) = self.poll_shutdowns() {
            self.shared.drain_in(span);
            return Poll::Ready(SocketEvent::Changed);
        }
        if let Some(work) = &mut self.work
            && let Poll::Ready(done) = work.poll(cx)
        {
            self.work.take_if(|work| work.is_done());
            match done {
                Done::Refreshed(result) => self.answer(result),
                Done::Told((slot, end)) => self.shared.moved(slot, &end),
            }
            return Poll::Ready(SocketEvent::Changed);
        }
        // Don't read during a refresh: a credential that is read then counts as a guess, sent without waiting for the answer.
        self.shared.poll_event(cx, !self.is_refreshing())
    }

    fn is_refreshing(&self) -> bool {
        self.work.as_ref().is_some_and(|work| work.refreshing.is_some())
    }

    /// Completes when the handler has to stop, after the socket is gone: its end came, or the server goes down.
    pub(super) fn poll_stop(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let is_over = self.shared.fixed().signals.listen(cx).is_some() || self.poll_shutdowns().is_ready();
        if is_over { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Completes when a shutdown begins, or begins again, with the time after which the socket is to end.
    fn poll_shutdowns(&mut self) -> Poll<Duration> {
        let Fixed { signals, id, .. } = self.shared.fixed();
        for shutdown in &mut *self.shutdowns {
            if let Poll::Ready(spread) = shutdown.poll_begun_for(signals) {
                return Poll::Ready(shutdown.share(spread, id.name().fraction()));
            }
        }
        Poll::Pending
    }

    fn start_refresh(&mut self, received: Result<Credentials, MalformedAuth>) {
        match received {
            // A client that does not wait for the answer may be guessing.
            _ if self.is_refreshing() => self.shared.wrong(),
            Ok(credentials) => {
                let shared = Arc::clone(&self.shared);
                let refreshing: Refreshing = Box::pin(async move {
                    match &shared.fixed().refresh_context {
                        Some(refresh_context) => refresh(&shared, refresh_context, credentials).await,
                        None => {
                            shared.wrong();
                            Err(RefreshError::malformed())
                        }
                    }
                });
                self.work.get_or_insert_default().refreshing = Some(refreshing);
            }
            Err(MalformedAuth) => {
                self.shared.wrong();
                self.answer(Err(RefreshError::malformed()));
            }
        }
    }

    fn answer(&self, result: Refreshed) {
        let answer = match result {
            Ok(end) => ServerMessage::ok(end, self.timer().now()),
            Err(error) => ServerMessage::Error { code: error.code() },
        };
        self.shared.queue(answer.into_message());
    }

    pub(super) fn end(&mut self, close: Close) -> (EndCause, TakenSocket) {
        let taken = self.take(Some(close.clone()));
        (EndCause::Close(close), taken)
    }

    /// Takes the socket because the handler or the peer is gone. If its end is due too, the end wins.
    fn gone(&mut self, cause: EndCause, cx: &mut Context<'_>) -> (EndCause, TakenSocket) {
        match self.shared.due(cx) {
            Some(Due::End(close)) => self.end(close),
            _ => (cause, self.take(None)),
        }
    }

    fn take(&mut self, close: Option<Close>) -> TakenSocket {
        let taken = self.shared.take(close);
        // The refresh can no longer succeed. As long as it exists, other attempts wait for its place in the limiter.
        self.work = None;
        taken
    }

    fn timer(&self) -> &dyn Timer {
        &*self.shared.fixed().timer
    }
}

impl<U> Drop for Driver<U> {
    fn drop(&mut self) {
        // A waker keeps the memory of its task, and the registry may keep the signals. Nobody has anything more to wait for. If the
        // runtime stops, the socket is still there; without its driver nothing would end it, or read for a handler that waits.
        drop(self.shared.take(None));
    }
}

/// Why the driver takes the socket away.
pub(super) enum EndCause {
    /// The socket has to end with this close.
    Close(Close),
    /// The handler dropped the socket.
    Released,
    /// The peer is gone.
    PeerGone,
}
