use std::time::Duration;

use auth_core::{BoxError, ConfigError};
use auth_store::{Budget, Throttle};

use crate::{Settings, keys};

/// The longest wait of a used-up budget.
const LONGEST_WAIT: Duration = Duration::from_secs(15 * 60);

/// How often somebody may guess a password.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// How many failures are free at once: from one address for one account, and from one browser that the user has logged in with.
    pub failures: u32,
    /// How long it takes until one comes back.
    pub wait: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { failures: 10, wait: Duration::from_secs(60) }
    }
}

impl Limits {
    fn budget(self) -> Result<Budget, ConfigError> {
        Budget::new(self.failures, self.wait)?.longest_wait(LONGEST_WAIT.max(self.wait))
    }
}

/// Counts failures. Nodes with the same secret know each other's device cookies; they share counters if they share the store.
pub(crate) fn throttle(settings: &Settings) -> Result<Throttle, BoxError> {
    let budget = settings.limits.budget()?;
    let throttle = Throttle::new(settings.budgets.clone()).clock(settings.timer.clone());
    Ok(throttle.pair(budget).device(budget).devices([keys::derive(&settings.secret, "device cookie")?])?)
}
