//! Counters of failures in memory.
//!
//! Anybody can cause a counter by making up a name, so their number is bounded, and what matters must not be pushed out. There is a
//! table for each kind and budget, so that names don't push out addresses. Within a table all have one budget, so the counter that is
//! the next to be empty is the one with the fewest failures. It makes room if at most a quarter of its places is taken. If there is
//! none like that, new keys share one counter: they can't be told apart. As long as it has failures, a key that finds room again begins
//! with them, so nobody gets more guesses by that. A key that is optional is not counted then.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::ends::FREED_AT_ONCE;
use crate::{Budget, BudgetKey, BudgetPlace, Taken, spent::Spent};

/// The counters of all kinds.
#[derive(Default)]
pub(super) struct Tables(BTreeMap<(&'static str, Budget), Table>);

#[derive(Default)]
struct Table {
    counters: HashMap<BudgetKey, Counter>,
    /// The next to be empty first.
    by_need: BTreeSet<(u64, BudgetKey)>,
    /// For keys without room.
    shared: Option<Spent>,
}

#[derive(Clone, Copy)]
struct Counter {
    spent: Spent,
    /// Its place in `by_need`.
    idle_at: u64,
}

impl Tables {
    /// How many counters there are, with those that are empty and not free yet.
    pub(super) fn len(&self) -> usize {
        self.0.values().map(|table| table.counters.len()).sum()
    }

    /// Takes a place. There are at most `limit` counters of a kind.
    pub(super) fn take(&mut self, key: &BudgetKey, budget: &Budget, now: u64, limit: usize) -> Taken {
        let table = self.0.entry((key.kind(), *budget)).or_default();
        let Some(mut spent) = table.find(key, budget, now, limit) else {
            if key.is_optional() {
                return Taken::Place(BudgetPlace::uncounted());
            }
            return match table.shared(now).take(budget, now) {
                Taken::Place(place) => Taken::Place(BudgetPlace::shared(place.number())),
                wait @ Taken::Wait(_) => wait,
            };
        };
        let taken = spent.take(budget, now);
        table.put(key, budget, spent, now);
        taken
    }

    /// Settles a place: the number of the counters may have reached `limit` meanwhile.
    pub(super) fn settle(&mut self, key: &BudgetKey, budget: &Budget, settled: Settled, now: u64, limit: usize) {
        let Settled { place, is_failure } = settled;
        if place.is_uncounted() {
            return;
        }
        let table = self.0.entry((key.kind(), *budget)).or_default();
        let own = if place.is_shared() { None } else { table.find(key, budget, now, limit) };
        if let Some(mut spent) = own {
            spent.settle(budget, place, is_failure, now);
            table.put(key, budget, spent, now);
        } else if place.is_shared() {
            table.shared(now).settle(budget, place, is_failure, now);
        } else if is_failure && !key.is_optional() {
            // Its own counter is gone. The place was not one of the shared counter, so none comes back.
            table.shared(now).add_failure(budget, now);
        }
    }
}

/// A place, and how its attempt went.
#[derive(Clone, Copy)]
pub(super) struct Settled {
    pub(super) place: BudgetPlace,
    pub(super) is_failure: bool,
}

impl Table {
    /// The counter of a key; `None` if there is no room for a new one.
    fn find(&mut self, key: &BudgetKey, budget: &Budget, now: u64, limit: usize) -> Option<Spent> {
        for _ in 0..FREED_AT_ONCE {
            if !self.free_first(budget, now, |idle_at, _| idle_at <= now) {
                break;
            }
        }
        if let Some(counter) = self.counters.get(key) {
            return Some(counter.spent);
        }
        let has_room = self.counters.len() < limit
            || self.free_first(budget, now, |_, spent| spent.is_nearly_full(budget, now))
                && self.counters.len() < limit;
        // It may have failed in the shared counter before.
        has_room.then(|| self.shared.map_or_else(|| Spent::new(now), |shared| shared.failures(budget, now)))
    }

    /// Frees the counter that is the next to be empty, if it may go. If it has moved back, it counts as done, too.
    fn free_first(&mut self, budget: &Budget, now: u64, may_go: impl FnOnce(u64, &Spent) -> bool) -> bool {
        let Some(&(expected, key)) = self.by_need.first() else { return false };
        let Some(mut spent) = self.counters.get(&key).map(|counter| counter.spent) else { return false };
        if !may_go(expected, &spent) {
            return false;
        }
        // Places that nobody has settled are failures by now, whose waits may have grown.
        spent.pass(budget, now);
        let idle_at = spent.idle_at(budget);
        if may_be_freed(expected, idle_at, now) {
            self.remove(&key);
        } else {
            self.keep(key, spent, idle_at);
        }
        true
    }

    /// The counter of all keys without room.
    fn shared(&mut self, now: u64) -> &mut Spent {
        self.shared.get_or_insert_with(|| Spent::new(now))
    }

    fn keep(&mut self, key: BudgetKey, spent: Spent, idle_at: u64) {
        if let Some(old) = self.counters.insert(key, Counter { spent, idle_at }) {
            self.by_need.remove(&(old.idle_at, key));
        }
        self.by_need.insert((idle_at, key));
    }

    fn remove(&mut self, key: &BudgetKey) {
        if let Some(old) = self.counters.remove(key) {
            self.by_need.remove(&(old.idle_at, *key));
        }
    }

    /// Keeps what has become of a counter.
    fn put(&mut self, key: &BudgetKey, budget: &Budget, spent: Spent, now: u64) {
        let idle_at = spent.idle_at(budget);
        if idle_at <= now { self.remove(key) } else { self.keep(*key, spent, idle_at) }
    }
}

/// Not if it turns out to be needed for longer than expected.
fn may_be_freed(expected: u64, idle_at: u64, now: u64) -> bool {
    idle_at <= now || idle_at <= expected
}
