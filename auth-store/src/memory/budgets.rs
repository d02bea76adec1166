use std::time::Duration;

use async_trait::async_trait;
use auth_core::BoxError;

use super::{MemoryStore, tables::Settled};
use crate::{Budget, BudgetKey, BudgetPlace, Budgets, Taken};

#[async_trait]
impl Budgets for MemoryStore {
    async fn take(&self, key: &BudgetKey, budget: &Budget) -> Result<Taken, BoxError> {
        let mut shelves = self.shelves();
        let (now, limit) = (millis(shelves.clock.monotonic()), shelves.max_budgets);
        Ok(shelves.budgets.take(key, budget, now, limit))
    }

    async fn settle(
        &self,
        key: &BudgetKey,
        budget: &Budget,
        place: BudgetPlace,
        is_failure: bool,
    ) -> Result<(), BoxError> {
        let mut shelves = self.shelves();
        let (now, limit) = (millis(shelves.clock.monotonic()), shelves.max_budgets);
        shelves.budgets.settle(key, budget, Settled { place, is_failure }, now, limit);
        Ok(())
    }
}

fn millis(passed: Duration) -> u64 {
    u64::try_from(passed.as_millis()).unwrap_or(u64::MAX)
}
