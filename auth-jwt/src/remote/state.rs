//! What is known of the keys, and what is to be done about it. Nothing here waits, fetches or reads a clock.

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

/// How long a set outlives its lifetime where no fetch succeeds.
const GRACE: Duration = Duration::from_secs(60 * 60);
/// How long after a fetch for an unknown key the next may be made, counted from its beginning. A token may come before its key
/// is published, so nothing else holds the next one up.
const FORCED_EVERY: Duration = Duration::from_secs(30);

pub(super) struct State {
    /// The lifetime of a set whose issuer asks for none.
    lifetime: Duration,
    good: Option<Good>,
    generation: u64,
    last_failure: Option<(SystemTime, FetchError)>,
    /// Of scheduled fetches, in a row.
    failures: u32,
    /// When the next scheduled fetch may be made; at once before the first.
    due: Option<SystemTime>,
    in_flight: bool,
    /// How many fetches were begun. No two run at once, so it is also the number of the one that runs.
    begun: u64,
    /// When a fetch for an unknown key was last begun.
    forced_at: Option<SystemTime>,
}

/// The last set that a fetch has brought.
struct Good {
    keys: Arc<KeySet>,
    digest: Digest,
    /// When the issuer has last sent or confirmed it.
    at: SystemTime,
    lifetime: Duration,
}

/// SHA-256 of what the issuer sent.
pub(super) type Digest = [u8; 32];

/// What a fetch has brought.
pub(super) struct Fetched {
    /// `None`: the issuer confirms the set that it sent before.
    pub(super) set: Option<(KeySet, Digest)>,
    /// As the issuer wishes.
    pub(super) lifetime: Option<Duration>,
}

/// Why a fetch is made.
pub(super) enum Purpose {
    Scheduled,
    /// For a key that the set lacks.
    Forced,
}

/// The key that a token asks for.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) algorithm: Algorithm,
    pub(super) kid: Option<&'a str>,
    pub(super) issuer: Option<&'a str>,
}

/// What to do for a token.
pub(super) struct Step {
    /// Begin this fetch. It has its number already, and its place in the budget.
    pub(super) begin: Option<Purpose>,
    pub(super) answer: Answer,
}

pub(super) enum Answer {
    /// Judge by these.
    Keys(Arc<KeySet>),
    /// Ask again when the fetch of this number has ended. Otherwise take what is [at hand](State::at_hand).
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
            forced_at: None,
        }
    }

    /// What to do for a token that asks for this key.
    pub(super) fn ask(&mut self, wanted: Wanted<'_>, now: SystemTime) -> Step {
        let is_due = self.is_due(now);
        match self.usable(now) {
            // The set is at hand, so nobody waits for another.
            Some(good) if good.knows(wanted) && (good.is_fresh(now) || self.failures > 0) => {
                let answer = Answer::Keys(Arc::clone(&good.keys));
                let begin = (is_due && !self.in_flight).then(|| self.begin(Purpose::Scheduled).0);
                Step { begin, answer }
            }
            Some(good) if !good.knows(wanted) && !self.in_flight && !is_due && self.may_force(now) => {
                self.forced_at = Some(now);
                self.wait_for(Purpose::Forced)
            }
            _ if self.in_flight => Step { begin: None, answer: Answer::Wait(self.begun) },
            _ if is_due => self.wait_for(Purpose::Scheduled),
            _ => self.settle(wanted, now),
        }
    }

    /// What there is without waiting any longer.
    ///
    /// # Errors
    /// If there is no set, or one that is too old to say that the key does not exist.
    pub(super) fn at_hand(&self, wanted: Wanted<'_>, now: SystemTime) -> Result<Arc<KeySet>, Unavailable> {
        match self.usable(now) {
            Some(good) if good.is_fresh(now) || good.knows(wanted) => Ok(Arc::clone(&good.keys)),
            _ => Err(Unavailable(self.last_failure.as_ref().map(|(_, error)| error.clone()))),
        }
    }

    /// Takes the place of the one fetch for a scheduled one, if it is free; the number of the fetch that runs now.
    pub(super) fn schedule(&mut self) -> (Option<Purpose>, u64) {
        let begin = (!self.in_flight).then(|| self.begin(Purpose::Scheduled).0);
        (begin, self.begun)
    }

    /// How long until the next scheduled fetch.
    pub(super) fn idle_for(&self, now: SystemTime) -> Duration {
        self.due.and_then(|due| due.duration_since(now).ok()).unwrap_or_default()
    }

    /// Notes how the fetch has ended; `dice` is any number, as likely as any other.
    pub(super) fn end(&mut self, purpose: &Purpose, result: Result<Fetched, FetchError>, now: SystemTime, dice: u32) {
        self.in_flight = false;
        match result.and_then(|fetched| self.take(fetched, now)) {
            Ok(lifetime) => {
                self.failures = 0;
                self.due = now.checked_add(refresh_after(lifetime, dice));
            }
            Err(error) => {
                self.last_failure = Some((now, error));
                // A fetch for an unknown key is extra, so its failure puts nothing off.
                if matches!(purpose, Purpose::Scheduled) {
                    self.failures = self.failures.saturating_add(1);
                    self.due = now.checked_add(retry_after(self.failures, dice));
                }
            }
        }
    }

    /// The number of the last fetch that was begun.
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

    /// The set that was fetched becomes the one that counts; how long it lives.
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
                *good = Some(Good { keys: Arc::new(keys), digest, at: now, lifetime });
                Ok(lifetime)
            }
            // What is confirmed without a new lifetime keeps the one that it had (RFC 9111, 4.3.4).
            (None, Some(good)) => {
                good.at = now;
                good.lifetime = fetched.lifetime.unwrap_or(good.lifetime);
                Ok(good.lifetime)
            }
            (None, None) => Err(FetchErrorKind::Status.into()),
        }
    }

    fn usable(&self, now: SystemTime) -> Option<&Good> {
        self.good.as_ref().filter(|good| good.age(now) < good.lifetime.saturating_add(GRACE))
    }

    fn is_due(&self, now: SystemTime) -> bool {
        self.due.is_none_or(|due| due <= now)
    }

    fn may_force(&self, now: SystemTime) -> bool {
        // A clock that was set back must not shut the slot for long.
        self.forced_at.is_none_or(|at| now.duration_since(at).map_or(true, |past| past >= FORCED_EVERY))
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

    fn settle(&self, wanted: Wanted<'_>, now: SystemTime) -> Step {
        let answer = match self.at_hand(wanted, now) {
            Ok(keys) => Answer::Keys(keys),
            Err(unavailable) => Answer::Unavailable(unavailable),
        };
        Step { begin: None, answer }
    }
}

impl Good {
    /// A clock that was set back makes the set young again; the refresher, which sleeps by spans, fetches all the same.
    fn age(&self, now: SystemTime) -> Duration {
        now.duration_since(self.at).unwrap_or_default()
    }

    fn is_fresh(&self, now: SystemTime) -> bool {
        self.age(now) < self.lifetime
    }

    /// Whether the set has a key that fits; a token without `kid` asks for none.
    fn knows(&self, wanted: Wanted<'_>) -> bool {
        let Wanted { algorithm, kid, issuer } = wanted;
        kid.is_none_or(|kid| self.keys.fitting(algorithm, Some(kid), issuer).next().is_some())
    }
}
