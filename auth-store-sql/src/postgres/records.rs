//! Records in Postgres, under `READ COMMITTED`. Each call but one is one statement, so it is done whole or not at all.
//!
//! A statement that changes a row waits for the lock of the row, and then compares its conditions with the row as it is. So of two
//! saves with one version one wins, and a touch or a save that comes after an end finds no row. The marks of owners are in another
//! table, which a statement sees as it was when the statement began. `load` compares on each call, so it does not matter there. A
//! save that takes a record out of the reach of a mark has to take a lock: see [`Records::save`].

use std::time::SystemTime;

use async_trait::async_trait;
use auth_core::BoxError;
use auth_store::{Record, RecordKey, Records, Saved, SavedEnd};
use sqlx::{Connection as _, PgConnection, Postgres, postgres::PgArguments, query::QueryAs};
use tokio::time::timeout_at;

use super::{PostgresStore, failure::unreadable};
use crate::{
    row::{self, Row},
    times::{SLACK, cutoff, span_nanos, to_nanos},
};

/// What a lookup finds. `$2` is when a record is long over.
macro_rules! select {
    ($which:literal) => {
        concat!(
            "SELECT key, owner, indexes, since, used_at, ends_at, version, value FROM portcullis_records AS r WHERE ",
            $which,
            " AND ends_at > $2
              AND NOT EXISTS (SELECT 1 FROM portcullis_ended AS e WHERE e.owner = r.owner AND r.since <= e.until)"
        )
    };
}

/// Saves what still has the version, has not ended and is not covered.
macro_rules! save {
    ($more:literal) => {
        concat!(
            "UPDATE portcullis_records AS r SET
                 owner = $3, indexes = $4, since = $5, value = $6, version = version + 1,
                 used_at = CASE WHEN $7 THEN $8 ELSE used_at END, ends_at = CASE WHEN $7 THEN $9 ELSE ends_at END
             WHERE key = $1 AND version = $2 AND ends_at > $10 AND NOT ($7 AND ends_at <= $8)
               AND NOT EXISTS (SELECT 1 FROM portcullis_ended AS e WHERE e.owner = r.owner AND r.since <= e.until)",
            $more,
            " RETURNING version"
        )
    };
}

/// Neither brings the record to another owner, nor beyond a mark: a mark that is written meanwhile covers it before and after.
const SAVE_IN_PLACE: &str = save!(" AND owner IS NOT DISTINCT FROM $3 AND since = $5");
const SAVE: &str = save!("");

#[async_trait]
impl Records for PostgresStore {
    async fn create(&self, record: &Record) -> Result<bool, BoxError> {
        record.check_len()?;
        let mut lent = self.link.lend().await?;
        let (connection, until) = lent.parts()?;
        // One that is long over, and is still there, makes room.
        let create = sqlx::query(
            "INSERT INTO portcullis_records AS old (key, owner, indexes, since, used_at, ends_at, version, value)
             VALUES ($1, $2, $3, $4, $5, $6, 1, $7)
             ON CONFLICT (key) DO UPDATE SET
                 owner = excluded.owner, indexes = excluded.indexes, since = excluded.since, used_at = excluded.used_at,
                 ends_at = excluded.ends_at, version = 1, value = excluded.value
             WHERE old.ends_at <= $8",
        );
        let create = create.bind(record.key.as_str()).bind(row::owner(record)).bind(indexes(record));
        let create = create.bind(to_nanos(record.since)).bind(to_nanos(record.used_at)).bind(to_nanos(record.ends_at));
        let create = create.bind(&*record.value).bind(self.cutoff());
        let created = timeout_at(until, create.execute(connection)).await;
        let created = lent.settle(created)?.rows_affected();
        self.count_addition();
        Ok(created == 1)
    }

