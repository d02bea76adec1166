use std::{fmt, sync::Arc};

use futures_util::future::join_all;

use crate::{Budget, BudgetKey, BudgetPlace, Budgets};

/// The right to check one guess. It holds a place in each counter.
///
/// Call [`succeeded`](Self::succeeded) or [`failed`](Self::failed) as soon as the guess is checked. A permit that is dropped without
/// either keeps its places, which become failures after one to two minutes: a client that leaves early, or a task that panics,
/// saves nothing.
#[must_use = "without `succeeded`, the guess counts as a failure"]
pub struct Permit {
    budgets: Arc<dyn Budgets>,
    places: Vec<(BudgetKey, Budget, BudgetPlace)>,
    is_known_device: bool,
}

impl Permit {
    pub(super) fn new(budgets: Arc<dyn Budgets>, is_known_device: bool) -> Self {
        Self { budgets, places: Vec::new(), is_known_device }
    }

    pub(super) fn add(&mut self, key: BudgetKey, budget: Budget, place: BudgetPlace) {
        self.places.push((key, budget, place));
    }

    /// Whether the guess came with a good token for its account or within a session, and counts on the budgets of devices alone.
    #[must_use]
    pub fn is_known_device(&self) -> bool {
        self.is_known_device
    }

    /// The secret was right: gives the places back. Earlier failures stay.
    ///
    /// Call it too if the secret could not be checked, because a system failed: nobody has learned anything then.
    ///
    /// A store that fails now is logged, and the guess counts as a failure. The login may go on.
    pub async fn succeeded(self) {
        self.settle(false).await;
    }

    /// The secret was wrong. The places begin to come back now, and not only when the permit has been forgotten.
    ///
    /// A store that fails now is logged, and the places become failures by themselves.
    pub async fn failed(self) {
        self.settle(true).await;
    }

    /// All at once: a store that has fallen silent costs one timeout, and not one for each counter.
    async fn settle(self, is_failure: bool) {
        let settle = async |(key, budget, place): &(BudgetKey, Budget, BudgetPlace)| {
            if let Err(error) = self.budgets.settle(key, budget, *place, is_failure).await {
                tracing::warn!(%error, counter = key.kind(), "a place stays taken, and becomes a failure");
            }
        };
        join_all(self.places.iter().map(settle)).await;
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("is_known_device", &self.is_known_device).finish_non_exhaustive()
    }
}
