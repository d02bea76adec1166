//! The state of the keys, and the decision when to fetch. Nothing here waits, fetches or reads a clock.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use super::{
    FetchError, FetchErrorKind, Status,
    error::Unavailable,
    lifetime::{refresh_after, retry_after},
};
use crate::{Algorithm, KeySet};

/// How long a set is used beyond its lifetime if no fetch succeeds.
const GRACE: Duration = Duration::from_secs(60 * 60);
/// The interval between the starts of two fetches for unknown keys. A token may arrive before its key is published, so
/// nothing else delays the next fetch.
const UNKNOWN_KEY_INTERVAL: Duration = Duration::from_secs(30);

pub(super) struct State {
    /// The lifetime of a set that comes without one.
    lifetime: Duration,
    good: Option<CurrentSet>,
    generation: u64,
    last_failure: Option<(SystemTime, FetchError)>,
    /// The number of failed scheduled fetches in a row.
    failures: u32,
    /// When the next scheduled fetch may start. `None` before the first fetch: at once.
    due: Option<SystemTime>,
    in_flight: bool,
    /// How many fetches have started. Only one runs at a time, so it is also the number of the running one.
    begun: u64,
    /// When a fetch for an unknown key last started.
    unknown_key_fetched_at: Option<SystemTime>,
}

/// The last fetched set.
struct CurrentSet {
    keys: Arc<KeySet>,
    digest: Digest,
    /// When the issuer last sent or confirmed it.
    at: SystemTime,
    lifetime: Duration,
}

/// SHA-256 of the document.
pub(super) type Digest = [u8; 32];

/// The result of a fetch.
pub(super) struct Fetched {
    /// `None` if the issuer confirmed the previous set.
    pub(super) set: Option<(KeySet, Digest)>,
    /// The lifetime that the issuer asks for.
    pub(super) lifetime: Option<Duration>,
}

/// The reason for a fetch.
pub(super) enum Purpose {
    Scheduled,
    /// For a key that is not in the set.
    UnknownKey,
}

/// The key that a token asks for.
#[derive(Clone, Copy)]
pub(super) struct KeyQuery<'a> {
    pub(super) algorithm: Algorithm,
    pub(super) kid: Option<&'a str>,
    pub(super) issuer: Option<&'a str>,
}

/// What to do for a token.
pub(super) struct Step {
    /// Start this fetch. It is already counted.
    pub(super) begin: Option<Purpose>,
    pub(super) answer: Answer,
}

pub(super) enum Answer {
    /// Use these.
    Keys(Arc<KeySet>),
    /// Ask again when the fetch with this number has ended. On a timeout, use what is [at hand](State::at_hand).
    Wait(u64),
    Unavailable(Unavailable),
}

impl State {
    pub(super) fn new(lifetime: Duration) -> Self {
        Self {
            lifetime,
            good: None,
            generation: 0,
            last_failure: None,
            failures: 0,
            due: None,
            in_flight: false,
            begun: 0,
            unknown_key_fetched_at: None,
        }
    }

    /// What to do for a token that asks for this key.
    pub(super) fn ask(&mut self, wanted: KeyQuery<'_>, now: SystemTime) -> Step {
        let is_due = self.is_due(now);
        match self.usable(now) {
            // The set is usable, so the request doesn't wait for another.
            Some(good) if good.knows(wanted) && (good.is_fresh(now) || self.failures > 0) => {
                let answer = Answer::Keys(Arc::clone(&good.keys));
                let begin = (is_due && !self.in_flight).then(|| self.begin(Purpose::Scheduled).0);
                Step { begin, answer }
            }
            Some(good) if !good.knows(wanted) && !self.in_flight && !is_due && self.may_fetch_unknown_key(now) => {
                self.unknown_key_fetched_at = Some(now);
                self.wait_for(Purpose::UnknownKey)
            }
            _ if self.in_flight => Step { begin: None, answer: Answer::Wait(self.begun) },
            _ if is_due => self.wait_for(Purpose::Scheduled),
            _ => self.settle(wanted, now),
        }
    }

    /// The keys that are available without waiting.
    ///
    /// # Errors
    /// If there is no set, or if the set is too old to conclude that the key does not exist.
    pub(super) fn at_hand(&self, wanted: KeyQuery<'_>, now: SystemTime) -> Result<Arc<KeySet>, Unavailable> {
        match self.usable(now) {
            Some(good) if good.is_fresh(now) || good.knows(wanted) => Ok(Arc::clone(&good.keys)),
            _ => Err(Unavailable(self.last_failure.as_ref().map(|(_, error)| error.clone()))),
        }
    }

    /// Reserves a scheduled fetch unless a fetch is running. Returns the number of the running fetch.
    pub(super) fn schedule(&mut self) -> (Option<Purpose>, u64) {
        let begin = (!self.in_flight).then(|| self.begin(Purpose::Scheduled).0);
        (begin, self.begun)
    }

