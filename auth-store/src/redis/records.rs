//! Records in Redis.
//!
//! The lists of owners and indexes are keys of their own, possibly on other servers, so no command changes both. A record is
//! entered into its lists before it is written, and an entry lives at least as long as the record. So every record is listed. An
//! entry may have no record, or one that has changed: a reader of the list leaves it out.

use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use auth_core::BoxError;
use futures_util::{StreamExt as _, TryStreamExt as _, future::try_join_all, stream};
use redis::{Cmd, Value, cmd};

use super::{Failure, RedisStore, fields, link::Repeat, millis, scripts};
use crate::{Record, RecordKey, Records, Saved, SavedEnd, instant::to_nanos, opaque};

/// How much longer than until its end a record is kept: the clocks of nodes may differ by five minutes.
const SLACK: Duration = Duration::from_secs(600);

/// How many records of a list are loaded at a time.
const AT_ONCE: usize = 64;

#[async_trait]
impl Records for RedisStore {
    async fn create(&self, record: &Record) -> Result<bool, BoxError> {
        record.check_len()?;
        self.enter_all(record, record.ends_at).await?;
        let mut create = self.script(scripts::CREATE, &record.key);
        create.arg(opaque::random::<16>()?).arg(self.left(record.ends_at));
        fields::add_all(&mut create, record, 1);
        create.arg("u").arg(fields::instant(record.used_at)).arg("e").arg(fields::instant(record.ends_at));
        let created: u8 = self.ask(&record.key, &create).await?;
        Ok(created == 1)
    }

    async fn load(&self, key: &RecordKey) -> Result<Option<Record>, BoxError> {
        let mut known = None;
        loop {
            let Some(record) = self.read(key).await? else { return Ok(None) };
            let is_covered = match &record.owner {
                Some(owner) => self.is_covered(owner, record.since).await?,
                None => false,
            };
            if !is_covered {
                return Ok(Some(record));
            }
            // It may have been moved beyond the mark between the two calls.
            if known.replace(record.since) == Some(record.since) {
                return Ok(None);
            }
        }
    }

    async fn touch(&self, key: &RecordKey, used_at: SystemTime, ends_at: SystemTime) -> Result<bool, BoxError> {
        let Some(entered) = self.read_lists(key).await? else { return Ok(false) };
        self.enter(&entered, key, ends_at).await?;
        let mut touch = self.script(scripts::TOUCH, key);
        touch.arg(fields::instant(used_at)).arg(fields::instant(ends_at)).arg(self.left(ends_at));
        let Some((owner, indexes)) = self.ask::<Option<(String, String)>>(key, &touch).await? else {
            return Ok(false);
        };
        // A save may have changed them meanwhile.
        let mut lists = fields::lists(&owner, &indexes);
        lists.retain(|list| !entered.contains(list));
        self.enter(&lists, key, ends_at).await?;
        Ok(true)
    }

    async fn save(&self, record: &Record, end: SavedEnd) -> Result<Saved, BoxError> {
        record.check_len()?;
        let Some(old) = self.load(&record.key).await? else { return Ok(Saved::Ended) };
        if old.version != record.version {
            return Ok(Saved::Conflict);
        }
        let version = record.version.saturating_add(1);
        let replaces = end == SavedEnd::Replace;
        let entered_until = if replaces { record.ends_at } else { old.ends_at };
        if !is_in_lists(record, &old) || entered_until > old.ends_at {
            self.enter_all(record, entered_until).await?;
        }

        let mut save = self.script(scripts::SAVE, &record.key);
        save.arg(record.version).arg(opaque::random::<16>()?).arg(u8::from(replaces));
        save.arg(fields::instant(record.used_at)).arg(fields::instant(record.ends_at)).arg(self.left(record.ends_at));
        fields::add_all(&mut save, record, version);
        let (saved, ends_at): (u8, String) = self.ask(&record.key, &save).await?;
        match saved {
            0 => return Ok(Saved::Ended),
            1 => {}
            _ => return Ok(Saved::Conflict),
        }
        // A touch may have moved the end meanwhile.
        let ends_at = fields::read_instant(&ends_at)?;
        if ends_at > entered_until {
            self.enter_all(record, ends_at).await?;
        }
        // A mark that was written meanwhile covers what the record was, though not what it is now.
        if let Some(owner) = &old.owner
            && (old.since != record.since || old.owner != record.owner)
            && self.is_covered(owner, old.since).await?
        {
            self.end(&record.key).await?;
            return Ok(Saved::Ended);
        }
        Ok(Saved::As(version))
    }

    async fn end(&self, key: &RecordKey) -> Result<bool, BoxError> {
        let end = self.script(scripts::END, key);
        let Some((owner, indexes)) = self.ask::<Option<(String, String)>>(key, &end).await? else {
            return Ok(false);
        };
        for list in fields::lists(&owner, &indexes) {
            let name = self.list(&list);
            let mut remove = cmd("ZREM");
            remove.arg(&name).arg(key.as_str());
            // An entry without a record is harmless, and ends when the record would have ended.
            if let Err(failure) = self.servers.call::<Value>(&name, &remove, Repeat::Harmless).await {
                tracing::debug!(%failure, "an ended record stays in a list");
            }
        }
        Ok(true)
    }

