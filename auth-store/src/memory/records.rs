use std::{sync::Arc, time::SystemTime};

use async_trait::async_trait;
use auth_core::BoxError;

use super::{MemoryStore, shelf::Slot};
use crate::{Record, RecordKey, Records, Saved, SavedEnd};

#[async_trait]
impl Records for MemoryStore {
    async fn create(&self, record: &Record) -> Result<bool, BoxError> {
        record.check_len()?;
        let mut shelves = self.shelves();
        let (now, room) = (shelves.clock.now(), shelves.room);
        if shelves.records.is_taken(&record.key, now) {
            return Ok(false);
        }
        shelves.records.put(Record { version: 1, ..record.clone() }, room, now)?;
        Ok(true)
    }

    async fn load(&self, key: &RecordKey) -> Result<Option<Record>, BoxError> {
        let shelves = self.shelves();
        Ok(shelves.records.get(key, shelves.clock.now()).map(|record| Record::clone(record)))
    }

    fn load_at_once(&self, key: &RecordKey) -> Option<Option<Arc<Record>>> {
        let shelves = self.shelves();
        Some(shelves.records.get(key, shelves.clock.now()).cloned())
    }

    async fn touch(&self, key: &RecordKey, used_at: SystemTime, ends_at: SystemTime) -> Result<bool, BoxError> {
        let mut shelves = self.shelves();
        let (now, room) = (shelves.clock.now(), shelves.room);
        let stored = shelves.records.get(key, now).filter(|stored| used_at < stored.ends_at);
        let Some(mut record) = stored.map(|stored| Record::clone(stored)) else {
            return Ok(false);
        };
        record.used_at = record.used_at.max(used_at);
        record.ends_at = record.ends_at.max(ends_at);
        shelves.records.put(record, room, now)?;
        Ok(true)
    }

    async fn save(&self, record: &Record, end: SavedEnd) -> Result<Saved, BoxError> {
        record.check_len()?;
        let mut shelves = self.shelves();
        let (now, room) = (shelves.clock.now(), shelves.room);
        let Some(stored) = shelves.records.get(&record.key, now) else {
            return Ok(Saved::Ended);
        };
        if stored.version != record.version {
            return Ok(Saved::Conflict);
        }
        let version = stored.version.saturating_add(1);
        let (used_at, ends_at) = match end {
            SavedEnd::Replace if record.used_at >= stored.ends_at => return Ok(Saved::Ended),
            SavedEnd::Keep => (stored.used_at, stored.ends_at),
            SavedEnd::Replace => (record.used_at, record.ends_at),
        };
        shelves.records.put(Record { version, used_at, ends_at, ..record.clone() }, room, now)?;
        Ok(Saved::As(version))
    }

    async fn end(&self, key: &RecordKey) -> Result<bool, BoxError> {
        let mut shelves = self.shelves();
        let now = shelves.clock.now();
        let was_there = shelves.records.get(key, now).is_some();
        shelves.records.remove(key);
        Ok(was_there)
    }

    async fn end_owned(&self, owner: &RecordKey, until: SystemTime, keep_until: SystemTime) -> Result<(), BoxError> {
        let mut shelves = self.shelves();
        let (now, limit) = (shelves.clock.now(), shelves.max_marks);
        let old = shelves.records.ended.get(owner.as_str(), now);
        let until = old.map_or(until, |old| until.max(old.value));
        let ends_at = old.and_then(|old| old.ends_at).map_or(keep_until, |old| keep_until.max(old));
        let mark = Slot { value: until, ends_at: Some(ends_at) };
        shelves.records.ended.put(owner.as_str(), mark, limit, now)?;
        shelves.records.remove_covered(owner, now);
        Ok(())
    }

    async fn owned(&self, owner: &RecordKey) -> Result<Vec<Record>, BoxError> {
        let is_owned = |record: &Record| record.owner.as_ref() == Some(owner);
        let shelves = self.shelves();
        Ok(shelves.records.find(owner, shelves.clock.now(), is_owned))
    }

    async fn indexed(&self, index: &RecordKey) -> Result<Vec<Record>, BoxError> {
        let is_indexed = |record: &Record| record.indexes.contains(index);
        let shelves = self.shelves();
        Ok(shelves.records.find(index, shelves.clock.now(), is_indexed))
    }
}
