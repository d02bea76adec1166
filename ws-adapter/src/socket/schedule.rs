use std::time::SystemTime;

use crate::connections::{Ping, SocketSettings};

/// When the driver of a socket has something to do, if nothing else happens: one instant at a time.
pub(super) struct Schedule {
    settings: SocketSettings,
    ends_at: Option<SystemTime>,
    notice_at: Option<SystemTime>,
    ping: Option<NextPing>,
    idle_at: Option<SystemTime>,
    /// When this socket is to go, while the server goes down.
    drain_at: Option<SystemTime>,
}

struct NextPing {
    at: SystemTime,
    /// When one was sent that may not have been answered yet.
    sent_at: Option<SystemTime>,
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// The credential ends.
    End,
    /// The server goes down.
    Drain,
    /// The credential will end soon.
    Notice,
    /// Nothing was heard for a while, if nothing was.
    Ping,
    /// Nothing was heard since the ping, if nothing was.
    Pong,
    /// The peer has said nothing for long, if it has not.
    Idle,
}

impl Schedule {
    pub(super) fn new(settings: SocketSettings, ends_at: Option<SystemTime>, now: SystemTime) -> Self {
        let ping = settings.ping.and_then(|ping| now.checked_add(ping.interval));
        let mut schedule = Self {
            settings,
            ends_at: None,
            notice_at: None,
            ping: ping.map(|at| NextPing { at, sent_at: None }),
            idle_at: settings.idle.and_then(|idle| now.checked_add(idle)),
            drain_at: None,
        };
        schedule.end_at(ends_at, now);
        schedule
    }

    /// The credential ends at another instant. The notice comes as long before as the settings say, and of a short life
    /// in the middle.
    pub(super) fn end_at(&mut self, ends_at: Option<SystemTime>, now: SystemTime) {
        self.ends_at = ends_at;
        self.notice_at = ends_at.and_then(|end| {
            let left = end.duration_since(now).unwrap_or_default();
            end.checked_sub(self.settings.notice.min(left / 2))
        });
    }

    pub(super) fn ends_at(&self) -> Option<SystemTime> {
        self.ends_at
    }

    pub(super) fn noticed(&mut self) {
        self.notice_at = None;
    }

    pub(super) fn drain_at(&mut self, at: Option<SystemTime>) {
        self.drain_at = at;
    }

    /// Whether nothing was heard for the whole interval, so that a ping is sent now. Goes on to when it has to be looked
    /// next.
    pub(super) fn is_silent(&mut self, heard_at: SystemTime, now: SystemTime) -> bool {
        let Some(Ping { interval, timeout }) = self.settings.ping else {
            return false;
        };
        let due = heard_at.checked_add(interval);
        let is_silent = due.is_some_and(|due| due <= now);
        self.ping = if is_silent {
            now.checked_add(timeout).map(|at| NextPing { at, sent_at: Some(now) })
        } else {
            due.map(|at| NextPing { at, sent_at: None })
        };
        is_silent
    }

    /// Whether something was heard since the ping was sent. Goes on to when the next one is due.
    pub(super) fn is_answered(&mut self, heard_at: SystemTime, now: SystemTime) -> bool {
        let sent_at = self.ping.as_ref().and_then(|ping| ping.sent_at);
        let interval = self.settings.ping.map(|ping| ping.interval).unwrap_or_default();
        let is_answered = sent_at.is_none_or(|sent_at| heard_at >= sent_at);
        let from = if is_answered { heard_at } else { now };
        self.ping = from.checked_add(interval).map(|at| NextPing { at, sent_at: None });
        is_answered
    }

    /// The peer has last said something at this instant.
    pub(super) fn spoke_at(&mut self, at: SystemTime) {
        self.idle_at = self.settings.idle.and_then(|idle| at.checked_add(idle));
    }

    pub(super) fn idle_at(&self) -> Option<SystemTime> {
        self.idle_at
    }

    /// What comes first, and when; of several at once, what ends the socket.
    pub(super) fn next(&self) -> Option<(SystemTime, Due)> {
        let ping = self.ping.as_ref().map(|ping| (ping.at, if ping.sent_at.is_some() { Due::Pong } else { Due::Ping }));
        let due = |at: Option<SystemTime>, due| at.map(|at| (at, due));
        let all = [
            due(self.ends_at, Due::End),
            due(self.drain_at, Due::Drain),
            due(self.idle_at, Due::Idle),
            due(self.notice_at, Due::Notice),
            ping,
        ];
        all.into_iter().flatten().min_by_key(|(at, _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(secs: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(secs)
    }

    fn settings(ping: bool, idle: Option<u64>) -> SocketSettings {
        let mut settings = SocketSettings { idle: idle.map(Duration::from_secs), ..SocketSettings::default() };
        settings.ping = settings.ping.filter(|_| ping);
        settings
    }

    #[test]
    fn notice_comes_a_minute_before_the_end_and_of_a_short_life_in_the_middle() {
        let mut schedule = Schedule::new(settings(false, None), Some(at(900)), at(0));
        assert_eq!(schedule.next(), Some((at(840), Due::Notice)));
        schedule.noticed();
        assert_eq!(schedule.next(), Some((at(900), Due::End)));
        schedule.end_at(Some(at(930)), at(900));
        assert_eq!(schedule.next(), Some((at(915), Due::Notice)));
    }

    #[test]
    fn credential_without_an_end_has_none() {
        assert_eq!(Schedule::new(settings(false, None), None, at(0)).next(), None);
    }

    #[test]
    fn what_ends_the_socket_comes_before_what_is_due_with_it() {
        let mut schedule = Schedule::new(settings(true, Some(60)), Some(at(60)), at(0));
        schedule.drain_at(Some(at(60)));
        schedule.noticed();
        assert_eq!(schedule.next(), Some((at(60), Due::End)));
    }

    #[test]
    fn ping_is_due_after_a_silent_interval_and_its_answer_after_the_timeout() {
        let mut schedule = Schedule::new(settings(true, None), None, at(0));
        assert_eq!(schedule.next(), Some((at(60), Due::Ping)));
        assert!(!schedule.is_silent(at(30), at(60)));
        assert_eq!(schedule.next(), Some((at(90), Due::Ping)));
        assert!(schedule.is_silent(at(30), at(90)));
        assert_eq!(schedule.next(), Some((at(110), Due::Pong)));
        assert!(schedule.is_answered(at(90), at(110)));
        assert_eq!(schedule.next(), Some((at(150), Due::Ping)));
        assert!(schedule.is_silent(at(90), at(150)) && !schedule.is_answered(at(90), at(170)));
        assert_eq!(schedule.next(), Some((at(230), Due::Ping)));
    }

    #[test]
    fn silence_counts_from_the_last_message() {
        let mut schedule = Schedule::new(settings(false, Some(300)), None, at(0));
        assert_eq!(schedule.next(), Some((at(300), Due::Idle)));
        schedule.spoke_at(at(200));
        assert_eq!(schedule.next(), Some((at(500), Due::Idle)));
    }
}
