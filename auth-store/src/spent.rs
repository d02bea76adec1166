//! What a counter of failures keeps. `redis/budgets.rs` has the same in Lua; the suite compares both with one model.

use std::time::Duration;

use crate::{Budget, BudgetPlace, Taken};

/// How long a place that nobody settles stays taken, at least; at most twice that. Hashing a password takes less, even in a queue.
pub(crate) const LEASE: u64 = 60_000;

/// How long to wait if only attempts in progress are in the way.
pub(crate) const IN_PROGRESS: u64 = 1_000;

/// A counter. Times are in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spent {
    /// When all failures will have come back. Each of them puts it off.
    full_at: u64,
    /// The lease in which places are taken now: the time divided by its length.
    window: u64,
    /// The places that were taken in it.
    current: u32,
    /// The places that were taken in the one before.
    previous: u32,
    /// How often the wait has doubled.
    level: u32,
}

impl Spent {
    pub(crate) fn new(now: u64) -> Self {
        Self { full_at: 0, window: now / LEASE, current: 0, previous: 0, level: 0 }
    }

    /// As they are kept: the fields in their order.
    pub(crate) fn to_numbers(self) -> [u64; 5] {
        let [current, previous, level] = [self.current, self.previous, self.level].map(u64::from);
        [self.full_at, self.window, current, previous, level]
    }

    /// `None` if no counter has such numbers.
    pub(crate) fn from_numbers([full_at, window, current, previous, level]: [u64; 5]) -> Option<Self> {
        let [current, previous, level] = [current, previous, level].map(|number| u32::try_from(number).ok());
        Some(Self {
            full_at,
            window,
            current: current?,
            previous: previous?,
            level: level.filter(|level| *level <= 31)?,
        })
    }

    pub(crate) fn take(&mut self, budget: &Budget, now: u64) -> Taken {
        self.pass(budget, now);
        let (each, room) = (budget.regained_in_millis(), room(budget));
        let debt = self.full_at.saturating_sub(now).saturating_add(each);
        let needed = debt.saturating_add(each.saturating_mul(u64::from(self.in_progress())));
        if needed > room {
            let wait = if debt > room { needed - room } else { IN_PROGRESS };
            return Taken::Wait(Duration::from_millis(wait));
        }
        self.current += 1;
        Taken::Place(BudgetPlace::of(self.window))
    }

    pub(crate) fn settle(&mut self, budget: &Budget, place: BudgetPlace, is_failure: bool, now: u64) {
        self.pass(budget, now);
        let places = if place.number() == self.window {
            &mut self.current
        } else if place.number().checked_add(1) == Some(self.window) {
            &mut self.previous
        } else {
            // It has become a failure.
            return;
        };
        *places = places.saturating_sub(1);
        if is_failure {
            self.fail(budget, now);
        }
    }

    /// A failure whose place is not here.
    pub(crate) fn add_failure(&mut self, budget: &Budget, now: u64) {
        self.pass(budget, now);
        self.fail(budget, now);
    }

    /// Its failures, without what is in progress.
    pub(crate) fn failures(mut self, budget: &Budget, now: u64) -> Self {
        self.pass(budget, now);
        Self { current: 0, previous: 0, ..self }
    }

    /// When nothing will be left of it, if all that is in progress fails and no wait grows.
    pub(crate) fn idle_at(&self, budget: &Budget) -> u64 {
        let places = u64::from(self.in_progress());
        let settled_at = if places == 0 { 0 } else { self.window.saturating_add(2).saturating_mul(LEASE) };
        self.full_at.max(settled_at).saturating_add(places.saturating_mul(budget.regained_in_millis()))
    }

    /// Whether at most a quarter of its places is taken, also by attempts in progress.
    pub(crate) fn is_nearly_full(&self, budget: &Budget, now: u64) -> bool {
        let each = budget.regained_in_millis();
        let debt = self.full_at.saturating_sub(now).saturating_add(each.saturating_mul(u64::from(self.in_progress())));
        debt <= room(budget) / 4
    }

    fn in_progress(&self) -> u32 {
        self.current.saturating_add(self.previous)
    }

    /// Lets the places become failures that nobody has settled in time.
    pub(crate) fn pass(&mut self, budget: &Budget, now: u64) {
        let window = now / LEASE;
        // A clock that was set back must not keep anybody out: that of a machine, or of a replica that has taken over.
        if self.window > window.saturating_add(1) {
            self.window = window;
        }
        let latest = now.saturating_add(room(budget)).saturating_add(budget.longest_wait_millis());
        self.full_at = self.full_at.min(latest.saturating_sub(budget.regained_in_millis()));
        for _ in 0..2 {
            if self.window < window {
                self.window += 1;
                for _ in 0..self.previous {
                    self.fail(budget, self.window.saturating_mul(LEASE));
                }
                self.previous = std::mem::take(&mut self.current);
            }
        }
        self.window = self.window.max(window);
    }

    fn fail(&mut self, budget: &Budget, at: u64) {
        let each = budget.regained_in_millis();
        if self.full_at <= at {
            self.level = 0;
        }
        let from = self.full_at.max(at);
        let but_one = at.saturating_add(room(budget).saturating_sub(each));
        self.full_at = from.saturating_add(each);
        if self.full_at > but_one {
            // No place is left.
            let wait = each.saturating_mul(1 << self.level).min(budget.longest_wait_millis());
            self.full_at = from.max(but_one.saturating_add(wait));
            self.level = self.level.saturating_add(1).min(31);
        }
    }
}

/// The failures that fit, as the time in which they come back.
fn room(budget: &Budget) -> u64 {
    u64::from(budget.at_once()).saturating_mul(budget.regained_in_millis())
}
