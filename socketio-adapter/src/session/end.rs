use std::time::{Duration, SystemTime};

use auth_core::{BoxError, Evidence};
use tokio::sync::watch;
use ws_adapter::{
    Close,
    adapter::{Due, Wake},
};

use super::Session;

/// Its end, and what it costs after that.
impl Session {
    /// What is due now. If that is the end, it has ended by then, and nobody is let in.
    pub(crate) fn due(&self) -> Option<Due> {
        let now = self.moment();
        self.change(|state| state.time.due(now, true))
    }

    /// Lets nothing pass while it is past an end that may have moved.
    pub(crate) fn pace(&self) {
        let now = self.moment();
        let is_waiting = self.state().time.is_waiting(now);
        // Once it has ended, the owners of its streams say what still passes.
        if !self.is_ended() {
            self.traffic().pause(is_waiting);
        }
    }

    /// Whether evidence that it lives by is past its end. If that may move, the session knows the current one.
    pub(crate) fn has_expired(&self, evidence: &Evidence) -> bool {
        let now = self.moment();
        match evidence.has_moving_end() {
            true => self.state().is_over(now),
            false => evidence.is_expired_at(now.wall),
        }
    }

    /// The evidence in a slot of its lifetime.
    pub(crate) fn evidence_in(&self, slot: u64) -> Option<Evidence> {
        self.state().evidence_in(slot).cloned()
    }

    /// When the credential in this slot ends now, or that nobody knows.
    pub(crate) fn moved(&self, slot: u64, end: &Result<Option<SystemTime>, BoxError>) {
        let now = self.moment();
        self.change(|state| state.time.moved(slot, end, now));
    }

    pub(crate) fn wake(&self) -> Wake {
        self.state().time.wake()
    }

    /// Plans its end while the server goes down.
    pub(crate) fn drain_in(&self, span: Duration) {
        let now = self.moment();
        self.change(|state| state.time.drain_in(span, now));
    }

    /// Ends the transport at once.
    pub(crate) fn mark_ended(&self, close: Close) {
        self.change_and_notify(|state| state.time.end(close));
    }

    /// Ends it: from here on nobody is let in. It counts as a connection until it is [forgotten](Self::forget). Returns whether it
    /// was open until now.
    pub(crate) fn end(&self, close: &Close) -> bool {
        let is_first = self.change_and_notify(|state| {
            state.time.end(close.clone());
            !std::mem::replace(&mut state.closed, true)
        });
        if is_first {
            self.place.ends(close);
        }
        is_first
    }

    /// The transport is gone. engine.io tells the handlers.
    pub(crate) fn leave(&self) {
        self.end(&self.end_reason().unwrap_or(Close::NORMAL));
        self.forget();
    }

    /// Takes it out of the registry. That also happens when it is dropped, but engine.io may hold it for longer. While it has a
    /// stream, it stays until the stream is gone.
    pub(crate) fn forget(&self) {
        if *self.streams.borrow() > 0 {
            return;
        }
        let costs_memory = self.state().costs_memory();
        self.place.leave(costs_memory, self.owner().and_then(Evidence::principal));
        // The last answer may have been taken meanwhile.
        let state = self.state();
        if !state.costs_memory() {
            self.place.free();
        }
        drop(state);
        self.sessions.remove(self.id(), self.sid());
    }

    pub(crate) fn is_ended(&self) -> bool {
        self.state().is_ended()
    }

    /// Why it ends, if it does.
    pub(crate) fn end_reason(&self) -> Option<Close> {
        self.state().time.ended().cloned()
    }

    /// Whether it has been closed, by us or by the engine.
    pub(crate) fn is_closed(&self) -> bool {
        self.state().closed
    }

    pub(crate) fn watch(&self) -> watch::Receiver<bool> {
        self.changed.subscribe()
    }

    /// Ends the WebSockets of this transport, those to come as well.
    pub(crate) fn cut(&self, close: Close) {
        self.cut.send_replace(Some(close));
    }

    pub(crate) fn watch_cut(&self) -> watch::Receiver<Option<Close>> {
        self.cut.subscribe()
    }
}
