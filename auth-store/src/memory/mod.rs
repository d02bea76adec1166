mod budgets;
mod ends;
mod kept;
mod records;
mod room;
mod shelf;
mod tables;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use auth_core::{BoxError, Clock, SystemClock};
use tokio::sync::broadcast;

use self::{
    kept::Kept,
    room::Room,
    shelf::{Shelf, Slot},
    tables::Tables,
};
use crate::{
    Store, Subscription, SubscriptionEvent,
    backlog::{self, Backlog},
};

/// The most values: about 50 MB.
const MAX_VALUES: usize = 100_000;

/// The most marks: about 200 MB.
const MAX_MARKS: usize = 1_000_000;

/// The most records.
const MAX_RECORDS: usize = 1_000_000;

/// The most that they may take, in bytes: 310,000 logins of the usual 450 bytes, or 29,000 with the most data.
const MAX_RECORD_BYTES: usize = 1 << 30;

/// The most counters of failures, of each kind: about 25 MB.
const MAX_BUDGETS: usize = 65_536;

/// A store for a service with one node. Everything is in the memory of the process, and is lost when it ends.
///
/// Clones share one store, with its clock and its limits: a setter changes them for all. Set them before the store is used. A later
/// clock judges entries that an earlier one has dated, and a limit below what is kept refuses new entries until enough have ended.
///
/// It needs no task: each addition frees up to 64 entries that have ended, and the size is bounded. An entry that has ended counts
/// as absent before it is freed, and keeps no room from a new one. A full store refuses new entries and keeps the old ones: a
/// forgotten revocation would let somebody in.
///
/// Values such as tickets expire after a span of monotonic time ([`Clock::monotonic`]). Revocations expire at a time of day,
/// because tokens do.
#[derive(Clone)]
pub struct MemoryStore {
    shelves: Arc<Mutex<Shelves>>,
    news: broadcast::Sender<SubscriptionEvent>,
}

/// What clones share. The settings are here, so that there is one limit and one clock for what is counted and dated once.
struct Shelves {
    clock: Arc<dyn Clock>,
    max_values: usize,
    max_marks: usize,
    room: Room,
    values: Shelf<Vec<u8>, Duration>,
    marks: Shelf<u64, SystemTime>,
    records: Kept,
    max_budgets: usize,
    budgets: Tables,
}

impl MemoryStore {
    /// An empty store that uses the system's clock.
    #[must_use]
    pub fn new() -> Self {
        let shelves = Shelves {
            clock: Arc::new(SystemClock),
            max_values: MAX_VALUES,
            max_marks: MAX_MARKS,
            room: Room { count: MAX_RECORDS, bytes: MAX_RECORD_BYTES },
            values: Shelf::default(),
            marks: Shelf::default(),
            records: Kept::default(),
            max_budgets: MAX_BUDGETS,
            budgets: Tables::default(),
        };
        Self { shelves: Arc::new(Mutex::new(shelves)), news: backlog::new() }
    }

    /// Sets the clock. The default is the system's.
    #[must_use]
    pub fn clock(self, clock: impl Clock) -> Self {
        self.shelves().clock = Arc::new(clock);
        self
    }

    /// Sets the most valid tickets at a time. The default is 100,000. The store refuses more.
    #[must_use]
    pub fn max_tickets(self, count: usize) -> Self {
        self.shelves().max_values = count;
        self
    }

    /// Sets the most revocations at a time. The default is 1,000,000. The store refuses more.
    #[must_use]
    pub fn max_revocations(self, count: usize) -> Self {
        self.shelves().max_marks = count;
        self
    }

    /// Sets the most [records](crate::Records) at a time. The default is 1,000,000. The store refuses more.
    ///
    /// Records without an owner, such as the sessions of visitors who are not logged in, may be half of them. So a login always
    /// finds room beside them. A record that gets an owner counts as owned from then on.
    #[must_use]
    pub fn max_records(self, count: usize) -> Self {
        self.shelves().room.count = count;
        self
    }

    /// Sets the most that all records may take, in bytes. The default is 1 GiB. The store refuses more, and more than half of it for
    /// records without an owner.
    ///
    /// A record counts 2,560 bytes, twice the length of its value (its decoded form is kept too), and 256 bytes for each index. So
    /// the default is room for 310,000 logins of 450 bytes, or for 29,000 sessions with the most data, 16 KiB.
    #[must_use]
    pub fn max_record_bytes(self, bytes: usize) -> Self {
        self.shelves().room.bytes = bytes;
        self
    }

    /// Sets the most counters of failures ([`Budgets`](crate::Budgets)) of each kind. The default is 65,536. A
    /// [`Throttle`](crate::Throttle) has up to nine kinds.
    ///
    /// A full table gives up counters of which at most a quarter is spent, the emptiest first. If there is none, new names share
    /// one counter, and an [optional](crate::BudgetKey::optional) one is left out. Keys of one kind with another budget have a table of
    /// their own.
    #[must_use]
    pub fn max_budgets(self, count: usize) -> Self {
        self.shelves().max_budgets = count;
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
            .field("records", &shelves.records.len())
            .field("budgets", &shelves.budgets.len())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn put(&self, key: &str, value: &[u8], ttl: Duration) -> Result<(), BoxError> {
        let value = value.to_vec();
        let mut shelves = self.shelves();
        let (now, limit) = (shelves.clock.monotonic(), shelves.max_values);
        shelves.values.put(key, Slot { value, ends_at: now.checked_add(ttl) }, limit, now)
    }

    async fn take(&self, key: &str) -> Result<Option<Vec<u8>>, BoxError> {
        let mut shelves = self.shelves();
        let now = shelves.clock.monotonic();
        let taken = shelves.values.remove(key);
        Ok(taken.filter(|slot| slot.is_good_at(now)).map(|slot| slot.value))
    }

    async fn raise(&self, key: &str, value: u64, ttl: Option<Duration>) -> Result<(), BoxError> {
        let mut shelves = self.shelves();
        let (now, limit) = (shelves.clock.now(), shelves.max_marks);
        let mut slot = Slot { value, ends_at: ttl.and_then(|ttl| now.checked_add(ttl)) };
        let marks = &mut shelves.marks;
        if let Some(old) = marks.get(key, now) {
            slot.value = slot.value.max(old.value);
            slot.ends_at = slot.ends_at.zip(old.ends_at).map(|(new, old)| new.max(old));
        }
        marks.put(key, slot, limit, now)
    }

    async fn marks(&self, keys: &[String]) -> Result<Vec<Option<u64>>, BoxError> {
        let shelves = self.shelves();
        let now = shelves.clock.now();
        Ok(keys.iter().map(|key| shelves.marks.get(key, now).map(|slot| slot.value)).collect())
    }

    fn has_no_marks(&self) -> bool {
        self.shelves().marks.len() == 0
    }

    fn reaches_at_once(&self, marks: &[(&str, u64)]) -> Option<bool> {
        let shelves = self.shelves();
        let now = shelves.clock.now();
        Some(marks.iter().any(|(key, from)| shelves.marks.get(key, now).is_some_and(|mark| *from <= mark.value)))
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
