//! Tickets, marks and messages in Postgres. Each call is one statement, so it is done whole or not at all.

use std::time::Duration;

use async_trait::async_trait;
use auth_core::BoxError;
use auth_store::{Store, Subscription};
use tokio::time::timeout_at;

use super::{
    PostgresStore,
    clock::{lifetime, longest, now},
    news::{self, News},
};
use crate::{
    limit::check_len,
    times::{from_mark, to_mark},
};

#[async_trait]
impl Store for PostgresStore {
    async fn put(&self, key: &str, value: &[u8], ttl: Duration) -> Result<(), BoxError> {
        check_len(value)?;
        let mut lent = self.link.lend().await?;
        let (connection, until) = lent.parts()?;
        let put = sqlx::query(concat!(
            "INSERT INTO portcullis_values (key, value, ends_at) VALUES ($1, $2, ",
            now!(),
            " + $3) ON CONFLICT (key) DO UPDATE SET value = excluded.value, ends_at = excluded.ends_at",
        ));
        let put = put.bind(key).bind(value).bind(lifetime(ttl).unwrap_or(longest()));
        let put = timeout_at(until, put.execute(connection)).await;
        lent.settle(put)?;
        self.count_addition();
        Ok(())
    }

    /// Of two at once, the second waits for the lock of the row, and then finds no row.
    async fn take(&self, key: &str) -> Result<Option<Vec<u8>>, BoxError> {
        let mut lent = self.link.lend().await?;
        let (connection, until) = lent.parts()?;
        let take =
            sqlx::query_as(concat!("DELETE FROM portcullis_values WHERE key = $1 RETURNING value, ends_at > ", now!()));
        let taken = timeout_at(until, take.bind(key).fetch_optional(connection)).await;
        let taken: Option<(Vec<u8>, bool)> = lent.settle(taken)?;
        Ok(taken.filter(|(_, is_good)| *is_good).map(|(value, _)| value))
    }

    /// `ON CONFLICT` waits for the lock of the row, and compares with what is there then.
    async fn raise(&self, key: &str, value: u64, ttl: Option<Duration>) -> Result<(), BoxError> {
        let mut lent = self.link.lend().await?;
        let (connection, until) = lent.parts()?;
        // A mark that has ended, and is still there, does not count. `GREATEST` would leave out a mark without an end.
        let raise = sqlx::query(concat!(
            "INSERT INTO portcullis_marks AS old (key, value, ends_at) VALUES ($1, $2, ",
            now!(),
            " + $3) ON CONFLICT (key) DO UPDATE SET value = CASE WHEN old.ends_at <= ",
            now!(),
            " THEN excluded.value ELSE greatest(old.value, excluded.value) END, ends_at = CASE WHEN old.ends_at <= ",
            now!(),
            " THEN excluded.ends_at WHEN old.ends_at IS NULL OR excluded.ends_at IS NULL THEN NULL
              ELSE greatest(old.ends_at, excluded.ends_at) END",
        ));
        let raise = raise.bind(key).bind(from_mark(value)).bind(ttl.and_then(lifetime));
        let raise = timeout_at(until, raise.execute(connection)).await;
        lent.settle(raise)?;
        self.count_addition();
        Ok(())
    }

    async fn marks(&self, keys: &[String]) -> Result<Vec<Option<u64>>, BoxError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let mut lent = self.link.lend().await?;
        let (connection, until) = lent.parts()?;
        let get = sqlx::query_as(concat!(
            "SELECT m.value FROM unnest($1::text[]) WITH ORDINALITY AS asked (key, place)
             LEFT JOIN portcullis_marks AS m ON m.key = asked.key AND (m.ends_at IS NULL OR m.ends_at > ",
            now!(),
            ") ORDER BY asked.place",
        ));
        let marks = timeout_at(until, get.bind(keys).fetch_all(connection)).await;
        let marks: Vec<(Option<i64>,)> = lent.settle(marks)?;
        Ok(marks.into_iter().map(|(mark,)| mark.map(to_mark)).collect())
    }

    async fn publish(&self, message: &[u8]) -> Result<(), BoxError> {
        check_len(message)?;
        Ok(news::publish(&self.link, message).await?)
    }

    async fn subscribe(&self) -> Box<dyn Subscription> {
        News::subscribe(&self.news).await
    }
}
