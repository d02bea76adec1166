use std::time::Duration;

/// How many failures are allowed: so many at once, and one more for each span that passes. Success gives nothing back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    pub(crate) at_once: u32,
    pub(crate) regained_in: Duration,
}

/// What is spent of a budget.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spent {
    /// When all of it will be regained, counted in time that passes.
    until: Duration,
}

impl Spent {
    /// Takes one place; tells whether there was one.
    pub(crate) fn take(&mut self, budget: Budget, now: Duration) -> bool {
        let is_left = self.is_left(budget, now);
        if is_left {
            self.until = self.until.max(now).saturating_add(budget.regained_in);
        }
        is_left
    }

    /// Whether there is a place.
    pub(crate) fn is_left(&self, budget: Budget, now: Duration) -> bool {
        let all = budget.regained_in.saturating_mul(budget.at_once);
        self.until.saturating_sub(now).saturating_add(budget.regained_in) <= all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUDGET: Budget = Budget { at_once: 3, regained_in: Duration::from_secs(60) };

    fn at(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn three_at_once_and_one_a_minute_whatever_succeeds_meanwhile() {
        let mut spent = Spent::default();
        assert!((0..3).all(|_| spent.take(BUDGET, at(1000))));
        assert!(!spent.take(BUDGET, at(1000)) && !spent.take(BUDGET, at(1059)));
        assert!(spent.take(BUDGET, at(1060)) && !spent.take(BUDGET, at(1060)));
    }
}
