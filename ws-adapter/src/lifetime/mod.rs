//! How long a connection lives after the request that opened it. Nothing here waits, reads a clock, locks, or knows a
//! socket: the owner of the connection says what happens at which [`Moment`], and asks what is due.

mod budget;
mod due;
#[cfg(all(test, feature = "axum"))]
mod model_tests;
mod moment;
#[cfg(all(test, feature = "axum"))]
mod moving_tests;
mod passed;
mod questions;
mod slots;
#[cfg(all(test, feature = "axum"))]
mod tests;

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

pub(crate) use self::budget::{Budget, Spent};
pub use self::due::{Due, NotNow};
#[cfg(feature = "axum")]
pub(crate) use self::moment::Sleep;
pub use self::moment::{Moment, Wake, ttl};
pub(crate) use self::passed::Passed;
#[cfg(feature = "axum")]
pub(crate) use self::questions::Told;
use self::slots::{Answer, Slots};
pub use self::{questions::Questions, slots::CredentialEnd};
use crate::{
    Close,
    connections::{Ping, SocketSettings},
};

/// Wrong credentials over one connection: three at once, and one more every five minutes. A refusal of the chain counts if
/// [`is_wrong_credential`](auth_core::Refusal::is_wrong_credential) says so, here and in the limits by user and address. A malformed
/// credential counts too, and so does one that does not wait for the answer to another.
///
/// Other refusals cost a client nothing. They gain it nothing either: credentials are judged one at a time, and each wrong guess
/// before a right but `forbidden` one was counted.
pub(crate) const WRONG_CREDENTIALS: Budget = Budget { at_once: 3, regained_in: Duration::from_secs(300) };

/// The shortest span of silence that is measured. With a shorter one, something would be due at once again and again.
const SHORTEST: Duration = Duration::from_millis(1);

/// The credentials of a connection, and its deadlines.
///
/// Each credential has a slot. The connection ends with the first credential that ends. Both the end and the replacement of
/// a credential are decided here, so a refresh and an expiry that come together have one outcome.
///
/// Credentials end at a time of day. Everything else is a span, measured by the monotonic clock.
///
/// # Ends that move
///
/// A login lives longer whenever it is used, in another tab or on another node. So before the notice, and again at the end,
/// [`due`](Self::due) asks whether the end of such a [credential](CredentialEnd::moves) has moved, and
/// [`moved`](Self::moved) takes the answer.
///
/// | Answer | Before the notice | At the end |
/// |---|---|---|
/// | a later end | no notice; it goes on | it goes on |
/// | the same end | the notice | 4401 `token_expired` |
/// | an end that has passed | 4401 `token_expired` | 4401 `token_expired` |
/// | an error | the notice | 4401 `token_expired` |
///
/// From the known end until the answer, nothing comes in, goes out or is let in ([`is_over`](Self::is_over)), but the connection
/// has not ended ([`is_waiting`](Self::is_waiting)). Any other reason ends it meanwhile. At most one question a second is asked
/// about a credential: an end that has moved to less than a second from now counts as final.
#[derive(Debug)]
pub struct Lifetime {
    settings: Arc<SocketSettings>,
    credentials: Slots,
    /// When the client is told that the end is near.
    notice_at: Option<SystemTime>,
    wrong: Spent,
    /// When the peer was last heard. The answer to a ping counts.
    heard_at: Passed,
    /// When the last message of the application came. `None` if the ping and the idle timeout of the settings don't apply.
    spoke_at: Option<Passed>,
    /// When a ping was sent that may not have been answered yet.
    pinged_at: Option<Passed>,
    /// When the owner is to check whether anybody is there.
    look_at: Option<Passed>,
    /// When it ends because the server goes down.
    drain_at: Option<Passed>,
    /// Boxed, because it is not there while a connection is open.
    ended: Option<Box<Close>>,
}

impl Lifetime {
    #[cfg(feature = "axum")]
    pub(crate) fn new(settings: impl Into<Arc<SocketSettings>>, now: Moment) -> Self {
        Self { spoke_at: Some(now.passed.into()), ..Self::without_silence(&settings.into(), now) }
    }

    /// Neither pings the peer nor ends because it is idle.
    pub(crate) fn without_silence(settings: &Arc<SocketSettings>, now: Moment) -> Self {
        Self {
            settings: Arc::clone(settings),
            credentials: Slots::default(),
            notice_at: None,
            wrong: Spent::default(),
            heard_at: now.passed.into(),
            spoke_at: None,
            pinged_at: None,
            look_at: None,
            drain_at: None,
            ended: None,
        }
    }

    // Credentials.

    /// Puts a credential into the slot, in place of what was there.
    pub fn hold(&mut self, slot: u64, end: impl Into<CredentialEnd>, now: Moment) {
        self.replan(now, |credentials| credentials.hold(slot, end.into()));
    }

    /// Empties the slot.
    pub fn release(&mut self, slot: u64, now: Moment) {
        self.replan(now, |credentials| credentials.release(slot));
    }

