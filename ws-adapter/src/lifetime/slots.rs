use std::time::{Duration, SystemTime};

use auth_core::Evidence;

use crate::few::Few;

/// An end that is asked for at its notice leaves at least this until its next question. So nothing is asked more often than once
/// a second, however little an end moves.
const BETWEEN_QUESTIONS: Duration = Duration::from_secs(1);

/// When a credential ends, and whether that may move while the connection is open.
///
/// It is made from [`Evidence`], or from an end that does not move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CredentialEnd {
    /// When it ends, as far as known; exclusive. `None` if it has no end.
    pub at: Option<SystemTime>,
    /// Whether [`Evidence::current_end`] knows of a later end at that time.
    pub moves: bool,
}

impl From<&Evidence> for CredentialEnd {
    fn from(evidence: &Evidence) -> Self {
        Self { at: evidence.expires_at(), moves: evidence.has_moving_end() }
    }
}

impl From<Option<SystemTime>> for CredentialEnd {
    fn from(at: Option<SystemTime>) -> Self {
        Self { at, moves: false }
    }
}

/// The credentials of a connection, each in its slot.
#[derive(Debug, Default)]
pub(super) struct Slots(Few<Slot>);

/// A credential of the connection.
#[derive(Debug)]
pub(super) struct Slot {
    slot: u64,
    ends_at: Option<SystemTime>,
    /// Whether a refresh of it is in progress.
    pub(super) is_refreshing: bool,
    question: Question,
}

/// Whether the end of a credential has moved is asked twice: before the notice, and at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Question {
    /// The end does not move, or is too near.
    Never,
    AtNotice,
    AtEnd,
    /// It was asked before the notice, and is not answered yet.
    OpenAtNotice,
    /// It was asked at the end, and is not answered yet.
    OpenAtEnd,
}

/// What an answer means for the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Nothing was asked.
    Stale,
    /// The credential has not ended.
    GoesOn,
    Ended,
}

impl Slot {
    fn new(slot: u64, end: CredentialEnd) -> Self {
        let mut new = Self { slot, ends_at: None, is_refreshing: false, question: Question::Never };
        new.set(end);
        new
    }

    pub(super) fn set(&mut self, end: CredentialEnd) {
        self.ends_at = end.at;
        self.question = if end.moves { Question::AtNotice } else { Question::Never };
    }

    fn is_past(&self, now: SystemTime) -> bool {
        self.ends_at.is_some_and(|end| end <= now)
    }

    /// Whether it has ended, whatever an answer may say.
    fn has_ended(&self, now: SystemTime) -> bool {
        self.question == Question::Never && self.is_past(now)
    }

    fn is_open(&self) -> bool {
        matches!(self.question, Question::OpenAtNotice | Question::OpenAtEnd)
    }

    /// Takes the answer to its question.
    pub(super) fn answer<E>(&mut self, end: &Result<Option<SystemTime>, E>, now: SystemTime) -> Answer {
        if !self.is_open() {
            return Answer::Stale;
        }
        let was_asked_at_end = self.question == Question::OpenAtEnd;
        match end {
            // The end may have come since then. If so, it is asked once more.
            Err(_) if !self.is_past(now) || !was_asked_at_end => self.question = Question::AtEnd,
            Ok(end) if *end == self.ends_at && (!self.is_past(now) || !was_asked_at_end) => {
                self.question = Question::AtEnd;
            }
            Ok(end) if end.is_none_or(|end| end > now) => {
                let left = end.and_then(|end| end.duration_since(now).ok());
                self.ends_at = *end;
                self.question = match left {
                    Some(left) if left < BETWEEN_QUESTIONS => Question::Never,
                    Some(left) if left < 2 * BETWEEN_QUESTIONS => Question::AtEnd,
                    _ => Question::AtNotice,
                };
            }
            Ok(_) | Err(_) => return Answer::Ended,
        }
        Answer::GoesOn
    }
}

impl Slots {
    pub(super) fn hold(&mut self, slot: u64, end: CredentialEnd) {
        match self.get(slot) {
            Some(held) => held.set(end),
            None => self.0.push(Slot::new(slot, end)),
        }
    }

    pub(super) fn release(&mut self, slot: u64) {
        self.0.retain(|held| held.slot != slot);
    }

    pub(super) fn get(&mut self, slot: u64) -> Option<&mut Slot> {
        self.0.iter_mut().find(|held| held.slot == slot)
    }

    /// When the first of them ends.
    pub(super) fn ends_at(&self) -> Option<SystemTime> {
        self.0.iter().filter_map(|held| held.ends_at).min()
    }

    /// The first end that is not being asked about. The answer to an open question wakes the owner.
    pub(super) fn wakes_at(&self) -> Option<SystemTime> {
        let waiting = self.0.iter().filter(|held| !held.is_open());
        waiting.filter_map(|held| held.ends_at).min()
    }

    /// Whether the end of one may move.
    #[cfg(feature = "axum")]
    pub(super) fn may_move(&self) -> bool {
        self.0.iter().any(|held| held.question != Question::Never)
    }

    /// Whether one has ended for good.
    pub(super) fn has_ended(&self, now: SystemTime) -> bool {
        self.0.iter().any(|held| held.has_ended(now))
    }

    /// The next one that is past an end which may have moved. The question counts as asked.
    pub(super) fn ask_at_end(&mut self, now: SystemTime) -> Option<u64> {
        let is_due =
            |held: &&mut Slot| matches!(held.question, Question::AtNotice | Question::AtEnd) && held.is_past(now);
        let held = self.0.iter_mut().find(is_due)?;
        held.question = Question::OpenAtEnd;
        Some(held.slot)
    }

    /// The next one that ends first and may have moved. The question counts as asked.
    pub(super) fn ask_at_notice(&mut self) -> Option<u64> {
        let end = self.ends_at();
        if self.first().any(|held| held.question == Question::Never) {
            // The others don't matter.
            return None;
        }
        let mut first = self.0.iter_mut().filter(|held| held.ends_at == end);
        let held = first.find(|held| held.question == Question::AtNotice)?;
        held.question = Question::OpenAtNotice;
        Some(held.slot)
    }

    /// Whether the first end may still move, by the answer to an open question.
    pub(super) fn is_first_asked(&self) -> bool {
        self.first().all(|held| held.question != Question::Never) && self.first().any(Slot::is_open)
    }

    /// Those that end first.
    fn first(&self) -> impl Iterator<Item = &Slot> {
        let end = self.ends_at();
        self.0.iter().filter(move |held| held.ends_at.is_some() && held.ends_at == end)
    }
}
