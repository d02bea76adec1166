//! Limits how often somebody may guess a password.

mod counters;
mod device;
mod guess;
mod permit;
mod throttled;

use std::{fmt, sync::Arc, time::Duration};

use auth_core::{BoxError, Clock, ConfigError, Secret, SystemClock, Timer};

use self::{
    counters::{Counters, MOST_OF_ACCOUNT},
    device::DeviceKeys,
};
pub use self::{guess::Guess, permit::Permit, throttled::Throttled};
use crate::{Budget, BudgetKey, Budgets, Taken, Unavailable, events};

/// The shortest time in which a failure of an account comes back.
const ACCOUNT_REGAINED_IN: Duration = Duration::from_secs(60);

/// A wait up to this length is waited for, by a throttle that is patient.
const SHORT: Duration = Duration::from_secs(1);
/// The pauses between its tries: three quarters of a second together.
const PAUSES_MILLIS: [u64; 5] = [25, 50, 100, 200, 400];

/// Limits failed guesses of a secret: in front of a password form, of `Basic`, of a refresh token.
///
/// It counts **failures**. A place is [taken](Self::take) before the secret is checked and given back if it was right, so a thousand
/// guesses at once share one budget. Only time brings back what a failure has taken.
///
/// ```
/// use auth_store::{Guess, MemoryStore, Throttle};
/// # use auth_core::{Refusal, Secret};
/// # struct User; async fn check(_: &str, _: &str) -> Option<User> { Some(User) }
/// # async fn example(name: &str, password: &str, token: Option<&str>, ip: Option<std::net::IpAddr>)
/// #     -> Result<Option<User>, Refusal> {
/// # let device_key = Secret::new("0123456789abcdef0123456789abcdef");
/// let throttle = Throttle::new(MemoryStore::new()).devices([device_key]).unwrap();
///
/// let name = name.to_lowercase();
/// let permit = throttle.take(&Guess::new(&name).address(ip).device(token)).await?;
/// let user = check(&name, password).await;
/// match user {
///     Some(_) => permit.succeeded().await,
///     None => permit.failed().await,
/// }
/// # Ok(user) }
/// ```
///
/// # What counts
///
/// | Counter | Free at once | Then | Stops |
/// |---|---|---|---|
/// | account | 100 | one every 15 minutes, and waits that double up to an hour | guesses from many places |
/// | address | 30; a /56 has 60, a /48 120 | one every 20 s; every 10 s, 5 s | one password for many names |
/// | account and address (IPv4, or IPv6 /48) | 10 | one every minute, and waits that double up to 15 minutes | guesses from one place |
/// | a device with a token, or a login | 10 | the same | guesses with somebody's browser |
/// | all devices and logins of an account | 30 | the same | guesses with many tokens |
///
/// A guess without a token counts by the first three, one with a good [token](Self::device_token) by the last two alone. So strangers
/// who have used up the account do not lock its owner out, and neither do those who share an address with the owner. If a counter of
/// devices has no place left, the guess counts as one without a token. An address alone earns no exception. Names that do not exist
/// count like others.
///
/// A guess [without an account](Guess::without_account) counts by its address alone; all that have no address either count as one.
///
/// If there are more guesses at once than places, some are refused, even if all are right; `Retry-After` is a second then. With
/// [`patient`](Self::patient) they wait for their turn first.
///
/// # Order, and several nodes
/// The places are taken one after the other, by prefix from the narrowest, then pair, then account. If one is refused, those before it
/// are given back. Two guesses at once may refuse each other that way, but there are never more than allowed.
///
/// # Security
/// If the store is down, no secret is checked: 503. Otherwise somebody who overloads the store could guess without limit.
///
/// # What operators see
/// Each refusal is one event `attempts throttled` at `INFO`, with the `counter` that has refused, and with the feature `metrics` one in
/// `auth_throttled_total{counter}`. Neither names an account or an address.
#[derive(Clone)]
pub struct Throttle {
    budgets: Arc<dyn Budgets>,
    clock: Arc<dyn Clock>,
    counters: Counters,
    keys: Option<DeviceKeys>,
    patience: Option<Arc<dyn Timer>>,
}

