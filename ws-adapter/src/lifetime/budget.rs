use std::time::Duration;

use super::passed::Passed;

/// How many failures are allowed: `at_once`, and one more after each `regained_in`. A success gives nothing back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    pub(crate) at_once: u32,
    pub(crate) regained_in: Duration,
}

/// What is spent of a budget.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spent {
    /// When all of it is regained, by the monotonic clock.
    until: Passed,
}

impl Spent {
    /// Takes one place, if one is left; tells whether it did.
    pub(crate) fn take(&mut self, budget: Budget, now: Duration) -> bool {
        let is_left = self.is_left(budget, now);
        if is_left {
            self.until = self.until.get().max(now).saturating_add(budget.regained_in).into();
        }
        is_left
    }

    /// Whether a place is left.
    pub(crate) fn is_left(&self, budget: Budget, now: Duration) -> bool {
        let all = budget.regained_in.saturating_mul(budget.at_once);
        self.until.get().saturating_sub(now).saturating_add(budget.regained_in) <= all
    }

    /// Whether everything is regained, so that nothing need be remembered.
    pub(crate) fn is_over(&self, now: Duration) -> bool {
        self.until.get() <= now
    }

    /// How many places are left.
    pub(crate) fn left(&self, budget: Budget, now: Duration) -> u32 {
        let mut spent = *self;
        (0..budget.at_once).take_while(|_| spent.take(budget, now)).count().try_into().unwrap_or(budget.at_once)
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
        assert_eq!((spent.left(BUDGET, at(1059)), spent.left(BUDGET, at(1060))), (0, 1));
        assert!(spent.take(BUDGET, at(1060)) && !spent.take(BUDGET, at(1060)));
        assert!(!spent.is_over(at(1239)) && spent.is_over(at(1240)));
        assert_eq!(spent.left(BUDGET, at(1240)), 3);
    }
}
