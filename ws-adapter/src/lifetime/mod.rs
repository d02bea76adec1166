//! How long something lives that outlives its request. Nothing here waits, reads a clock, locks, or knows a socket: whoever
//! owns the connection says what happens and at which [`Moment`], and asks what is due.

mod budget;
mod moment;
#[cfg(all(test, feature = "axum", feature = "socketio"))]
mod tests;

use std::time::{Duration, SystemTime};

pub(crate) use self::{
    budget::{Budget, Spent},
    moment::{Moment, Wake},
};
use crate::{
    Close,
    connections::{Ping, SocketSettings},
};

/// Wrong credentials over one connection: three at once, and one more every five minutes.
pub(crate) const WRONG_CREDENTIALS: Budget = Budget { at_once: 3, regained_in: Duration::from_secs(300) };

/// What a connection lives by, and until when.
///
/// It lives by credentials, each in a slot of its own: the first that ends, ends it. Whether a credential may take the place
/// of another, and whether the end has come, are both decided here, so of a refresh and an expiry one comes first.
///
/// Ends of credentials are instants of the time of day. Everything else is a span, measured by the clock that nobody can set.
pub(crate) struct Lifetime {
    settings: SocketSettings,
    credentials: Vec<Held>,
    notice: Notice,
    wrong: Spent,
    /// When something has last come in, if only the answer to a ping.
    heard_at: Duration,
    /// When the last message of the application came.
    spoke_at: Duration,
    /// When a ping was sent that may not have been answered yet.
    pinged_at: Option<Duration>,
    /// When it is to be looked whether anybody is there.
    look_at: Option<Duration>,
    /// When it is to go, while the server goes down.
    drain_at: Option<Duration>,
    ended: Option<Close>,
}

/// A credential that it lives by.
struct Held {
    slot: u64,
    ends_at: Option<SystemTime>,
    /// Whether a credential is being looked at that may take its place.
    is_refreshing: bool,
}

/// When the client is to be told that the end is near.
#[derive(Default)]
struct Notice {
    /// Which end that is.
    of: Option<SystemTime>,
    at: Option<SystemTime>,
}

/// What is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// It has ended, and this is why. It is said again each time.
    End(Close),
    /// Its credential ends soon: then.
    Notice(SystemTime),
    /// Nothing was heard for a while: a ping.
    Ping,
    /// It is to be looked whether anybody is there.
    Look,
}

/// Why a credential is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotNow {
    /// The connection has ended, or lives by no credential of that slot.
    Ended,
    /// Another one is being looked at.
    InProgress,
}

impl Lifetime {
    pub(crate) fn new(settings: SocketSettings, now: Moment) -> Self {
        Self {
            settings,
            credentials: Vec::new(),
            notice: Notice::default(),
            wrong: Spent::default(),
            heard_at: now.passed,
            spoke_at: now.passed,
            pinged_at: None,
            look_at: None,
            drain_at: None,
            ended: None,
        }
    }

    // By what it lives.

    /// It lives by this credential from now on, in the place of what was in the slot.
    pub(crate) fn hold(&mut self, slot: u64, ends_at: Option<SystemTime>, now: Moment) {
        match self.held(slot) {
            Some(held) => held.ends_at = ends_at,
            None => self.credentials.push(Held { slot, ends_at, is_refreshing: false }),
        }
        self.plan_notice(now);
    }

    /// It does not live by the credential of this slot any more.
    #[cfg(feature = "socketio")]
    pub(crate) fn release(&mut self, slot: u64, now: Moment) {
        self.credentials.retain(|held| held.slot != slot);
        self.plan_notice(now);
    }

    /// When the first of its credentials ends.
    pub(crate) fn ends_at(&self) -> Option<SystemTime> {
        self.credentials.iter().filter_map(|held| held.ends_at).min()
    }

    /// Whether it has ended, or its credential has: then nothing comes in, goes out, or is let in.
    pub(crate) fn is_over(&self, now: Moment) -> bool {
        self.ended.is_some() || self.ends_at().is_some_and(|end| end <= now.wall)
    }

    // Another credential in the place of one.

    /// Begins to look at a credential for this slot. One at a time is: who does not wait for the answer presents a wrong one.
    pub(crate) fn begin_refresh(&mut self, slot: u64, now: Moment) -> Result<(), NotNow> {
        if self.is_over(now) {
            return Err(NotNow::Ended);
        }
        let held = self.held(slot).ok_or(NotNow::Ended)?;
        if std::mem::replace(&mut held.is_refreshing, true) {
            self.wrong(now);
            return Err(NotNow::InProgress);
        }
        Ok(())
    }

    /// What was looked at takes the place of what was in these slots, unless the end has come first. Gives the new end.
    pub(crate) fn swap(
        &mut self,
        slots: impl IntoIterator<Item = u64>,
        ends_at: Option<SystemTime>,
        now: Moment,
    ) -> Result<Option<SystemTime>, NotNow> {
        if self.is_over(now) {
            return Err(NotNow::Ended);
        }
        for slot in slots {
            self.held(slot).ok_or(NotNow::Ended)?.ends_at = ends_at;
        }
        self.plan_notice(now);
        Ok(self.ends_at())
    }

    /// It was looked at, and the next may be.
    pub(crate) fn end_refresh(&mut self, slot: u64) {
        if let Some(held) = self.held(slot) {
            held.is_refreshing = false;
        }
    }

