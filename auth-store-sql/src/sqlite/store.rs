use std::time::Duration;

use async_trait::async_trait;
use auth_core::BoxError;
use auth_store::{Store, Subscription, SubscriptionEvent};

use super::{
    SqliteStore,
    link::{changed, within},
};
use crate::{
    backlog::Backlog,
    limit::check_len,
    times::{from_mark, span_nanos, to_mark},
};

#[async_trait]
impl Store for SqliteStore {
    async fn put(&self, key: &str, value: &[u8], ttl: Duration) -> Result<(), BoxError> {
        check_len(value)?;
        let ends_at = self.now().saturating_add(span_nanos(ttl));
        let mut lent = self.link.writer().await?;
        let put = sqlx::query(
            "INSERT INTO portcullis_values (key, value, ends_at) VALUES ($1, $2, $3)
             ON CONFLICT (key) DO UPDATE SET value = excluded.value, ends_at = excluded.ends_at",
        );
        within(lent.until, put.bind(key).bind(value).bind(ends_at).execute(lent.connection()?)).await?;
        drop(lent);
        self.count_addition();
        Ok(())
    }

    async fn take(&self, key: &str) -> Result<Option<Vec<u8>>, BoxError> {
        let now = self.now();
        let mut lent = self.link.writer().await?;
        let take = sqlx::query_as("DELETE FROM portcullis_values WHERE key = $1 RETURNING value, ends_at").bind(key);
        let taken: Option<(Vec<u8>, i64)> = changed(lent.until, take.fetch_all(lent.connection()?)).await?;
        Ok(taken.filter(|(_, ends_at)| now < *ends_at).map(|(value, _)| value))
    }

    async fn raise(&self, key: &str, value: u64, ttl: Option<Duration>) -> Result<(), BoxError> {
        let now = self.now();
        // One that would end in centuries never ends.
        let ends_at = ttl.and_then(|ttl| now.checked_add(span_nanos(ttl)));
        let mut lent = self.link.writer().await?;
        // A mark that has ended, and is still there, does not count.
        let raise = sqlx::query(
            "INSERT INTO portcullis_marks AS old (key, value, ends_at) VALUES ($1, $2, $3)
             ON CONFLICT (key) DO UPDATE SET
                 value = CASE WHEN old.ends_at <= $4 THEN excluded.value ELSE max(old.value, excluded.value) END,
                 ends_at = CASE WHEN old.ends_at <= $4 THEN excluded.ends_at ELSE max(old.ends_at, excluded.ends_at) END",
        );
        let raise = raise.bind(key).bind(from_mark(value)).bind(ends_at).bind(now);
        within(lent.until, raise.execute(lent.connection()?)).await?;
        drop(lent);
        self.count_addition();
        Ok(())
    }

    async fn marks(&self, keys: &[String]) -> Result<Vec<Option<u64>>, BoxError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let now = self.now();
        let mut lent = self.link.reader().await?;
        let (until, connection) = (lent.until, lent.connection()?);
        let asked = async {
            let mut marks = Vec::with_capacity(keys.len());
            for key in keys {
                let get = sqlx::query_as(
                    "SELECT value FROM portcullis_marks WHERE key = $1 AND (ends_at IS NULL OR ends_at > $2)",
                );
                let mark: Option<(i64,)> = get.bind(key).bind(now).fetch_optional(&mut *connection).await?;
                marks.push(mark.map(|(mark,)| to_mark(mark)));
            }
            Ok(marks)
        };
        Ok(within(until, asked).await?)
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