    /// How long until the next scheduled fetch.
    pub(super) fn idle_for(&self, now: SystemTime) -> Duration {
        self.due.and_then(|due| due.duration_since(now).ok()).unwrap_or_default()
    }

    /// Records the result of a fetch. `dice` is a uniformly random number.
    pub(super) fn end(&mut self, purpose: &Purpose, result: Result<Fetched, FetchError>, now: SystemTime, dice: u32) {
        self.in_flight = false;
        match result.and_then(|fetched| self.take(fetched, now)) {
            Ok(lifetime) => {
                self.failures = 0;
                self.due = now.checked_add(refresh_after(lifetime, dice));
            }
            Err(error) => {
                self.last_failure = Some((now, error));
                // A fetch for an unknown key is extra, so its failure delays nothing.
                if matches!(purpose, Purpose::Scheduled) {
                    self.failures = self.failures.saturating_add(1);
                    self.due = now.checked_add(retry_after(self.failures, dice));
                }
            }
        }
    }

    /// The number of the last fetch that started.
    pub(super) fn begun(&self) -> u64 {
        self.begun
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    pub(super) fn status(&self, now: SystemTime) -> Status {
        let good = self.good.as_ref();
        Status {
            generation: self.generation,
            keys: good.map_or(0, |good| good.keys.keys().len()),
            age: good.map(|good| good.age(now)),
            ready: self.usable(now).is_some(),
            last_success: good.map(|good| good.at),
            last_failure: self.last_failure.as_ref().map(|(at, error)| (*at, error.kind())),
        }
    }

    pub(super) fn last_error(&self) -> FetchError {
        let last = self.last_failure.as_ref().map(|(_, error)| error.clone());
        last.unwrap_or_else(|| FetchErrorKind::Cancelled.into())
    }

    /// Makes the fetched set the current one. Returns its lifetime.
    fn take(&mut self, fetched: Fetched, now: SystemTime) -> Result<Duration, FetchError> {
        match (fetched.set, &mut self.good) {
            (Some((_, digest)), Some(good)) if good.digest == digest => {
                good.at = now;
                good.lifetime = fetched.lifetime.unwrap_or(self.lifetime);
                Ok(good.lifetime)
            }
            (Some((keys, digest)), good) => {
                let lifetime = fetched.lifetime.unwrap_or(self.lifetime);
                self.generation += 1;
                *good = Some(CurrentSet { keys: Arc::new(keys), digest, at: now, lifetime });
                Ok(lifetime)
            }
            // A set that is confirmed without a new lifetime keeps its old one (RFC 9111, 4.3.4).
            (None, Some(good)) => {
                good.at = now;
                good.lifetime = fetched.lifetime.unwrap_or(good.lifetime);
                Ok(good.lifetime)
            }
            (None, None) => Err(FetchErrorKind::Status.into()),
        }
    }

    fn usable(&self, now: SystemTime) -> Option<&CurrentSet> {
        self.good.as_ref().filter(|good| good.age(now) < good.lifetime.saturating_add(GRACE))
    }

    fn is_due(&self, now: SystemTime) -> bool {
        self.due.is_none_or(|due| due <= now)
    }

    fn may_fetch_unknown_key(&self, now: SystemTime) -> bool {
        // A clock that was set back must not block these fetches for long.
        self.unknown_key_fetched_at
            .is_none_or(|at| now.duration_since(at).map_or(true, |past| past >= UNKNOWN_KEY_INTERVAL))
    }

    fn begin(&mut self, purpose: Purpose) -> (Purpose, u64) {
        self.in_flight = true;
        self.begun += 1;
        (purpose, self.begun)
    }

    fn wait_for(&mut self, purpose: Purpose) -> Step {
        let (purpose, number) = self.begin(purpose);
        Step { begin: Some(purpose), answer: Answer::Wait(number) }
    }

    fn settle(&self, wanted: KeyQuery<'_>, now: SystemTime) -> Step {
        let answer = match self.at_hand(wanted, now) {
            Ok(keys) => Answer::Keys(keys),
            Err(unavailable) => Answer::Unavailable(unavailable),
        };
        Step { begin: None, answer }
    }
}

impl CurrentSet {
    /// If the clock was set back, the set looks younger than it is. The refresher sleeps for durations, so it still fetches.
    fn age(&self, now: SystemTime) -> Duration {
        now.duration_since(self.at).unwrap_or_default()
    }

    fn is_fresh(&self, now: SystemTime) -> bool {
        self.age(now) < self.lifetime
    }

    /// Whether the set has a key that fits. True for a token without `kid`.
    fn knows(&self, wanted: KeyQuery<'_>) -> bool {
        let KeyQuery { algorithm, kid, issuer } = wanted;
        kid.is_none_or(|kid| self.keys.fitting(algorithm, Some(kid), issuer).next().is_some())
    }
}
