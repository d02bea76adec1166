//! Records in SQLite. Each change is one statement, so it is done whole or not at all, and one after the other: SQLite has one
//! writer at a time, which sees what the one before it has done.

use std::time::SystemTime;

use async_trait::async_trait;
use auth_core::BoxError;
use auth_store::{Record, RecordKey, Records, Saved, SavedEnd};

use super::{
    SqliteStore,
    failure::unreadable,
    link::{Lent, changed, within},
};
use crate::{
    failure::Failure,
    row::{self, Row},
    times::{SLACK, cutoff, span_nanos, to_nanos},
};

#[async_trait]
impl Records for SqliteStore {
    async fn create(&self, record: &Record) -> Result<bool, BoxError> {
        record.check_len()?;
        let indexes = indexes(record)?;
        let mut lent = self.link.writer().await?;
        // One that is long over, and is still there, makes room.
        let create = sqlx::query(
            "INSERT INTO portcullis_records AS old (key, owner, indexes, since, used_at, ends_at, version, value)
             VALUES ($1, $2, $3, $4, $5, $6, 1, $7)
             ON CONFLICT (key) DO UPDATE SET
                 owner = excluded.owner, indexes = excluded.indexes, since = excluded.since, used_at = excluded.used_at,
                 ends_at = excluded.ends_at, version = 1, value = excluded.value
             WHERE old.ends_at <= $8",
        );
        let create = create.bind(record.key.as_str()).bind(row::owner(record)).bind(indexes);
        let create = create.bind(to_nanos(record.since)).bind(to_nanos(record.used_at)).bind(to_nanos(record.ends_at));
        let create = create.bind(&*record.value).bind(self.cutoff());
        let created = within(lent.until, create.execute(lent.connection()?)).await?.rows_affected();
        drop(lent);
        self.count_addition();
        Ok(created == 1)
    }

    async fn load(&self, key: &RecordKey) -> Result<Option<Record>, BoxError> {
        let mut lent = self.link.reader().await?;
        let load = sqlx::query_as(
            "SELECT key, owner, indexes, since, used_at, ends_at, version, value FROM portcullis_records AS r
             WHERE key = $1 AND ends_at > $2
               AND NOT EXISTS (SELECT 1 FROM portcullis_ended AS e WHERE e.owner = r.owner AND r.since <= e.until)",
        );
        let load = load.bind(key.as_str()).bind(self.cutoff());
        let found = within(lent.until, load.fetch_optional(lent.connection()?)).await?;
        Ok(found.map(read).transpose()?)
    }

    async fn touch(&self, key: &RecordKey, used_at: SystemTime, ends_at: SystemTime) -> Result<bool, BoxError> {
        let mut lent = self.link.writer().await?;
        let touch = sqlx::query(
            "UPDATE portcullis_records SET used_at = max(used_at, $2), ends_at = max(ends_at, $3)
             WHERE key = $1 AND ends_at > $2 AND ends_at > $4",
        );
        let touch = touch.bind(key.as_str()).bind(to_nanos(used_at)).bind(to_nanos(ends_at)).bind(self.cutoff());
        Ok(within(lent.until, touch.execute(lent.connection()?)).await?.rows_affected() == 1)
    }

    async fn save(&self, record: &Record, end: SavedEnd) -> Result<Saved, BoxError> {
        record.check_len()?;
        let indexes = indexes(record)?;
        let mut lent = self.link.writer().await?;
        let save = sqlx::query_as(
            "UPDATE portcullis_records AS r SET
                 owner = $3, indexes = $4, since = $5, value = $6, version = version + 1,
                 used_at = CASE WHEN $7 THEN $8 ELSE used_at END, ends_at = CASE WHEN $7 THEN $9 ELSE ends_at END
             WHERE key = $1 AND version = $2 AND ends_at > $10 AND NOT ($7 AND ends_at <= $8)
               AND NOT EXISTS (SELECT 1 FROM portcullis_ended AS e WHERE e.owner = r.owner AND r.since <= e.until)
             RETURNING version",
        );
        let version = i64::try_from(record.version).unwrap_or(i64::MAX);
        let save = save.bind(record.key.as_str()).bind(version).bind(row::owner(record)).bind(indexes);
        let save = save.bind(to_nanos(record.since)).bind(&*record.value).bind(end == SavedEnd::Replace);
        let save = save.bind(to_nanos(record.used_at)).bind(to_nanos(record.ends_at)).bind(self.cutoff());
        let saved: Option<(i64,)> = changed(lent.until, save.fetch_all(lent.connection()?)).await?;
        match saved {
            Some((version,)) => Ok(Saved::As(u64::try_from(version).map_err(|_| unreadable())?)),
            None => Ok(self.why_not_saved(lent, record).await?),
        }
    }

