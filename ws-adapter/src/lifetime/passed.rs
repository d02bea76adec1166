use std::{num::NonZeroU64, time::Duration};

/// A reading of the monotonic clock. With `None` it takes 8 bytes, where a [`Duration`] takes 16, and an open connection keeps
/// several. A reading after more than 584 years counts as 584 years.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Passed(
    /// The nanoseconds, plus one.
    NonZeroU64,
);

impl Passed {
    /// The duration again.
    pub(crate) fn get(self) -> Duration {
        Duration::from_nanos(self.0.get() - 1)
    }

    /// Some time later; `None` if the clock never gets there.
    pub(crate) fn later(self, span: Duration) -> Option<Duration> {
        self.get().checked_add(span)
    }
}

impl From<Duration> for Passed {
    fn from(passed: Duration) -> Self {
        let nanos = u64::try_from(passed.as_nanos()).unwrap_or(u64::MAX);
        Self(NonZeroU64::MIN.saturating_add(nanos))
    }
}

impl Default for Passed {
    fn default() -> Self {
        Self::from(Duration::ZERO)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duration_comes_back_and_takes_eight_bytes() {
        for passed in [Duration::ZERO, Duration::from_nanos(1), Duration::new(3600, 999_999_999)] {
            assert_eq!(Passed::from(passed).get(), passed);
        }
        assert!(Passed::from(Duration::MAX) > Passed::from(Duration::from_secs(1 << 33)));
        assert_eq!(size_of::<Option<Passed>>(), 8);
    }
}