    async fn load(&self, key: &RecordKey) -> Result<Option<Record>, BoxError> {
        let mut lent = self.link.lend().await?;
        let (connection, until) = lent.parts()?;
        let load = sqlx::query_as(select!("key = $1")).bind(key.as_str()).bind(self.cutoff());
        let found = timeout_at(until, load.fetch_optional(connection)).await;
        let found: Option<Row<Vec<String>>> = lent.settle(found)?;
        Ok(found.map(|row| row::read(row).ok_or_else(unreadable)).transpose()?)
    }

    async fn touch(&self, key: &RecordKey, used_at: SystemTime, ends_at: SystemTime) -> Result<bool, BoxError> {
        let mut lent = self.link.lend().await?;
        let (connection, until) = lent.parts()?;
        let touch = sqlx::query(
            "UPDATE portcullis_records SET used_at = greatest(used_at, $2), ends_at = greatest(ends_at, $3)
             WHERE key = $1 AND ends_at > $2 AND ends_at > $4",
        );
        let touch = touch.bind(key.as_str()).bind(to_nanos(used_at)).bind(to_nanos(ends_at)).bind(self.cutoff());
        let touched = timeout_at(until, touch.execute(connection)).await;
        Ok(lent.settle(touched)?.rows_affected() == 1)
    }

    /// A save that changes owner or `since` may take the record out of the reach of a mark that is written at the same moment. If
    /// the mark were written first, and the save did not see it, a record that others have found ended would be back. So such a save
    /// and the mark of the owner take a lock, and each statement after it sees what was written before.
    async fn save(&self, record: &Record, end: SavedEnd) -> Result<Saved, BoxError> {
        record.check_len()?;
        let mut lent = self.link.lend().await?;
        let (connection, until) = lent.parts()?;
        let cutoff = self.cutoff();
        let work = async {
            let in_place = save(SAVE_IN_PLACE, record, end, cutoff);
            match in_place.fetch_optional(&mut *connection).await? {
                Some((version,)) => Ok(Ok(version)),
                None => save_elsewhere(connection, record, end, cutoff).await,
            }
        };
        let saved = timeout_at(until, work).await;
        match lent.settle(saved)? {
            Ok(version) => Ok(Saved::As(u64::try_from(version).map_err(|_| unreadable())?)),
            Err(saved) => Ok(saved),
        }
    }

    async fn end(&self, key: &RecordKey) -> Result<bool, BoxError> {
        let mut lent = self.link.lend().await?;
        let (connection, until) = lent.parts()?;
        let end = sqlx::query_as("DELETE FROM portcullis_records WHERE key = $1 RETURNING ends_at > $2");
        let end = end.bind(key.as_str()).bind(self.cutoff());
        let ended = timeout_at(until, end.fetch_optional(connection)).await;
        let ended: Option<(bool,)> = lent.settle(ended)?;
        Ok(ended.is_some_and(|(was_there,)| was_there))
    }

    async fn end_owned(&self, owner: &RecordKey, until: SystemTime, keep_until: SystemTime) -> Result<(), BoxError> {
        // Longer than any record that it covers is kept.
        let ends_at = to_nanos(keep_until).saturating_add(span_nanos(SLACK * 2));
        let mut lent = self.link.lend().await?;
        let (connection, over) = lent.parts()?;
        let work = async {
            let mut work = connection.begin().await?;
            sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended('portcullis ended ' || $1, 0))")
                .bind(owner.as_str())
                .execute(&mut *work)
                .await?;
            let end = sqlx::query(
                "INSERT INTO portcullis_ended AS old (owner, until, ends_at) VALUES ($1, $2, $3)
                 ON CONFLICT (owner) DO UPDATE SET
                     until = greatest(old.until, excluded.until), ends_at = greatest(old.ends_at, excluded.ends_at)",
            );
            end.bind(owner.as_str()).bind(to_nanos(until)).bind(ends_at).execute(&mut *work).await?;
            work.commit().await
        };
        let ended = timeout_at(over, work).await;
        lent.settle(ended)?;
        self.count_addition();
        Ok(())
    }

    async fn owned(&self, owner: &RecordKey) -> Result<Vec<Record>, BoxError> {
        self.list(select!("owner = $1"), owner).await
    }

    async fn indexed(&self, index: &RecordKey) -> Result<Vec<Record>, BoxError> {
        // The second condition is that of the index.
        self.list(select!("indexes @> ARRAY[$1] AND indexes <> '{}'"), index).await
    }
}

