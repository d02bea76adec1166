use std::time::Duration;

use auth_core::Evidence;
use tokio::sync::watch;

use super::Session;
use crate::{
    Close,
    connections::PendingGuard,
    lifetime::{Due, Wake},
    socketio::life::{Lingers, Place},
    telemetry::{self, Gauge},
};

/// Its end, and what it costs after that.
impl Session {
    /// What is due now. What ends it, has ended it by then: nobody is let in any more.
    pub(in crate::socketio) fn due(&self) -> Option<Due> {
        let now = self.moment();
        self.change(|life| life.time.due(now, true))
    }

    pub(in crate::socketio) fn wake(&self) -> Wake {
        self.life().time.wake()
    }

    /// Plans its end while the server goes down.
    pub(in crate::socketio) fn drain_in(&self, span: Duration) {
        let now = self.moment();
        self.change(|life| life.time.drain_in(span, now));
    }

    /// Ends the transport at once.
    pub(in crate::socketio) fn doom(&self, close: Close) {
        self.change_and_tell(|life| life.time.end(close));
    }

    /// From here on nobody is let in. It counts as a connection until it is [forgotten](Self::forget). Tells whether it was
    /// open until now.
    pub(in crate::socketio) fn end(&self, close: &Close) -> bool {
        let ended = self.change_and_tell(|life| {
            let is_first = !std::mem::replace(&mut life.closed, true);
            life.time.end(close.clone());
            // It keeps its place until its stream is gone, but takes that of no other.
            life.place.iter().filter(|_| is_first).for_each(|place| place.registration.ends());
            is_first.then_some(life.begun)
        });
        // Who was refused before there was a transport is not closed.
        if ended == Some(true) {
            telemetry::closed(Some(self.id), close);
        }
        ended.is_some()
    }

    /// The transport is gone. engine.io tells the handlers so; there is nobody else to tell.
    pub(in crate::socketio) fn leave(&self) {
        self.end(&self.doomed().unwrap_or(Close::NORMAL));
        self.forget();
    }

    /// Takes it out of the registry, which it does by itself when the last of it goes. engine.io may hold it for longer.
    /// While it has a stream, that is put off until the stream is gone.
    pub(in crate::socketio) fn forget(&self) {
        if *self.streams.borrow() > 0 {
            return;
        }
        let (place, pending, lingers) = self.change(|life| {
            let lingers = life.begun && life.kept.is_none() && life.costs_memory();
            (life.place.take(), life.pending.take(), lingers)
        });
        if lingers {
            self.linger(place.as_ref(), pending);
        }
        drop(place);
        self.sessions.remove(self.id, self.sid());
    }

    /// Counts on without a place.
    fn linger(&self, place: Option<&Place>, pending: Option<(PendingGuard, Gauge)>) {
        let lingers = match (pending, place, self.owner().and_then(Evidence::principal)) {
            (Some((pending, _)), ..) => {
                pending.leave_place();
                Lingers::OfAddress(pending)
            }
            (None, Some(place), Some(user)) => {
                let Some(kept) = place.registration.connections().keep_on(user.clone()) else { return };
                Lingers::OfUser(kept)
            }
            _ => return,
        };
        // The last answer may have been taken meanwhile.
        let unused = self.change(|life| match life.costs_memory() {
            true => life.lingers.replace(lingers),
            false => Some(lingers),
        });
        drop(unused);
    }

    pub(in crate::socketio) fn is_ended(&self) -> bool {
        self.life().is_ended()
    }

    /// Why it ends, if it does.
    pub(in crate::socketio) fn doomed(&self) -> Option<Close> {
        self.life().time.ended().cloned()
    }

    /// Whether it has been closed, by us or by the engine.
    pub(in crate::socketio) fn is_closed(&self) -> bool {
        self.life().closed
    }

    pub(in crate::socketio) fn watch(&self) -> watch::Receiver<bool> {
        self.told.subscribe()
    }

    /// Ends the WebSockets of this transport, those to come as well.
    pub(in crate::socketio) fn cut(&self, close: Close) {
        self.cut.send_replace(Some(close));
    }

    pub(in crate::socketio) fn watch_cut(&self) -> watch::Receiver<Option<Close>> {
        self.cut.subscribe()
    }
}