    async fn end_owned(&self, owner: &RecordKey, until: SystemTime, keep_until: SystemTime) -> Result<(), BoxError> {
        // Longer than any record that it covers.
        let ttl = keep_until.duration_since(self.clock.now()).unwrap_or_default().saturating_add(SLACK * 2);
        Ok(self.raise_to(&self.mark(owner), to_nanos(until), Some(ttl)).await?)
    }

    async fn owned(&self, owner: &RecordKey) -> Result<Vec<Record>, BoxError> {
        let mut found = self.listed(owner).await?;
        found.retain(|record| record.owner.as_ref() == Some(owner));
        Ok(found)
    }

    async fn indexed(&self, index: &RecordKey) -> Result<Vec<Record>, BoxError> {
        let mut found = self.listed(index).await?;
        found.retain(|record| record.indexes.contains(index));
        Ok(found)
    }
}

/// Whether a record is already in all of its lists.
fn is_in_lists(record: &Record, old: &Record) -> bool {
    record.owner == old.owner && record.indexes.iter().all(|index| old.indexes.contains(index))
}

impl RedisStore {
    async fn read(&self, key: &RecordKey) -> Result<Option<Record>, BoxError> {
        let name = self.name(key);
        let mut read = cmd("HMGET");
        read.arg(&name).arg(fields::ALL);
        let values: Vec<Option<Vec<u8>>> = self.servers.call(&name, &read, Repeat::Harmless).await?;
        fields::read(key, values)
    }

    /// The keys of the lists that a record is in.
    async fn read_lists(&self, key: &RecordKey) -> Result<Option<Vec<RecordKey>>, BoxError> {
        let name = self.name(key);
        let mut read = cmd("HMGET");
        read.arg(&name).arg("o").arg("i");
        let values: (Option<String>, Option<String>) = self.servers.call(&name, &read, Repeat::Harmless).await?;
        Ok(values.0.zip(values.1).map(|(owner, indexes)| fields::lists(&owner, &indexes)))
    }

    async fn listed(&self, list: &RecordKey) -> Result<Vec<Record>, BoxError> {
        let name = self.list(list);
        let mut eval = cmd("EVAL");
        eval.arg(scripts::LIST).arg(1).arg(&name);
        let keys: Vec<String> = self.servers.call(&name, &eval, Repeat::Harmless).await?;
        let keys: Vec<_> = keys.iter().filter_map(|key| RecordKey::from_stored(key)).collect();
        let records = stream::iter(keys).map(async |key| self.load(&key).await);
        let records = records.buffer_unordered(AT_ONCE).try_collect::<Vec<_>>().await?;
        Ok(records.into_iter().flatten().collect())
    }

    async fn enter_all(&self, record: &Record, ends_at: SystemTime) -> Result<(), Failure> {
        let lists = record.owner.iter().chain(&record.indexes).cloned().collect::<Vec<_>>();
        self.enter(&lists, &record.key, ends_at).await
    }

    /// Enters a record into these lists, or lets it stay there longer.
    async fn enter(&self, lists: &[RecordKey], key: &RecordKey, ends_at: SystemTime) -> Result<(), Failure> {
        // Longer than the record.
        let ttl = self.left(ends_at).saturating_add(millis(SLACK));
        let entries = lists.iter().map(async |list| {
            let name = self.list(list);
            let mut enter = cmd("EVAL");
            enter.arg(scripts::ENTER).arg(1).arg(&name).arg(key.as_str()).arg(ttl);
            self.servers.call::<Value>(&name, &enter, Repeat::Harmless).await
        });
        try_join_all(entries).await.map(drop)
    }

    async fn is_covered(&self, owner: &RecordKey, since: SystemTime) -> Result<bool, BoxError> {
        let until = self.read_mark(&self.mark(owner)).await?;
        Ok(until.is_some_and(|until| to_nanos(since) <= until))
    }

    async fn ask<T: redis::FromRedisValue>(&self, key: &RecordKey, cmd: &Cmd) -> Result<T, Failure> {
        self.servers.call(&self.name(key), cmd, Repeat::Harmless).await
    }

    fn script(&self, script: &'static str, key: &RecordKey) -> Cmd {
        let mut eval = cmd("EVAL");
        eval.arg(script).arg(1).arg(self.name(key));
        eval
    }

    /// How long a record is kept that ends then, in milliseconds.
    fn left(&self, ends_at: SystemTime) -> u64 {
        millis(ends_at.duration_since(self.clock.now()).unwrap_or_default().saturating_add(SLACK))
    }

    fn name(&self, key: &RecordKey) -> String {
        self.full(&format!("record:{}", key.as_str()))
    }

    fn list(&self, key: &RecordKey) -> String {
        self.full(&format!("list:{}", key.as_str()))
    }

    fn mark(&self, owner: &RecordKey) -> String {
        self.full(&format!("ended:{}", owner.as_str()))
    }
}