    /// A wrong credential was presented. The last that is allowed ends it; what succeeds in between gives nothing back.
    pub(crate) fn wrong(&mut self, now: Moment) {
        self.wrong.take(WRONG_CREDENTIALS, now.passed);
        if !self.wrong.is_left(WRONG_CREDENTIALS, now.passed) {
            self.end(Close::INVALID_CREDENTIALS);
        }
    }

    // What happens.

    /// Something has come in.
    pub(crate) fn heard(&mut self, now: Moment) {
        self.heard_at = now.passed;
    }

    /// A message of the application has come in.
    #[cfg(feature = "axum")]
    pub(crate) fn spoke(&mut self, now: Moment) {
        self.heard(now);
        self.spoke_at = now.passed;
    }

    /// It is to be looked after this span whether anybody is there, or sooner if that was planned.
    #[cfg(feature = "socketio")]
    pub(crate) fn look_in(&mut self, span: Duration, now: Moment) {
        let at = now.passed.saturating_add(span);
        self.look_at = Some(self.look_at.map_or(at, |planned| planned.min(at)));
    }

    /// Somebody is there: the next look is after this span.
    #[cfg(feature = "socketio")]
    pub(crate) fn look_again_in(&mut self, span: Duration, now: Moment) {
        self.look_at = now.passed.checked_add(span);
    }

    /// The server goes down: it ends after this span. Planned again, the last plan counts.
    pub(crate) fn drain_in(&mut self, span: Duration, now: Moment) {
        self.drain_at = Some(now.passed.saturating_add(span));
    }

    /// It ends. The first reason counts.
    pub(crate) fn end(&mut self, close: Close) {
        self.ended.get_or_insert(close);
    }

    /// Why it has ended, if it has.
    #[cfg(feature = "socketio")]
    pub(crate) fn ended(&self) -> Option<&Close> {
        self.ended.as_ref()
    }

    // What is due.

    /// What is due now, one after the other; `None` is nothing until [`wake`](Self::wake). Silence means something only while
    /// somebody `listens`, so that what comes is heard.
    pub(crate) fn due(&mut self, now: Moment, listens: bool) -> Option<Due> {
        if let Some(close) = self.ends(now, listens) {
            self.end(close);
        }
        if let Some(close) = &self.ended {
            return Some(Due::End(close.clone()));
        }
        if self.notice.at.is_some_and(|at| at <= now.wall) {
            self.notice.at = None;
            return self.notice.of.map(Due::Notice);
        }
        if self.look_at.is_some_and(|at| at <= now.passed) {
            self.look_at = None;
            return Some(Due::Look);
        }
        if self.ping_at().is_some_and(|at| at <= now.passed) {
            self.pinged_at = Some(now.passed);
            return Some(Due::Ping);
        }
        None
    }

    /// Whether nothing was heard for so long that it ends by that, if somebody listens.
    #[cfg(feature = "axum")]
    pub(crate) fn is_silent(&self, now: Moment) -> bool {
        self.pong_at().into_iter().chain(self.idle_at()).any(|at| at <= now.passed)
    }

    /// When something may be due, if nothing happens before.
    pub(crate) fn wake(&self) -> Wake {
        if self.ended.is_some() {
            return Wake { wall: None, passed: Some(Duration::ZERO) };
        }
        let spans = [self.drain_at, self.look_at, self.idle_at(), self.ping_at(), self.pong_at()];
        Wake { wall: self.ends_at().into_iter().chain(self.notice.at).min(), passed: spans.into_iter().flatten().min() }
    }

    /// What ends it now, if anything does.
    fn ends(&mut self, now: Moment, listens: bool) -> Option<Close> {
        if self.ends_at().is_some_and(|end| end <= now.wall) {
            return Some(Close::TOKEN_EXPIRED);
        }
        if self.drain_at.is_some_and(|at| at <= now.passed) {
            return Some(Close::RESTARTING);
        }
        if self.pong_at().is_some_and(|at| at <= now.passed) {
            if listens {
                return Some(Close::PING_TIMEOUT);
            }
            // An answer may have come that nobody has heard. The next ping follows in an interval.
            self.heard(now);
            self.pinged_at = None;
        }
        if self.idle_at().is_some_and(|at| at <= now.passed) {
            if listens {
                return Some(Close::IDLE_TIMEOUT);
            }
            self.spoke_at = now.passed;
        }
        None
    }

    /// When the next ping is due; `None` while the answer to one is waited for.
    fn ping_at(&self) -> Option<Duration> {
        let Ping { interval, .. } = self.settings.ping.filter(|_| self.waits_for_pong().is_none())?;
        self.heard_at.checked_add(interval)
    }

    fn pong_at(&self) -> Option<Duration> {
        self.waits_for_pong()?.checked_add(self.settings.ping?.timeout)
    }

    /// When the ping was sent whose answer is waited for. Anything that comes in answers it.
    fn waits_for_pong(&self) -> Option<Duration> {
        self.pinged_at.filter(|at| self.heard_at < *at)
    }

    fn idle_at(&self) -> Option<Duration> {
        self.spoke_at.checked_add(self.settings.idle?)
    }

    /// Plans the notice anew if the end has moved: as long before as the settings say, and of a short life in the middle.
    fn plan_notice(&mut self, now: Moment) {
        let end = self.ends_at();
        if self.notice.of == end {
            return;
        }
        let at = end.and_then(|end| {
            let left = end.duration_since(now.wall).unwrap_or_default();
            end.checked_sub(self.settings.notice.min(left / 2))
        });
        self.notice = Notice { of: end, at };
    }

    fn held(&mut self, slot: u64) -> Option<&mut Held> {
        self.credentials.iter_mut().find(|held| held.slot == slot)
    }
}
