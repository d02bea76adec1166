use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use auth_core::{BoxError, Clock, SystemClock};
use tokio::sync::broadcast;

use crate::{
    Store, Subscription, SubscriptionEvent,
    backlog::{self, Backlog},
};

/// The most values: about 50 MB.
const MAX_VALUES: usize = 100_000;

/// The most marks: about 200 MB.
const MAX_MARKS: usize = 1_000_000;

/// A store for a service with one node. Everything is in the memory of the process, and is lost when it ends.
///
/// Clones share one store. It needs no task: each addition removes what has expired, and the size is bounded. A full store
/// refuses new entries and keeps the old ones: a forgotten revocation would let somebody in.
///
/// Values such as tickets expire after a span of monotonic time ([`Clock::monotonic`]). Revocations expire at a time of day,
/// because tokens do.
#[derive(Clone)]
pub struct MemoryStore {
    clock: Arc<dyn Clock>,
    max_values: usize,
    max_marks: usize,
    shelves: Arc<Mutex<Shelves>>,
    news: broadcast::Sender<SubscriptionEvent>,
}

#[derive(Default)]
struct Shelves {
    values: Shelf<Vec<u8>, Duration>,
    marks: Shelf<u64, SystemTime>,
}

impl MemoryStore {
    /// An empty store that uses the system's clock.
    #[must_use]
    pub fn new() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            max_values: MAX_VALUES,
            max_marks: MAX_MARKS,
            shelves: Arc::default(),
            news: backlog::new(),
        }
    }

    /// Sets the clock. The default is the system's.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Sets the most valid tickets at a time. The default is 100,000. The store refuses more.
    #[must_use]
    pub fn max_tickets(mut self, count: usize) -> Self {
        self.max_values = count;
        self
    }

    /// Sets the most revocations at a time. The default is 1,000,000. The store refuses more.
    #[must_use]
    pub fn max_revocations(mut self, count: usize) -> Self {
        self.max_marks = count;
        self
    }

    fn shelves(&self) -> MutexGuard<'_, Shelves> {
        self.shelves.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shelves = self.shelves();
        f.debug_struct("MemoryStore")
            .field("tickets", &shelves.values.len())
            .field("revocations", &shelves.marks.len())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn put(&self, key: &str, value: &[u8], ttl: Duration) -> Result<(), BoxError> {
        let now = self.clock.monotonic();
        let slot = Slot { value: value.to_vec(), ends_at: now.checked_add(ttl) };
        self.shelves().values.put(key, slot, self.max_values, now)
    }

    async fn take(&self, key: &str) -> Result<Option<Vec<u8>>, BoxError> {
        let now = self.clock.monotonic();
        let taken = self.shelves().values.remove(key);
        Ok(taken.filter(|slot| slot.is_good_at(now)).map(|slot| slot.value))
    }

    async fn raise(&self, key: &str, value: u64, ttl: Option<Duration>) -> Result<(), BoxError> {
        let now = self.clock.now();
        let mut slot = Slot { value, ends_at: ttl.and_then(|ttl| now.checked_add(ttl)) };
        let mut shelves = self.shelves();
        let marks = &mut shelves.marks;
        if let Some(old) = marks.get(key, now) {
            slot.value = slot.value.max(old.value);
            slot.ends_at = slot.ends_at.zip(old.ends_at).map(|(new, old)| new.max(old));
        }
        marks.put(key, slot, self.max_marks, now)
    }

    async fn marks(&self, keys: &[String]) -> Result<Vec<Option<u64>>, BoxError> {
        let now = self.clock.now();
        let shelves = self.shelves();
        Ok(keys.iter().map(|key| shelves.marks.get(key, now).map(|slot| slot.value)).collect())
    }

    async fn publish(&self, message: &[u8]) -> Result<(), BoxError> {
        // It is not an error if nobody listens.
        let _ = self.news.send(SubscriptionEvent::Message(message.to_vec()));
        Ok(())
    }

    async fn subscribe(&self) -> Box<dyn Subscription> {
        // Keeps the sender too, so that the subscription outlives the last handle of the store.
        Box::new(Backlog { receiver: self.news.subscribe(), _keep: self.news.clone() })
    }
}

/// Values by key, and keys by their end, so that expired values are found without a search. `I` is the type of an end.
struct Shelf<T, I> {
    slots: HashMap<Arc<str>, Slot<T, I>>,
    ends: BTreeSet<(I, Arc<str>)>,
}

struct Slot<T, I> {
    value: T,
    /// Exclusive; `None` if it never ends.
    ends_at: Option<I>,
}

impl<T, I: Copy + Ord> Slot<T, I> {
    fn is_good_at(&self, now: I) -> bool {
        self.ends_at.is_none_or(|end| now < end)
    }
}

impl<T, I: Copy + Ord> Shelf<T, I> {
    fn put(&mut self, key: &str, slot: Slot<T, I>, limit: usize, now: I) -> Result<(), BoxError> {
        self.forget_what_ended(now);
        if self.slots.len() >= limit && !self.slots.contains_key(key) {
            return Err("the memory store is full".into());
        }
        self.remove(key);
        let key = Arc::<str>::from(key);
        if let Some(end) = slot.ends_at {
            self.ends.insert((end, Arc::clone(&key)));
        }
        self.slots.insert(key, slot);
        Ok(())
    }

    fn get(&self, key: &str, now: I) -> Option<&Slot<T, I>> {
        self.slots.get(key).filter(|slot| slot.is_good_at(now))
    }

    fn remove(&mut self, key: &str) -> Option<Slot<T, I>> {
        let (key, slot) = self.slots.remove_entry(key)?;
        if let Some(end) = slot.ends_at {
            self.ends.remove(&(end, key));
        }
        Some(slot)
    }

    fn len(&self) -> usize {
        self.slots.len()
    }

    fn forget_what_ended(&mut self, now: I) {
        while let Some((end, _)) = self.ends.first()
            && *end <= now
            && let Some((_, key)) = self.ends.pop_first()
        {
            self.slots.remove(&key);
        }
    }
}

impl<T, I> Default for Shelf<T, I> {
    fn default() -> Self {
        Self { slots: HashMap::new(), ends: BTreeSet::new() }
    }
}