    /// The answer to [`Due::Ask`]: when the credential ends now, or that nobody knows. Ignored if nothing is asked about the slot any
    /// more, because another credential is in it.
    pub fn moved<E>(&mut self, slot: u64, end: &Result<Option<SystemTime>, E>, now: Moment) {
        let answer = self
            .replan(now, |credentials| credentials.get(slot).map_or(Answer::Stale, |held| held.answer(end, now.wall)));
        if answer == Answer::Ended {
            self.end(Close::TOKEN_EXPIRED);
        }
    }

    /// When the client last sent a message of the application, by the time of day now. The opening counts as one.
    #[must_use]
    pub fn used_at(&self, now: Moment) -> SystemTime {
        let span = now.passed.saturating_sub(self.spoke_at.unwrap_or(self.heard_at).get());
        now.wall.checked_sub(span).unwrap_or(SystemTime::UNIX_EPOCH)
    }

    /// When the first of its credentials ends.
    #[must_use]
    pub fn ends_at(&self) -> Option<SystemTime> {
        self.credentials.ends_at()
    }

    /// Whether it has ended, or a credential of it has, as far as known. Then nothing comes in, goes out, or is let in.
    #[must_use]
    pub fn is_over(&self, now: Moment) -> bool {
        self.ended.is_some() || self.is_past(now)
    }

    /// Whether it is past an end that may have moved, and the answer will tell. What the client sends is kept, and what it is sent
    /// waits.
    #[must_use]
    pub fn is_waiting(&self, now: Moment) -> bool {
        self.ended.is_none() && self.is_past(now) && !self.credentials.has_ended(now.wall)
    }

    /// Whether it may ever be [waiting](Self::is_waiting).
    #[cfg(feature = "axum")]
    pub(crate) fn may_wait(&self) -> bool {
        self.credentials.may_move()
    }

    fn is_past(&self, now: Moment) -> bool {
        self.ends_at().is_some_and(|end| end <= now.wall)
    }

    // Refreshes.

    /// Begins a refresh of the slot. Only one runs at a time; a second one counts as a wrong credential.
    ///
    /// # Errors
    /// If another refresh of the slot is in progress, or the connection has ended.
    pub fn begin_refresh(&mut self, slot: u64, now: Moment) -> Result<(), NotNow> {
        if self.is_over(now) {
            return Err(NotNow::Ended);
        }
        let held = self.credentials.get(slot).ok_or(NotNow::Ended)?;
        if std::mem::replace(&mut held.is_refreshing, true) {
            self.wrong(now);
            return Err(NotNow::InProgress);
        }
        Ok(())
    }

    /// Sets the end of these slots to that of the fresh credential. Returns the new end of the connection. What was asked about the
    /// old one no longer counts.
    ///
    /// # Errors
    /// If the connection has ended or [is past its end](Self::is_over), or one of the slots is empty. Then nothing changes.
    pub fn swap(
        &mut self,
        slots: impl IntoIterator<Item = u64> + Clone,
        end: impl Into<CredentialEnd>,
        now: Moment,
    ) -> Result<Option<SystemTime>, NotNow> {
        if self.is_over(now) {
            return Err(NotNow::Ended);
        }
        // All of them or none: half a swap would let it outlive what it lives by.
        if slots.clone().into_iter().any(|slot| self.credentials.get(slot).is_none()) {
            return Err(NotNow::Ended);
        }
        let end = end.into();
        self.replan(now, |credentials| slots.into_iter().for_each(|slot| credentials.hold(slot, end)));
        Ok(self.ends_at())
    }

    /// Ends a refresh; the next may begin.
    pub fn end_refresh(&mut self, slot: u64) {
        if let Some(held) = self.credentials.get(slot) {
            held.is_refreshing = false;
        }
    }

    /// Counts a wrong credential. The last one in the budget ends the connection. A success gives nothing back.
    pub fn wrong(&mut self, now: Moment) {
        self.wrong.take(WRONG_CREDENTIALS, now.passed);
        if !self.wrong.is_left(WRONG_CREDENTIALS, now.passed) {
            self.end(Close::INVALID_CREDENTIALS);
        }
    }

    // What happens.

    /// The peer has sent something.
    pub(crate) fn heard(&mut self, now: Moment) {
        self.heard_at = now.passed.into();
    }

    /// The peer has sent a message of the application.
    pub fn spoke(&mut self, now: Moment) {
        self.heard(now);
        self.spoke_at = self.spoke_at.map(|_| now.passed.into());
    }

    /// Plans a [`Due::Look`] after this span. An earlier one that is planned stays.
    pub fn look_in(&mut self, span: Duration, now: Moment) {
        let at = now.passed.saturating_add(span).into();
        self.look_at = Some(self.look_at.map_or(at, |planned| planned.min(at)));
    }

    /// Somebody is there. Plans the next [`Due::Look`] after this span.
    pub fn look_again_in(&mut self, span: Duration, now: Moment) {
        self.look_at = now.passed.checked_add(span).map(Passed::from);
    }

    /// Plans the end after this span, because the server goes down. The last plan counts.
    pub fn drain_in(&mut self, span: Duration, now: Moment) {
        self.drain_at = Some(now.passed.saturating_add(span).into());
    }