impl Throttle {
    /// A throttle with the default budgets, for which no device is known.
    pub fn new(budgets: impl Budgets) -> Self {
        Self {
            budgets: Arc::new(budgets),
            clock: Arc::new(SystemClock),
            counters: Counters::new(),
            keys: None,
            patience: None,
        }
    }

    /// Names the set of secrets that are guessed: `customers`, `admins`. Throttles with different names share no counters and no device
    /// tokens, even on one store and with the same keys. Throttles with one name on one store share all counters, and need equal budgets.
    /// The default is empty.
    #[must_use]
    pub fn realm(mut self, name: &str) -> Self {
        self.counters.realm = name.into();
        self
    }

    /// Sets the clock that dates device tokens. The default is the system's. The store counts by a clock of its own.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Sets the budget of an account, for guesses from devices that are not known.
    ///
    /// # Errors
    /// If more than 100 failures are free at once (NIST SP 800-63B-4, 3.2.2), or if a failure comes back in less than a minute: then
    /// somebody who waits could guess without much of a limit.
    pub fn account(mut self, budget: Budget) -> Result<Self, ConfigError> {
        if budget.at_once() > MOST_OF_ACCOUNT {
            return Err(ConfigError::new("an account must not have more than 100 failures free at once"));
        }
        if budget.regained_in_millis() < millis(ACCOUNT_REGAINED_IN) {
            return Err(ConfigError::new("an account must not get a failure back in less than a minute"));
        }
        self.counters.account = budget;
        Ok(self)
    }

    /// Sets the budget of one IPv4 address or IPv6 /64. A /56 has twice the places, in the same time, and a /48 four times.
    #[must_use]
    pub fn address(mut self, budget: Budget) -> Self {
        self.counters.address = budget;
        self
    }

    /// Sets the budget of one account from one IPv4 address or IPv6 /48.
    #[must_use]
    pub fn pair(mut self, budget: Budget) -> Self {
        self.counters.pair = budget;
        self
    }

    /// Sets the budget of one account from one known device.
    #[must_use]
    pub fn device(mut self, budget: Budget) -> Self {
        self.counters.device = budget;
        self
    }

    /// Sets the budget of one account from all its known devices together.
    #[must_use]
    pub fn all_devices(mut self, budget: Budget) -> Self {
        self.counters.devices = budget;
        self
    }

    /// Knows devices by their tokens. The first key signs new ones, all keys are good for old ones: to change the key, put a new one
    /// first, and remove the old one when no token of it matters. Nodes need the same keys.
    ///
    /// # Errors
    /// If there is no key, or if one is shorter than 32 bytes. Make it of 32 random bytes.
    ///
    /// # Security
    /// A token names the [realm](Self::realm) and the account. It stays good after a change of the password: somebody who has known the
    /// old one has up to as many guesses as [all devices](Self::all_devices) have places.
    pub fn devices(mut self, keys: impl IntoIterator<Item = Secret>) -> Result<Self, ConfigError> {
        self.keys = Some(DeviceKeys::new(keys)?);
        Ok(self)
    }

    /// Lets a guess wait for its turn if others in progress are in the way, for three quarters of a second at most. Without it, a program
    /// that sends more right passwords at a time than a pair has places is refused at once.
    ///
    /// Nobody gets more guesses by it. While it waits, it holds no place. It asks the store up to six times.
    ///
    /// [`SystemClock`] is a timer with the feature `tokio` of auth-core.
    #[must_use]
    pub fn patient(mut self, timer: impl Timer) -> Self {
        self.patience = Some(Arc::new(timer));
        self
    }

