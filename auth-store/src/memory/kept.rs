//! The records in memory, and what finds them.

use std::{
    collections::{HashMap, HashSet},
    time::SystemTime,
};

use auth_core::BoxError;

use super::{
    room::{Room, Used},
    shelf::{Shelf, Slot},
};
use crate::{Record, RecordKey};

/// The records of a store, and what finds them.
#[derive(Default)]
pub(super) struct Kept {
    pub(super) records: Shelf<Record, SystemTime>,
    /// The records that have this key as their owner or as an index.
    found_by: HashMap<RecordKey, HashSet<RecordKey>>,
    /// Up to when the records of an owner have ended.
    pub(super) ended: Shelf<SystemTime, SystemTime>,
    used: Used,
}

impl Kept {
    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    pub(super) fn get(&self, key: &RecordKey, now: SystemTime) -> Option<&Record> {
        let record = &self.records.get(key.as_str(), now)?.value;
        let ended = record.owner.as_ref().and_then(|owner| self.ended.get(owner.as_str(), now));
        ended.is_none_or(|until| record.since > until.value).then_some(record)
    }

    pub(super) fn put(&mut self, record: &Record, room: Room, now: SystemTime) -> Result<(), BoxError> {
        self.remove_ended(now);
        let old = self.records.get(record.key.as_str(), now).map(|old| old.value.clone());
        let mut used = self.used;
        if let Some(old) = &old {
            used.subtract(old);
        }
        used.add(record);
        // What takes no more than before is always stored: a touch, say.
        if used.exceeds(room) && used.is_more_than(self.used) {
            return Err("the memory store is full".into());
        }
        if let Some(old) = &old {
            self.forget(old);
        }
        let slot = Slot { ends_at: Some(record.ends_at), value: record.clone() };
        self.records.put(record.key.as_str(), slot, usize::MAX, now)?;
        self.used = used;
        for by in record.owner.iter().chain(&record.indexes) {
            self.found_by.entry(by.clone()).or_default().insert(record.key.clone());
        }
        Ok(())
    }

    pub(super) fn remove(&mut self, key: &RecordKey) -> Option<Record> {
        let record = self.records.remove(key.as_str())?.value;
        self.forget(&record);
        Some(record)
    }

    fn remove_ended(&mut self, now: SystemTime) {
        for slot in self.records.take_what_ended(now) {
            self.forget(&slot.value);
        }
    }

    /// Removes a record from what finds it.
    fn forget(&mut self, record: &Record) {
        self.used.subtract(record);
        for by in record.owner.iter().chain(&record.indexes) {
            if let Some(found) = self.found_by.get_mut(by) {
                found.remove(&record.key);
                if found.is_empty() {
                    self.found_by.remove(by);
                }
            }
        }
    }

    pub(super) fn find(&self, by: &RecordKey, now: SystemTime, is_meant: impl Fn(&Record) -> bool) -> Vec<Record> {
        let keys = self.found_by.get(by).into_iter().flatten();
        keys.filter_map(|key| self.get(key, now)).filter(|record| is_meant(record)).cloned().collect()
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
