use std::task::{Context, Poll};

use auth_core::Authenticated;
use axum::{Error, extract::ws::Message};

use super::{
    handler_read::HandlerRead,
    in_band::{Credentials, MalformedAuth, read_auth},
    pipe::{Pipe, is_control},
};
use crate::lifetime::{Lifetime, Moment, Passed, Wake};

/// The payload of our own pings. A pong with this payload is not for the handler.
pub(super) const PING: &[u8] = b"auth.ping";

/// What the lock of a [`SharedSocket`](super::shared::SharedSocket) guards.
pub(super) struct SocketState<U> {
    pub(super) pipe: Pipe,
    pub(super) life: Lifetime,
    pub(super) user: Authenticated<U>,
    /// Whether the handler has dropped its side.
    pub(super) released: bool,
    pub(super) handler: HandlerRead,
    /// An `auth` message that the driver has not handled yet.
    pub(super) auth: Option<Box<Result<Credentials, MalformedAuth>>>,
    /// Whether the driver has to check again what is due.
    pub(super) changed: bool,
    /// Whether the credential was replaced, or its end has moved, since the driver's alarm was set.
    pub(super) renewed: bool,
    /// When the driver's alarm goes off at the latest, by the monotonic clock. It also goes off at the end that was known when it
    /// was set, or at its notice. Only a new credential or a moved end has an earlier one.
    alarm: Option<Passed>,
}

impl<U> SocketState<U> {
    pub(super) fn new(pipe: Pipe, life: Lifetime, user: Authenticated<U>) -> Self {
        Self {
            pipe,
            life,
            user,
            released: false,
            handler: HandlerRead::default(),
            auth: None,
            // The driver has not checked what is due yet.
            changed: true,
            renewed: false,
            alarm: None,
        }
    }

    /// Records that a message came in. Returns it if it is for the handler.
    pub(super) fn filter(
        &mut self,
        message: Result<Message, Error>,
        in_band: bool,
        now: Moment,
    ) -> Option<Result<Message, Error>> {
        self.life.heard(now);
        match &message {
            Ok(Message::Pong(payload)) if payload == PING => return None,
            Ok(Message::Text(text)) => match in_band.then(|| read_auth(text)).flatten() {
                Some(auth) => {
                    self.receive_auth(auth, now);
                    return None;
                }
                None => self.life.spoke(now),
            },
            Ok(Message::Binary(_)) => self.life.spoke(now),
            _ => {}
        }
        Some(message)
    }

    /// Reads while the handler does not, up to the next message for it. So the driver notices that the peer is gone, pings are
    /// answered and `auth` messages arrive, even while the handler is busy. A handler that `waits` may want to see pings and pongs, as
    /// it does when it reads itself.
    pub(super) fn poll_ahead(&mut self, cx: &mut Context<'_>, in_band: bool, now: Moment, waits: bool) {
        while self.can_read_ahead() && !self.life.is_over(now) {
            let Poll::Ready(Some(message)) = self.pipe.poll_read(cx) else {
                return;
            };
            let Some(message) = self.filter(message, in_band, now) else { continue };
            let is_control = is_control(&message);
            if is_control && !waits {
                continue;
            }
            self.pipe.keep_ahead(message);
            self.handler.wake();
            if is_control {
                // The handler comes for it before the driver reads on: it is in the driver's task, or was woken first.
                return cx.waker().wake_by_ref();
            }
        }
    }

    /// Whether the driver may read: the handler does not, and the next message can be kept.
    pub(super) fn can_read_ahead(&self) -> bool {
        !self.handler.is_active() && !self.pipe.is_full() && self.auth.is_none() && !self.pipe.is_gone()
    }

    /// When the driver has to wake, unless its alarm `is_set` for an earlier time. If what is due moves to a later time, the
    /// alarm stays: it is reached early, and then set anew. So a message does not cost a timer.
    pub(super) fn plan(&mut self, is_set: bool) -> Option<Wake> {
        let wake = self.life.wake();
        let passed = wake.passed.into_iter().chain(self.handler.check_at()).min();
        let wake = Wake { passed, ..wake };
        let is_earlier = passed.is_some_and(|at| self.alarm.is_none_or(|alarm| at < alarm.get()));
        let is_new = std::mem::take(&mut self.renewed) || !is_set || is_earlier;
        if is_new {
            self.alarm = passed.map(Passed::from);
        }
        is_new.then_some(wake)
    }

    fn receive_auth(&mut self, auth: Result<Credentials, MalformedAuth>, now: Moment) {
        // A client that does not wait for the answer may be guessing.
        if self.auth.is_some() {
            self.life.wrong(now);
        } else {
            self.auth = Some(Box::new(auth));
        }
        self.changed = true;
        self.wake_driver();
    }

    pub(super) fn wake_driver(&self) {
        self.pipe.wake_driver();
    }
}
