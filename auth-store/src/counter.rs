use std::{
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use crate::{Budget, BudgetPlace, Taken, spent::Spent};

/// For a store of your own: a counter of failures, which you keep as text. Its arithmetic is that of the other stores.
///
/// Read it, change it and write it in one transaction, in which nobody else changes it. A counter that is not there is a new one.
#[derive(Clone, Copy, Debug)]
pub struct BudgetCounter(Spent);

impl BudgetCounter {
    /// A counter without failures.
    #[must_use]
    pub fn new(now: SystemTime) -> Self {
        Self(Spent::new(millis(now)))
    }

    /// Reads what [`Display`](fmt::Display) has written: five numbers with blanks between them. `None` if it is something else.
    #[must_use]
    pub fn from_stored(text: &str) -> Option<Self> {
        let mut numbers = [0; 5];
        let mut parts = text.split(' ');
        for number in &mut numbers {
            *number = parts.next()?.parse().ok()?;
        }
        if parts.next().is_some() { None } else { Spent::from_numbers(numbers).map(Self) }
    }

    /// For [`Budgets::take`](crate::Budgets::take): takes a place, if there is one. Keep the counter in both cases, if it has changed.
    pub fn take(&mut self, budget: &Budget, now: SystemTime) -> Taken {
        self.0.take(budget, millis(now))
    }

    /// For [`Budgets::settle`](crate::Budgets::settle).
    pub fn settle(&mut self, budget: &Budget, place: BudgetPlace, is_failure: bool, now: SystemTime) {
        self.0.settle(budget, place, is_failure, millis(now));
    }

    /// When nothing will be left of it, so that the store may forget it. Never too early: it counts with the longest waits.
    #[must_use]
    pub fn keep_until(&self, budget: &Budget) -> SystemTime {
        let idle_at = Duration::from_millis(self.0.idle_at(budget));
        let longest = Duration::from_millis(budget.longest_wait_millis());
        UNIX_EPOCH.checked_add(idle_at.saturating_add(longest)).unwrap_or(UNIX_EPOCH)
    }
}

impl fmt::Display for BudgetCounter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [full_at, window, current, previous, level] = self.0.to_numbers();
        write!(f, "{full_at} {window} {current} {previous} {level}")
    }
}

fn millis(now: SystemTime) -> u64 {
    u64::try_from(now.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counter_is_read_as_it_was_written_and_nothing_else_is() {
        let now = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let budget = Budget::new(2, Duration::from_secs(60)).unwrap();
        let mut counter = BudgetCounter::new(now);
        for _ in 0..2 {
            let Taken::Place(place) = counter.take(&budget, now) else { panic!("no place") };
            counter.settle(&budget, place, true, now);
            counter = BudgetCounter::from_stored(&counter.to_string()).unwrap();
        }
        assert_eq!(counter.take(&budget, now), Taken::Wait(Duration::from_secs(60)));
        assert!(counter.keep_until(&budget) >= now + Duration::from_secs(120));
        for text in ["", "1 2 3 4", "1 2 3 4 5 6", "1 2 3 4 x", "1 2 3 4 99", "1 2 4294967296 4 5", "-1 2 3 4 5"] {
            assert!(BudgetCounter::from_stored(text).is_none(), "{text}");
        }
    }
}
