use std::time::{Duration, SystemTime};

use super::FetchErrorKind;

/// How a [`RemoteJwks`](super::RemoteJwks) is, for readiness probes and dashboards.
#[derive(Clone, Debug)]
pub struct Status {
    pub(super) generation: u64,
    pub(super) keys: usize,
    pub(super) age: Option<Duration>,
    pub(super) ready: bool,
    pub(super) last_success: Option<SystemTime>,
    pub(super) last_failure: Option<(SystemTime, FetchErrorKind)>,
}

impl Status {
    /// Whether tokens can be judged now: there is a set, and it is not too old.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.ready
    }

    /// Counts the sets that differed from the one before; 0 before the first.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// How many keys the set has; those that were left out do not count.
    #[must_use]
    pub fn keys(&self) -> usize {
        self.keys
    }

    /// How long ago the issuer has sent or confirmed the set.
    #[must_use]
    pub fn age(&self) -> Option<Duration> {
        self.age
    }

    /// When the issuer has last sent or confirmed a set.
    #[must_use]
    pub fn last_success(&self) -> Option<SystemTime> {
        self.last_success
    }

    /// When a fetch has last failed.
    #[must_use]
    pub fn last_failure(&self) -> Option<SystemTime> {
        self.last_failure.map(|(at, _)| at)
    }

    /// Why a fetch has last failed, also if others have succeeded since.
    #[must_use]
    pub fn last_error(&self) -> Option<FetchErrorKind> {
        self.last_failure.map(|(_, kind)| kind)
    }
}
