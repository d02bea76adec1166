//! Counters of failures in SQLite. Each call is a transaction that begins as a writer, so nobody else changes the counter in between.

use std::time::Duration;

use async_trait::async_trait;
use auth_core::BoxError;
use auth_store::{Budget, BudgetKey, BudgetPlace, Budgets, Taken};
use sqlx::Connection as _;

use super::{SqliteStore, failure::unreadable, link::within};
use crate::{
    counting::{self, Change, Row},
    failure::Failure,
};

#[async_trait]
impl Budgets for SqliteStore {
    async fn take(&self, key: &BudgetKey, budget: &Budget) -> Result<Taken, BoxError> {
        let taken = self.count(key, budget, Change::Take).await?;
        self.count_addition();
        // OK because a take always answers.
        Ok(taken.unwrap_or(Taken::Wait(Duration::from_secs(1))))
    }

    async fn settle(
        &self,
        key: &BudgetKey,
        budget: &Budget,
        place: BudgetPlace,
        is_failure: bool,
    ) -> Result<(), BoxError> {
        Ok(self.count(key, budget, Change::Settle(place, is_failure)).await.map(drop)?)
    }
}

impl SqliteStore {
    async fn count(&self, key: &BudgetKey, budget: &Budget, change: Change) -> Result<Option<Taken>, Failure> {
        let now = self.clock.now();
        let mut lent = self.link.writer().await?;
        let (until, connection) = (lent.until, lent.connection()?);
        let work = async {
            let mut work = connection.begin_with("BEGIN IMMEDIATE").await?;
            let look = sqlx::query_as("SELECT counter FROM portcullis_budgets WHERE key = $1").bind(key.as_str());
            let stored: Option<(String,)> = look.fetch_optional(&mut *work).await?;
            let stored = stored.map(|(counter,)| counter).unwrap_or_default();
            let changed = counting::change(&stored, budget, change, now);
            if let Some((_, Row::Kept(counter, ends_at))) = &changed {
                let keep = sqlx::query(
                    "INSERT INTO portcullis_budgets (key, counter, ends_at) VALUES ($1, $2, $3)
                     ON CONFLICT (key) DO UPDATE SET counter = excluded.counter, ends_at = excluded.ends_at",
                );
                keep.bind(key.as_str()).bind(counter).bind(ends_at).execute(&mut *work).await?;
            }
            work.commit().await?;
            Ok(changed)
        };
        let (taken, _) = within(until, work).await?.ok_or_else(unreadable)?;
        Ok(taken)
    }
}