    /// Ends it. The first reason counts.
    pub fn end(&mut self, close: Close) {
        self.ended.get_or_insert_with(|| Box::new(close));
    }

    /// Why it has ended, if it has.
    #[must_use]
    pub fn ended(&self) -> Option<&Close> {
        self.ended.as_deref()
    }

    // What is due.

    /// The next thing that is due now; `None` if nothing is due before [`wake`](Self::wake). Silence ends the connection
    /// only while the owner `listens`: otherwise the peer may have spoken unheard.
    pub fn due(&mut self, now: Moment, listens: bool) -> Option<Due> {
        let listens = listens && !self.is_waiting(now);
        if let Some(close) = self.ends(now, listens) {
            self.end(close);
        }
        if let Some(close) = &self.ended {
            return Some(Due::End(Close::clone(close)));
        }
        if let Some(slot) = self.credentials.ask_at_end(now.wall) {
            self.notice_at = None;
            return Some(Due::Ask { slot });
        }
        if self.notice_at.is_some_and(|at| at <= now.wall) {
            if let Some(slot) = self.credentials.ask_at_notice() {
                return Some(Due::Ask { slot });
            }
            self.notice_at = None;
            if !self.credentials.is_first_asked() {
                return self.ends_at().map(Due::Notice);
            }
        }
        if self.look_at.is_some_and(|at| at <= now.passed.into()) {
            self.look_at = None;
            return Some(Due::Look);
        }
        if self.ping_at().is_some_and(|at| at <= now.passed) {
            self.pinged_at = Some(now.passed.into());
            return Some(Due::Ping);
        }
        None
    }

    /// Whether the peer was silent for so long that this ends the connection if the owner listens.
    #[cfg(feature = "axum")]
    pub(crate) fn is_silent(&self, now: Moment) -> bool {
        self.pong_at().into_iter().chain(self.idle_at()).any(|at| at <= now.passed)
    }

    /// When to ask again what is due, if nothing happens before.
    #[must_use]
    pub fn wake(&self) -> Wake {
        if self.ended.is_some() {
            return Wake { wall: None, passed: Some(Duration::ZERO) };
        }
        let planned = [self.drain_at, self.look_at].map(|at| at.map(Passed::get));
        let spans = planned.into_iter().chain([self.idle_at(), self.ping_at(), self.pong_at()]);
        Wake {
            wall: self.credentials.wakes_at().into_iter().chain(self.notice_at).min(),
            passed: spans.flatten().min(),
        }
    }

    /// The reason to end it now, if there is one.
    fn ends(&mut self, now: Moment, listens: bool) -> Option<Close> {
        if self.credentials.has_ended(now.wall) {
            return Some(Close::TOKEN_EXPIRED);
        }
        if self.drain_at.is_some_and(|at| at <= now.passed.into()) {
            return Some(Close::RESTARTING);
        }
        if self.pong_at().is_some_and(|at| at <= now.passed) {
            if listens {
                return Some(Close::PING_TIMEOUT);
            }
            // The answer may have come unheard. The next ping follows after an interval.
            self.heard(now);
            self.pinged_at = None;
        }
        if self.idle_at().is_some_and(|at| at <= now.passed) {
            if listens {
                return Some(Close::IDLE_TIMEOUT);
            }
            self.spoke_at = Some(now.passed.into());
        }
        None
    }

    /// When the next ping is due; `None` while one is not answered yet.
    fn ping_at(&self) -> Option<Duration> {
        let Ping { interval, .. } = self.ping().filter(|_| self.waits_for_pong().is_none())?;
        self.heard_at.later(interval.max(SHORTEST))
    }

    fn pong_at(&self) -> Option<Duration> {
        self.waits_for_pong()?.later(self.ping()?.timeout.max(SHORTEST))
    }

    /// When the ping was sent that is not answered yet. Anything that the peer sends is an answer.
    fn waits_for_pong(&self) -> Option<Passed> {
        self.pinged_at.filter(|at| self.heard_at < *at)
    }

    fn idle_at(&self) -> Option<Duration> {
        self.spoke_at?.later(self.settings.idle?.max(SHORTEST))
    }

    fn ping(&self) -> Option<Ping> {
        self.settings.ping.filter(|_| self.spoke_at.is_some())
    }

    /// Changes the credentials. Plans the notice again if the end has moved: as long before it as the settings say, but not before
    /// half of the time that is left. If only a question is no longer open, the notice that waited for it is due now.
    fn replan<T>(&mut self, now: Moment, change: impl FnOnce(&mut Slots) -> T) -> T {
        let (before, was_asked) = (self.ends_at(), self.credentials.is_first_asked());
        let changed = change(&mut self.credentials);
        let end = self.ends_at();
        if before != end {
            self.notice_at = end.and_then(|end| {
                let left = end.duration_since(now.wall).unwrap_or_default();
                end.checked_sub(self.settings.notice.min(left / 2))
            });
        } else if was_asked && !self.credentials.is_first_asked() {
            self.notice_at = Some(now.wall);
        }
        changed
    }
}