    /// Takes a place in each counter, before the secret is checked.
    ///
    /// It is not cancel-safe: if the future is dropped, what it has taken counts as a failure.
    ///
    /// # Errors
    /// If a counter has no place left, or if the store is down. Then the secret must not be checked.
    pub async fn take(&self, guess: &Guess<'_>) -> Result<Permit, Throttled> {
        let mut taken = self.take_now(guess).await;
        if let Some(timer) = &self.patience {
            for pause in PAUSES_MILLIS {
                if !taken.as_ref().is_err_and(|refused| refused.is_over_within(SHORT)) {
                    break;
                }
                timer.sleep(Duration::from_millis(pause)).await;
                taken = self.take_now(guess).await;
            }
        }
        if let Err(Throttled::TooMany { counter, .. }) = taken {
            events::throttled(counter);
        }
        taken
    }

    async fn take_now(&self, guess: &Guess<'_>) -> Result<Permit, Throttled> {
        if let (Some(account), Some(sid)) = (guess.account, guess.session) {
            return self.take_all(self.counters.of_session(account, sid), true).await;
        }
        let stranger = || self.counters.of_stranger(guess);
        let Some((account, id)) = self.device_of(guess) else { return self.take_all(stranger(), false).await };
        let refused = match self.take_all(self.counters.of_device(account, &id), true).await {
            Err(refused @ Throttled::TooMany { .. }) => refused,
            taken => return taken,
        };
        // A token must never be worse than none.
        self.take_all(stranger(), false).await.map_err(|other| refused.or_sooner(other))
    }

    async fn take_all(&self, counters: Vec<(BudgetKey, Budget)>, is_known_device: bool) -> Result<Permit, Throttled> {
        let mut permit = Permit::new(Arc::clone(&self.budgets), is_known_device);
        for (key, budget) in counters {
            let throttled = match self.budgets.take(&key, &budget).await {
                Ok(Taken::Place(place)) => {
                    permit.add(key, budget, place);
                    continue;
                }
                Ok(Taken::Wait(retry_after)) => Throttled::TooMany { retry_after, counter: key.kind() },
                Err(error) => Throttled::Unavailable(Unavailable::because(error)),
            };
            permit.succeeded().await;
            return Err(throttled);
        }
        Ok(permit)
    }

    /// A token that makes the browser a known device of this account. Give it out after a successful login alone, in a cookie that
    /// scripts can't read, and pass it to [`Guess::device`] next time. `None` if there are no [keys](Self::devices).
    ///
    /// `current` is what the browser has sent. If it is good, the new token is for the same device, whose failures stay. A token is good
    /// for [a year](Self::DEVICE_MAX_AGE) and for one account: the next account that logs in with the browser replaces it.
    ///
    /// # Errors
    /// If the system has no random numbers.
    pub fn device_token(&self, account: &str, current: Option<&str>) -> Result<Option<Secret>, BoxError> {
        let Some(keys) = &self.keys else { return Ok(None) };
        let id = self.device_of(&Guess::new(account).device(current)).map_or_else(device::new_id, |(_, id)| Ok(id))?;
        keys.sign(&self.counters.realm, account, id, self.clock.now()).map(Some)
    }

    /// How long a device token is good: a year.
    pub const DEVICE_MAX_AGE: Duration = device::MAX_AGE;

    /// The cookie of a device token over HTTPS. A neighbouring domain can't set it.
    pub const DEVICE_COOKIE: &'static str = "__Host-device";

    /// The cookie of a device token on a loopback without TLS, where browsers take no `__Host-` cookie.
    pub const DEVICE_COOKIE_ON_LOOPBACK: &'static str = "device";

    /// The account, and the device that has a good token for it.
    fn device_of<'a>(&self, guess: &Guess<'a>) -> Option<(&'a str, [u8; 16])> {
        let account = guess.account?;
        let keys = self.keys.as_ref()?;
        Some((account, keys.check(&self.counters.realm, account, guess.device?, self.clock.now())?))
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

impl fmt::Debug for Throttle {
    /// Omits the keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Throttle")
            .field("counters", &self.counters)
            .field("knows_devices", &self.keys.is_some())
            .field("is_patient", &self.patience.is_some())
            .finish_non_exhaustive()
    }
}
