use std::{
    cmp::Reverse,
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use auth_core::{AddressPrefix, BoxError, PrincipalId, async_trait};
use tokio::sync::{Notify, futures::OwnedNotified};

use super::attempts::{Attempt, AttemptLimiter, AttemptPlace};
use crate::lifetime::{Budget, Spent};

/// Wrong credentials over all connections of one user: ten at once, and one more a minute.
const OF_USER: Budget = Budget { at_once: 10, regained_in: Duration::from_secs(60) };
/// Wrong credentials over all connections of one IPv4 address or IPv6 /64: thirty at once, and three more a minute.
const OF_ADDRESS: Budget = Budget { at_once: 30, regained_in: Duration::from_secs(20) };
/// The most users and prefixes that are remembered.
const MAX_ENTRIES: usize = 16 * 1024;
/// How many are forgotten at once.
const ROOM: usize = MAX_ENTRIES / 16;

/// The default limiter: by user and by address, in memory.
#[derive(Clone, Default)]
pub(super) struct InMemory(Arc<Mutex<HashMap<Key, Attempts>>>);

#[derive(Clone, PartialEq, Eq, Hash)]
enum Key {
    User(PrincipalId),
    Prefix(AddressPrefix),
}

impl Key {
    fn budget(&self) -> Budget {
        match self {
            Self::User(_) => OF_USER,
            Self::Prefix(prefix) => {
                let weight = u32::try_from(prefix.weight()).unwrap_or(1);
                Budget {
                    at_once: OF_ADDRESS.at_once.saturating_mul(weight),
                    regained_in: OF_ADDRESS.regained_in.checked_div(weight).unwrap_or(OF_ADDRESS.regained_in),
                }
            }
        }
    }
}

#[derive(Default)]
struct Attempts {
    spent: Spent,
    /// How many attempts are being checked.
    in_flight: u32,
    /// Tells that one of them has ended.
    ended: Arc<Notify>,
}

/// Why an attempt gets no place.
enum InTheWay {
    /// Too many were wrong.
    Spent,
    /// Every place that is left belongs to an attempt in progress.
    InFlight(OwnedNotified),
}

#[async_trait]
impl AttemptLimiter for InMemory {
    async fn take(&self, attempt: &Attempt<'_>) -> Result<Option<Box<dyn AttemptPlace>>, BoxError> {
        let user = attempt.user.cloned().map(Key::User);
        let prefixes = attempt.address.into_iter().flat_map(AddressPrefix::of).map(Key::Prefix);
        let keys: Vec<_> = user.into_iter().chain(prefixes).collect();
        loop {
            match self.try_take(&keys, attempt.passed) {
                Ok(()) => break,
                Err(InTheWay::Spent) => return Ok(None),
                Err(InTheWay::InFlight(ended)) => ended.await,
            }
        }
        Ok(Some(Box::new(Taken { table: self.clone(), keys, passed: attempt.passed, is_wrong: true })))
    }
}

impl InMemory {
    fn try_take(&self, keys: &[Key], now: Duration) -> Result<(), InTheWay> {
        let mut table = self.lock();
        for key in keys {
            let Some(entry) = table.get(key) else {
                continue;
            };
            match entry.spent.left(key.budget(), now) {
                0 => return Err(InTheWay::Spent),
                // Under the lock, so that nothing ends before it is waited for.
                left if left <= entry.in_flight => {
                    return Err(InTheWay::InFlight(Arc::clone(&entry.ended).notified_owned()));
                }
                _ => {}
            }
        }
        for key in keys {
            make_room(&mut table, now);
            table.entry(key.clone()).or_default().in_flight += 1;
        }
        Ok(())
    }

    fn end(&self, keys: &[Key], is_wrong: bool, now: Duration) {
        let mut table = self.lock();
        for key in keys {
            let Some(entry) = table.get_mut(key) else {
                continue;
            };
            entry.in_flight = entry.in_flight.saturating_sub(1);
            if is_wrong {
                entry.spent.take(key.budget(), now);
            }
            entry.ended.notify_waiters();
            if entry.in_flight == 0 && entry.spent.is_over(now) {
                table.remove(key);
            }
        }
    }

    pub(super) fn entries(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Attempts>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets entries that have regained everything, and if that is too little, those with the most places left. So the worst are
/// remembered longest.
///
/// Many are forgotten at a time, so that a full table is not searched for each new entry.
fn make_room(table: &mut HashMap<Key, Attempts>, now: Duration) {
    if table.len() < MAX_ENTRIES {
        return;
    }
    table.retain(|_, entry| entry.in_flight > 0 || !entry.spent.is_over(now));
    let surplus = (table.len() + ROOM).saturating_sub(MAX_ENTRIES);
    let idle = table.iter().filter(|(_, entry)| entry.in_flight == 0);
    let mut idle: Vec<_> = idle.map(|(key, entry)| (entry.spent.left(key.budget(), now), key.clone())).collect();
    idle.sort_unstable_by_key(|(left, _)| Reverse(*left));
    for (_, key) in idle.iter().take(surplus) {
        table.remove(key);
    }
}

/// A place in the table, for each of the keys.
struct Taken {
    table: InMemory,
    keys: Vec<Key>,
    passed: Duration,
    is_wrong: bool,
}

impl AttemptPlace for Taken {
    fn give_back(mut self: Box<Self>) {
        self.is_wrong = false;
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.table.end(&self.keys, self.is_wrong, self.passed);
    }
}

impl fmt::Debug for InMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InMemory").field("entries", &self.entries()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt<'a>(user: Option<&'a PrincipalId>, address: Option<&str>, secs: u64) -> Attempt<'a> {
        Attempt {
            connection: None,
            user,
            address: address.map(|address| address.parse().unwrap()),
            passed: Duration::from_secs(secs),
        }
    }

    /// Presents so many wrong credentials, one after another, and tells how many of them were looked at.
    async fn guess(limiter: &InMemory, attempt: &Attempt<'_>, times: usize) -> usize {
        let mut looked_at = 0;
        for _ in 0..times {
            looked_at += usize::from(limiter.take(attempt).await.unwrap().is_some());
        }
        looked_at
    }

    #[tokio::test]
    async fn wrong_ones_count_by_user_and_by_each_prefix_of_the_address() {
        let ann = PrincipalId::new("", "ann");
        for (user, address, at_once, a_minute_later) in [
            (Some(&ann), None, 10, 1),
            (None, Some("192.0.2.1"), 30, 3),
            (None, Some("2001:db8::1"), 30, 3),
            (Some(&ann), Some("192.0.2.1"), 10, 1),
            (None, None, 100, 100),
        ] {
            let limiter = InMemory::default();
            assert_eq!(guess(&limiter, &attempt(user, address, 1000), 100).await, at_once, "{address:?}");
            assert_eq!(guess(&limiter, &attempt(user, address, 1060), 100).await, a_minute_later, "{address:?}");
        }
    }

    #[tokio::test]
    async fn customer_with_a_48_is_one_and_not_65536() {
        let limiter = InMemory::default();
        let mut looked_at = 0;
        for subnet in 0..50 {
            let address = format!("2001:db8:1:{subnet:x}00::1");
            looked_at += guess(&limiter, &attempt(None, Some(&address), 1000), 30).await;
        }
        assert_eq!(looked_at, 120);
        assert_eq!(guess(&limiter, &attempt(None, Some("2001:db8:2::1"), 1000), 1).await, 1, "another customer");
    }

    #[tokio::test]
    async fn what_is_good_or_undecided_costs_nothing_and_gives_nothing_back() {
        let (limiter, ann) = (InMemory::default(), PrincipalId::new("", "ann"));
        let attempt = attempt(Some(&ann), Some("192.0.2.1"), 1000);
        for _ in 0..1000 {
            limiter.take(&attempt).await.unwrap().unwrap().give_back();
        }
        assert_eq!(limiter.entries(), 0);
        assert_eq!(guess(&limiter, &attempt, 9).await, 9);
        limiter.take(&attempt).await.unwrap().unwrap().give_back();
        assert_eq!(guess(&limiter, &attempt, 9).await, 1);
    }

    #[tokio::test]
    async fn a_thousand_at_once_share_one_limit_and_good_ones_wait_for_their_turn() {
        let (limiter, ann) = (InMemory::default(), PrincipalId::new("", "ann"));
        for is_wrong in [false, true] {
            let tasks: Vec<_> = (0..1000)
                .map(|_| {
                    let (limiter, ann) = (limiter.clone(), ann.clone());
                    tokio::spawn(async move {
                        let place = limiter.take(&attempt(Some(&ann), None, 1000)).await.unwrap();
                        tokio::task::yield_now().await;
                        let looked_at = place.is_some();
                        match place {
                            Some(place) if !is_wrong => place.give_back(),
                            place => drop(place),
                        }
                        looked_at
                    })
                })
                .collect();
            let mut looked_at = 0;
            for task in tasks {
                looked_at += usize::from(task.await.unwrap());
            }
            assert_eq!(looked_at, if is_wrong { 10 } else { 1000 });
        }
    }

    #[tokio::test]
    async fn memory_is_bounded_and_keeps_those_who_fail_most() {
        let (limiter, worst) = (InMemory::default(), PrincipalId::new("", "worst"));
        assert_eq!(guess(&limiter, &attempt(Some(&worst), None, 1000), 100).await, 10);
        for n in 0..MAX_ENTRIES + 100 {
            let user = PrincipalId::new("", n.to_string());
            assert_eq!(guess(&limiter, &attempt(Some(&user), None, 1000), 1).await, 1);
        }
        assert!((MAX_ENTRIES - ROOM..=MAX_ENTRIES).contains(&limiter.entries()), "{}", limiter.entries());
        assert_eq!(guess(&limiter, &attempt(Some(&worst), None, 1000), 1).await, 0);
        // A day later, nothing of it is left to remember.
        assert_eq!(guess(&limiter, &attempt(Some(&worst), None, 100_000), 1).await, 1);
        assert!(limiter.entries() <= MAX_ENTRIES);
    }
}