    async fn end(&self, key: &RecordKey) -> Result<bool, BoxError> {
        let mut lent = self.link.writer().await?;
        let end = sqlx::query_as("DELETE FROM portcullis_records WHERE key = $1 RETURNING ends_at").bind(key.as_str());
        let ended: Option<(i64,)> = changed(lent.until, end.fetch_all(lent.connection()?)).await?;
        Ok(ended.is_some_and(|(ends_at,)| ends_at > self.cutoff()))
    }

    async fn end_owned(&self, owner: &RecordKey, until: SystemTime, keep_until: SystemTime) -> Result<(), BoxError> {
        // Longer than any record that it covers is kept.
        let ends_at = to_nanos(keep_until).saturating_add(span_nanos(SLACK * 2));
        let mut lent = self.link.writer().await?;
        let end = sqlx::query(
            "INSERT INTO portcullis_ended AS old (owner, until, ends_at) VALUES ($1, $2, $3)
             ON CONFLICT (owner) DO UPDATE SET
                 until = max(old.until, excluded.until), ends_at = max(old.ends_at, excluded.ends_at)",
        );
        let end = end.bind(owner.as_str()).bind(to_nanos(until)).bind(ends_at);
        within(lent.until, end.execute(lent.connection()?)).await?;
        drop(lent);
        self.count_addition();
        Ok(())
    }

    async fn owned(&self, owner: &RecordKey) -> Result<Vec<Record>, BoxError> {
        let mut lent = self.link.reader().await?;
        let list = sqlx::query_as(
            "SELECT key, owner, indexes, since, used_at, ends_at, version, value FROM portcullis_records AS r
             WHERE owner = $1 AND ends_at > $2
               AND NOT EXISTS (SELECT 1 FROM portcullis_ended AS e WHERE e.owner = r.owner AND r.since <= e.until)",
        );
        let list = list.bind(owner.as_str()).bind(self.cutoff());
        read_all(within(lent.until, list.fetch_all(lent.connection()?)).await?)
    }

    async fn indexed(&self, index: &RecordKey) -> Result<Vec<Record>, BoxError> {
        let mut lent = self.link.reader().await?;
        let list = sqlx::query_as(
            "SELECT key, owner, indexes, since, used_at, ends_at, version, value FROM portcullis_records AS r
             WHERE key IN (SELECT record_key FROM portcullis_indexes WHERE index_key = $1) AND ends_at > $2
               AND NOT EXISTS (SELECT 1 FROM portcullis_ended AS e WHERE e.owner = r.owner AND r.since <= e.until)",
        );
        let list = list.bind(index.as_str()).bind(self.cutoff());
        read_all(within(lent.until, list.fetch_all(lent.connection()?)).await?)
    }
}

impl SqliteStore {
    /// The writer that did not save it looks why, before anybody else writes.
    async fn why_not_saved(&self, mut lent: Lent, record: &Record) -> Result<Saved, Failure> {
        let look = sqlx::query_as(
            "SELECT version FROM portcullis_records AS r WHERE key = $1 AND ends_at > $2
               AND NOT EXISTS (SELECT 1 FROM portcullis_ended AS e WHERE e.owner = r.owner AND r.since <= e.until)",
        );
        let look = look.bind(record.key.as_str()).bind(self.cutoff());
        let stored: Option<(i64,)> = within(lent.until, look.fetch_optional(lent.connection()?)).await?;
        Ok(match stored {
            // With the right version, the use is after the end.
            Some((version,)) if u64::try_from(version) == Ok(record.version) => Saved::Ended,
            Some(_) => Saved::Conflict,
            None => Saved::Ended,
        })
    }

    fn cutoff(&self) -> i64 {
        cutoff(self.clock.now())
    }
}

/// The indexes of a record, in JSON.
fn indexes(record: &Record) -> Result<String, BoxError> {
    Ok(serde_json::to_string(&record.indexes.iter().map(RecordKey::as_str).collect::<Vec<_>>())?)
}

fn read(row: Row<String>) -> Result<Record, Failure> {
    let (key, owner, indexes, since, used_at, ends_at, version, value) = row;
    let indexes: Vec<String> = serde_json::from_str(&indexes).map_err(|_| unreadable())?;
    row::read((key, owner, indexes, since, used_at, ends_at, version, value)).ok_or_else(unreadable)
}

fn read_all(rows: Vec<Row<String>>) -> Result<Vec<Record>, BoxError> {
    Ok(rows.into_iter().map(read).collect::<Result<_, _>>()?)
}
