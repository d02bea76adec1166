//! Counters of failures in Postgres. Each call is a transaction that locks the row first, so nobody else changes it in between.

use std::time::Duration;

use async_trait::async_trait;
use auth_core::BoxError;
use auth_store::{Budget, BudgetKey, BudgetPlace, Budgets, Taken};
use sqlx::Connection as _;
use tokio::time::{Instant, timeout_at};

use super::{PostgresStore, clock::clock_now, failure::unreadable};
use crate::{
    counting::{self, Change, Row},
    failure::Failure,
    times::from_nanos,
};

#[async_trait]
impl Budgets for PostgresStore {
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

impl PostgresStore {
    async fn count(&self, key: &BudgetKey, budget: &Budget, change: Change) -> Result<Option<Taken>, Failure> {
        let until = Instant::now() + self.link.timeout();
        let _turn = self.turns.wait(key.as_str(), until).await?;
        let mut lent = self.link.lend_by(until).await?;
        let (connection, until) = lent.parts()?;
        let work = async {
            let mut work = connection.begin().await?;
            // Makes the row or changes nothing in it, and locks it in both cases: of two at once the second sees what the first did.
            let lock = sqlx::query_as(concat!(
                "INSERT INTO portcullis_budgets (key, counter, ends_at) VALUES ($1, '', 0)
                 ON CONFLICT (key) DO UPDATE SET key = excluded.key RETURNING counter, ",
                clock_now!(),
            ));
            let (stored, now): (String, i64) = lock.bind(key.as_str()).fetch_one(&mut *work).await?;
            let now = self.budget_clock.as_ref().map_or(from_nanos(now), |clock| clock.now());
            let changed = counting::change(&stored, budget, change, now);
            match &changed {
                Some((_, Row::Kept(counter, ends_at))) => {
                    let keep = sqlx::query("UPDATE portcullis_budgets SET counter = $2, ends_at = $3 WHERE key = $1");
                    keep.bind(key.as_str()).bind(counter).bind(ends_at).execute(&mut *work).await?;
                    work.commit().await?;
                }
                _ => work.rollback().await?,
            }
            Ok(changed)
        };
        let counted = timeout_at(until, work).await;
        let (taken, _) = lent.settle(counted)?.ok_or_else(unreadable)?;
        Ok(taken)
    }
}