impl PostgresStore {
    async fn list(&self, select: &'static str, key: &RecordKey) -> Result<Vec<Record>, BoxError> {
        let mut lent = self.link.lend().await?;
        let (connection, until) = lent.parts()?;
        let list = sqlx::query_as(select).bind(key.as_str()).bind(self.cutoff());
        let rows = timeout_at(until, list.fetch_all(connection)).await;
        let rows: Vec<Row<Vec<String>>> = lent.settle(rows)?;
        Ok(rows.into_iter().map(|row| row::read(row).ok_or_else(unreadable)).collect::<Result<_, _>>()?)
    }

    fn cutoff(&self) -> i64 {
        cutoff(self.clock.now())
    }
}

/// Saves with the lock of the owner that the record has had, or says why not. It returns the version.
async fn save_elsewhere(
    connection: &mut PgConnection,
    record: &Record,
    end: SavedEnd,
    cutoff: i64,
) -> Result<Result<i64, Saved>, sqlx::Error> {
    let mut work = connection.begin().await?;
    // From here on nobody else changes the row.
    let look = sqlx::query_as(
        "SELECT version, owner, ends_at, EXISTS (SELECT 1 FROM portcullis_ended AS e WHERE e.owner = r.owner AND r.since <= e.until)
         FROM portcullis_records AS r WHERE key = $1 AND ends_at > $2 FOR UPDATE",
    );
    let look = look.bind(record.key.as_str()).bind(cutoff);
    let stored: Option<(i64, Option<String>, i64, bool)> = look.fetch_optional(&mut *work).await?;
    let is_over = |ends_at| end == SavedEnd::Replace && ends_at <= to_nanos(record.used_at);
    let refused = match &stored {
        None | Some((.., true)) => Some(Saved::Ended),
        Some((version, ..)) if u64::try_from(*version) != Ok(record.version) => Some(Saved::Conflict),
        Some((_, _, ends_at, _)) if is_over(*ends_at) => Some(Saved::Ended),
        Some(_) => None,
    };
    if let Some(refused) = refused {
        work.rollback().await?;
        return Ok(Err(refused));
    }
    if let Some((_, Some(owner), ..)) = stored {
        // Saves don't wait for each other here, and marks take no other lock: nobody can wait in a circle.
        sqlx::query("SELECT pg_advisory_xact_lock_shared(hashtextextended('portcullis ended ' || $1, 0))")
            .bind(owner)
            .execute(&mut *work)
            .await?;
    }
    let saved = save(SAVE, record, end, cutoff).fetch_optional(&mut *work).await?;
    work.commit().await?;
    // A mark may have been written before the lock.
    Ok(saved.map(|(version,)| version).ok_or(Saved::Ended))
}

fn save(
    sql: &'static str,
    record: &Record,
    end: SavedEnd,
    cutoff: i64,
) -> QueryAs<'static, Postgres, (i64,), PgArguments> {
    // One that is too large is of no record.
    let version = i64::try_from(record.version).unwrap_or(i64::MAX);
    let save = sqlx::query_as(sql).bind(record.key.as_str().to_owned()).bind(version);
    let save = save.bind(row::owner(record).map(str::to_owned)).bind(indexes(record)).bind(to_nanos(record.since));
    let save = save.bind(record.value.to_vec()).bind(end == SavedEnd::Replace);
    save.bind(to_nanos(record.used_at)).bind(to_nanos(record.ends_at)).bind(cutoff)
}

fn indexes(record: &Record) -> Vec<String> {
    record.indexes.iter().map(|index| index.as_str().to_owned()).collect()
}
