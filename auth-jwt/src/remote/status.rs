use std::time::{Duration, SystemTime};

use super::FetchErrorKind;

/// The state of a [`RemoteJwks`](super::RemoteJwks), for readiness probes and dashboards.
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
    /// Whether tokens can be verified now: there is a set, and it is not older than its lifetime and 1 h.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.ready
    }

    /// The number of sets so far that differed from the previous one. 0 before the first.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The number of keys in the set, without those that were left out.
    #[must_use]
    pub fn keys(&self) -> usize {
        self.keys
    }

    /// The time since the issuer last sent or confirmed the set. `None` before the first.
    #[must_use]
    pub fn age(&self) -> Option<Duration> {
        self.age
    }

    /// When the issuer last sent or confirmed a set.
    #[must_use]
    pub fn last_success(&self) -> Option<SystemTime> {
        self.last_success
    }

    /// When a fetch last failed.
    #[must_use]
    pub fn last_failure(&self) -> Option<SystemTime> {
        self.last_failure.map(|(at, _)| at)
    }

    /// Why a fetch last failed, even if others have succeeded since.
    #[must_use]
    pub fn last_error(&self) -> Option<FetchErrorKind> {
        self.last_failure.map(|(_, kind)| kind)
    }
}
