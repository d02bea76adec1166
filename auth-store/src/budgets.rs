use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use auth_core::{BoxError, ConfigError};

use crate::opaque::ShortKey;

/// The most places of a budget.
const MOST: u32 = 10_000;

/// The longest wait, so that whole milliseconds stay exact in Redis.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// How many failures are free at once, and how they come back.
///
/// A failure takes a place. A place comes back after `regained_in`, one after the other. The failure that takes the last place
/// begins a wait; while the places have not all come back, each further wait is twice as long, up to
/// [`longest_wait`](Self::longest_wait).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Budget {
    at_once: u32,
    regained_in: Duration,
    longest_wait: Duration,
}

impl Budget {
    /// A budget whose waits don't grow. `regained_in` is cut to whole milliseconds.
    ///
    /// # Errors
    /// If there are fewer than 2 or more than 10,000 places, or if `regained_in` is shorter than a millisecond or longer than 30
    /// days.
    pub fn new(at_once: u32, regained_in: Duration) -> Result<Self, ConfigError> {
        Self { at_once, regained_in, longest_wait: regained_in }.checked()
    }

    /// Lets the waits double, up to this one.
    ///
    /// # Errors
    /// If it is shorter than the time in which a place comes back, or longer than 30 days.
    pub fn longest_wait(self, wait: Duration) -> Result<Self, ConfigError> {
        Self { longest_wait: wait, ..self }.checked()
    }

    /// For the defaults, which are valid.
    pub(crate) const fn constant(at_once: u32, regained_in: Duration, longest_wait: Duration) -> Self {
        Self { at_once, regained_in, longest_wait }
    }

    /// The same for a block of addresses: so many times the places, in the same time.
    pub(crate) fn times(self, weight: u32) -> Self {
        let regained_in = self.regained_in.checked_div(weight).unwrap_or(self.regained_in);
        Self { at_once: self.at_once.saturating_mul(weight), regained_in, ..self }
    }

    fn checked(self) -> Result<Self, ConfigError> {
        if !(2..=MOST).contains(&self.at_once) {
            return Err(ConfigError::new("a budget must have 2 to 10,000 places"));
        }
        if self.regained_in < Duration::from_millis(1) || self.longest_wait > LONGEST {
            return Err(ConfigError::new("the waits of a budget must be from a millisecond to 30 days"));
        }
        if self.longest_wait < self.regained_in {
            return Err(ConfigError::new(
                "the longest wait of a budget must not be shorter than the time in which a place comes back",
            ));
        }
        Ok(self)
    }

    /// How many places there are.
    #[must_use]
    pub fn at_once(&self) -> u32 {
        self.at_once
    }

    /// For a store: in how many milliseconds a place comes back.
    #[must_use]
    pub fn regained_in_millis(&self) -> u64 {
        millis(self.regained_in)
    }

    /// For a store: the longest wait, in milliseconds.
    #[must_use]
    pub fn longest_wait_millis(&self) -> u64 {
        millis(self.longest_wait).max(self.regained_in_millis())
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX).max(1)
}

/// What a counter is about, as a hash. Names and addresses are not in the store.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BudgetKey {
    kind: &'static str,
    key: ShortKey,
    is_optional: bool,
}

impl BudgetKey {
    /// A key made of a kind, such as `account`, and of parts. Equal lists of parts have equal keys. A key always has the same
    /// [`Budget`]. The kind is a constant of at most 20 letters.
    #[must_use]
    pub fn new(kind: &'static str, parts: &[&str]) -> Self {
        let [key] = if kind.len() > ShortKey::MAX_KIND_LEN {
            ShortKey::of(["long"], &[&[kind], parts].concat())
        } else {
            ShortKey::of([kind], parts)
        };
        Self { kind, key, is_optional: false }
    }

    /// The same key, for a counter beside others that still limit the guess: a store without room for one more may leave it out.
    #[must_use]
    pub fn optional(self) -> Self {
        Self { is_optional: true, ..self }
    }

    /// For a store: whether there may be no counter if there is no room for it. Otherwise all keys without room share one.
    #[must_use]
    pub fn is_optional(&self) -> bool {
        self.is_optional
    }

    /// The kind.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// The text, for the store: kind and hash, at most 64 visible ASCII characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.key.as_str()
    }
}

impl fmt::Debug for BudgetKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What [`Budgets::take`] has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a caller must handle each of these")]
pub enum Taken {
    /// A place, which must be [settled](Budgets::settle).
    Place(BudgetPlace),
    /// All places are taken. One may be free after this time.
    Wait(Duration),
}

/// A place that was taken. Only the store reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BudgetPlace {
    number: u64,
    counter: CounterOf,
}

/// The counter that a place is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CounterOf {
    Key,
    /// All keys without room.
    Others,
    Nothing,
}

impl BudgetPlace {
    /// For a store: a place that it recognizes by this number.
    #[must_use]
    pub fn of(number: u64) -> Self {
        Self { number, counter: CounterOf::Key }
    }

    /// For a store: a place that nothing counts, of an [optional](BudgetKey::optional) key.
    #[must_use]
    pub fn uncounted() -> Self {
        Self { number: 0, counter: CounterOf::Nothing }
    }

    pub(crate) fn shared(number: u64) -> Self {
        Self { number, counter: CounterOf::Others }
    }

    /// For a store: the number.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    pub(crate) fn is_shared(&self) -> bool {
        self.counter == CounterOf::Others
    }

    pub(crate) fn is_uncounted(&self) -> bool {
        self.counter == CounterOf::Nothing
    }
}

/// Counters of failures, which the nodes of a service share.
///
/// Of each counter a store keeps which failures have not come back, and which places are taken by attempts in progress. A place that
/// nobody settles becomes a failure after one to two minutes: its task has panicked, its client or its node is gone. Until then it
/// stays taken.
///
/// # Errors
/// An error of any method means that the store is down or full. Then nobody may guess.
#[async_trait]
pub trait Budgets: Send + Sync + 'static {
    /// Takes a place, atomically: of any number of calls at once, on any nodes, only as many get one as there are.
    ///
    /// # Errors
    /// If the store is down. A place may be taken nevertheless.
    async fn take(&self, key: &BudgetKey, budget: &Budget) -> Result<Taken, BoxError>;

    /// Gives a place back, or lets it count as a failure from now on. Call it at most once for each place. A place that has become a
    /// failure by itself is not given back.
    ///
    /// # Errors
    /// If the store is down. The place becomes a failure then, or has done so.
    async fn settle(
        &self,
        key: &BudgetKey,
        budget: &Budget,
        place: BudgetPlace,
        is_failure: bool,
    ) -> Result<(), BoxError>;
}

#[async_trait]
impl<B: Budgets + ?Sized> Budgets for Arc<B> {
    async fn take(&self, key: &BudgetKey, budget: &Budget) -> Result<Taken, BoxError> {
        (**self).take(key, budget).await
    }

    async fn settle(
        &self,
        key: &BudgetKey,
        budget: &Budget,
        place: BudgetPlace,
        is_failure: bool,
    ) -> Result<(), BoxError> {
        (**self).settle(key, budget, place, is_failure).await
    }
}
