//! The records in memory, and what finds them.

use std::{
    borrow::Borrow,
    collections::{HashMap, HashSet},
    hash::{Hash, Hasher},
    sync::Arc,
    time::SystemTime,
};

use auth_core::BoxError;

use super::{
    ends::{Ends, FREED_AT_ONCE},
    room::{Room, Used},
    shelf::Shelf,
};
use crate::{Record, RecordKey};

/// The records of a store, and what finds them. What has ended counts as absent, and is freed a few at a time.
#[derive(Default)]
pub(super) struct Kept {
    records: HashSet<ByKey>,
    /// The records that have this key as their owner or as an index.
    found_by: HashMap<RecordKey, HashSet<RecordKey>>,
    ends_of_owned: Ends<SystemTime, RecordKey>,
    /// Apart, so that those which have ended are found for a record of nobody however many others have.
    ends_of_nobodys: Ends<SystemTime, RecordKey>,
    /// Up to when the records of an owner have ended.
    pub(super) ended: Shelf<SystemTime, SystemTime>,
    used: Used,
}

/// A record, found by its key. The table holds nothing but pointers, so that it stays in the cache of the processor.
struct ByKey(Arc<Record>);

impl Borrow<RecordKey> for ByKey {
    fn borrow(&self) -> &RecordKey {
        &self.0.key
    }
}

impl Hash for ByKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.key.hash(state);
    }
}

impl PartialEq for ByKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.key == other.0.key
    }
}

impl Eq for ByKey {}

impl Kept {
    /// How many it holds, with those that have ended and are not free yet.
    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether a record with this key has not reached its end, even if the mark of its owner covers it.
    pub(super) fn is_taken(&self, key: &RecordKey, now: SystemTime) -> bool {
        self.records.get(key).is_some_and(|ByKey(record)| now < record.ends_at)
    }

    pub(super) fn get(&self, key: &RecordKey, now: SystemTime) -> Option<&Arc<Record>> {
        let ByKey(record) = self.records.get(key).filter(|ByKey(record)| now < record.ends_at)?;
        // Before the owner is read, which is another place in memory.
        if self.ended.len() == 0 {
            return Some(record);
        }
        let ended = record.owner.as_ref().and_then(|owner| self.ended.get(owner.as_str(), now));
        ended.is_none_or(|until| record.since > until.value).then_some(record)
    }

    pub(super) fn put(&mut self, record: Record, room: Room, now: SystemTime) -> Result<(), BoxError> {
        if !self.is_taken(&record.key, now) {
            self.remove(&record.key);
        }
        for _ in 0..FREED_AT_ONCE {
            self.free_one(now, false);
        }
        self.make_room(&record, room, now)?;
        self.remove(&record.key);
        self.add(record);
        Ok(())
    }

    pub(super) fn remove(&mut self, key: &RecordKey) -> Option<Arc<Record>> {
        let ByKey(record) = self.records.take(key)?;
        self.used.subtract(&record);
        self.ends_of(&record).remove(record.ends_at, record.key.clone());
        for by in record.owner.iter().chain(&record.indexes) {
            if let Some(found) = self.found_by.get_mut(by) {
                found.remove(&record.key);
                if found.is_empty() {
                    self.found_by.remove(by);
                }
            }
        }
        Some(record)
    }

    /// The opposite of [`remove`](Self::remove).
    fn add(&mut self, record: Record) {
        self.used.add(&record);
        self.ends_of(&record).add(record.ends_at, record.key.clone());
        for by in record.owner.iter().chain(&record.indexes) {
            self.found_by.entry(by.clone()).or_default().insert(record.key.clone());
        }
        self.records.insert(ByKey(Arc::new(record)));
    }

    /// Frees what has ended until this record fits.
    ///
    /// What was there before was within the limits, so the record lacks at most what it takes itself. Every record that is freed
    /// takes 2.5 KiB or more. So it frees at most one for each 2.5 KiB of the new one, whatever has ended. Only after a limit was lowered,
    /// one call may free more.
    fn make_room(&mut self, record: &Record, room: Room, now: SystemTime) -> Result<(), BoxError> {
        loop {
            let mut used = self.used;
            if let Some(ByKey(old)) = self.records.get(&record.key) {
                used.subtract(old);
            }
            used.add(record);
            // What takes no more than before is always stored: a touch, say.
            if !used.exceeds(room) || !used.is_more_than(self.used) {
                return Ok(());
            }
            if !self.free_one(now, used.nobodys_exceed(room)) {
                return Err("the memory store is full".into());
            }
        }
    }

    /// False if nothing has ended, or nothing of nobody where only that counts.
    fn free_one(&mut self, now: SystemTime, only_nobodys: bool) -> bool {
        let ended = self.ends_of_nobodys.pop_ended(now);
        let ended = if only_nobodys { ended } else { ended.or_else(|| self.ends_of_owned.pop_ended(now)) };
        ended.and_then(|key| self.remove(&key)).is_some()
    }

    fn ends_of(&mut self, record: &Record) -> &mut Ends<SystemTime, RecordKey> {
        if record.owner.is_some() { &mut self.ends_of_owned } else { &mut self.ends_of_nobodys }
    }

    pub(super) fn find(&self, by: &RecordKey, now: SystemTime, is_meant: impl Fn(&Record) -> bool) -> Vec<Record> {
        let keys = self.found_by.get(by).into_iter().flatten();
        keys.filter_map(|key| self.get(key, now))
            .filter(|record| is_meant(record))
            .map(|record| Record::clone(record))
            .collect()
    }

    /// Removes the records that the mark of their owner covers. They would never be returned again.
    pub(super) fn remove_covered(&mut self, owner: &RecordKey, now: SystemTime) {
        let keys = self.found_by.get(owner).into_iter().flatten().cloned().collect::<Vec<_>>();
        for key in keys {
            if self.get(&key, now).is_none() {
                self.remove(&key);
            }
        }
    }
}
