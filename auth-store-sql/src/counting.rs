//! What a call about a counter of failures does with the row.

use std::time::SystemTime;

use auth_store::{Budget, BudgetCounter, BudgetPlace, Taken};

use crate::times::to_nanos;

/// A change of a counter.
#[derive(Clone, Copy)]
pub(crate) enum Change {
    Take,
    Settle(BudgetPlace, bool),
}

/// What becomes of the row.
pub(crate) enum Row {
    /// Nothing.
    Same,
    /// The counter, and until when it is kept.
    Kept(String, i64),
}

/// Changes the counter that was stored; the empty text is a new one. Returns what was taken, if that was asked. `None` if the text
/// is something else.
pub(crate) fn change(stored: &str, budget: &Budget, change: Change, now: SystemTime) -> Option<(Option<Taken>, Row)> {
    let mut counter = if stored.is_empty() { BudgetCounter::new(now) } else { BudgetCounter::from_stored(stored)? };
    let taken = match change {
        Change::Take => Some(counter.take(budget, now)),
        Change::Settle(place, is_failure) => {
            counter.settle(budget, place, is_failure, now);
            None
        }
    };
    let text = counter.to_string();
    let row = if text == stored { Row::Same } else { Row::Kept(text, to_nanos(counter.keep_until(budget))) };
    Some((taken, row))
}
