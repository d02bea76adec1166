//! Limits how often somebody may guess a password.

mod device;
mod guess;
mod permit;
mod throttled;

use std::{fmt, sync::Arc, time::Duration};

use auth_core::{AddressPrefix, BoxError, Clock, ConfigError, Secret, SystemClock};

use self::device::DeviceKeys;
pub use self::{guess::Guess, permit::Permit, throttled::Throttled};
use crate::{Budget, BudgetKey, Budgets, Taken, Unavailable};

const MINUTE: Duration = Duration::from_secs(60);

/// What NIST SP 800-63B-4, 3.2.2, allows at most; its example of a growing wait ends at an hour. It is the counter that strangers
/// share, so it is as high as allowed: the others stop a single one long before.
const OF_ACCOUNT: Budget =
    Budget::constant(MOST_OF_ACCOUNT, Duration::from_secs(15 * 60), Duration::from_secs(60 * 60));
const MOST_OF_ACCOUNT: u32 = 100;
/// As for wrong credentials over open sockets: many people may be behind one address.
const OF_ADDRESS: Budget = Budget::constant(30, Duration::from_secs(20), Duration::from_secs(20));
/// Somebody who tries the passwords that they had elsewhere needs fewer. A block list keeps out the ten most usual passwords.
const OF_PAIR: Budget = Budget::constant(10, MINUTE, Duration::from_secs(15 * 60));
/// As for a pair: a device that was lost is no better than a stranger at the same place.
const OF_DEVICE: Budget = OF_PAIR;
/// All devices of an account together: whoever has got many tokens must not have a budget for each.
const OF_DEVICES: Budget = Budget::constant(30, MINUTE, Duration::from_secs(15 * 60));

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
/// | a device with a token | 10 | the same | guesses with somebody's browser |
/// | all devices of an account | 30 | the same | guesses with many tokens |
///
/// A guess without a token counts by the first three, one with a good [token](Self::device_token) by the last two alone. So strangers
/// who have used up the account do not lock its owner out, and neither do those who share an address with the owner. If a counter of
/// devices has no place left, the guess counts as one without a token. An address alone earns no exception. Names that do not exist
/// count like others.
///
/// A guess [without an account](Guess::without_account) counts by its address alone; all that have no address either count as one.
///
/// Of more guesses at once than there are places, some are refused although all are right; `Retry-After` is a second then.
///
/// # Order, and several nodes
/// The places are taken one after the other, by prefix from the narrowest, then pair, then account. If one is refused, those before it
/// are given back. Two guesses at once may refuse each other that way, but there are never more than allowed.
///
/// # Security
/// If the store is down, no secret is checked: 503. Otherwise somebody who overloads the store could guess without limit.
#[derive(Clone)]
pub struct Throttle {
    budgets: Arc<dyn Budgets>,
    clock: Arc<dyn Clock>,
    account: Budget,
    address: Budget,
    pair: Budget,
    device: Budget,
    devices: Budget,
    keys: Option<DeviceKeys>,
}

impl Throttle {
    /// A throttle with the default budgets, for which no device is known.
    pub fn new(budgets: impl Budgets) -> Self {
        Self {
            budgets: Arc::new(budgets),
            clock: Arc::new(SystemClock),
            account: OF_ACCOUNT,
            address: OF_ADDRESS,
            pair: OF_PAIR,
            device: OF_DEVICE,
            devices: OF_DEVICES,
            keys: None,
        }
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
    /// If more than 100 failures are free at once (NIST SP 800-63B-4, 3.2.2).
    pub fn account(mut self, budget: Budget) -> Result<Self, ConfigError> {
        if budget.at_once() > MOST_OF_ACCOUNT {
            return Err(ConfigError::new("an account must not have more than 100 failures free at once"));
        }
        self.account = budget;
        Ok(self)
    }

    /// Sets the budget of one IPv4 address or IPv6 /64. A /56 has twice the places, in the same time, and a /48 four times.
    #[must_use]
    pub fn address(mut self, budget: Budget) -> Self {
        self.address = budget;
        self
    }

    /// Sets the budget of one account from one IPv4 address or IPv6 /48.
    #[must_use]
    pub fn pair(mut self, budget: Budget) -> Self {
        self.pair = budget;
        self
    }

    /// Sets the budget of one account from one known device.
    #[must_use]
    pub fn device(mut self, budget: Budget) -> Self {
        self.device = budget;
        self
    }

    /// Sets the budget of one account from all its known devices together.
    #[must_use]
    pub fn all_devices(mut self, budget: Budget) -> Self {
        self.devices = budget;
        self
    }

    /// Knows devices by their tokens. The first key signs new ones, all keys are good for old ones: to change the key, put a new one
    /// first, and remove the old one when no token of it matters. Nodes need the same keys.
    ///
    /// # Errors
    /// If there is no key, or if one is shorter than 32 bytes. Make it of 32 random bytes.
    ///
    /// # Security
    /// A token names an account and no service. Use keys of their own for each set of users. A token stays good after a change of the
    /// password: who has had the password may then have up to the places of [all devices](Self::all_devices).
    pub fn devices(mut self, keys: impl IntoIterator<Item = Secret>) -> Result<Self, ConfigError> {
        self.keys = Some(DeviceKeys::new(keys)?);
        Ok(self)
    }

    /// Takes a place in each counter, before the secret is checked.
    ///
    /// It is not cancel-safe: if the future is dropped, what it has taken counts as a failure.
    ///
    /// # Errors
    /// If a counter has no place left, or if the store is down. Then the secret must not be checked.
    pub async fn take(&self, guess: &Guess<'_>) -> Result<Permit, Throttled> {
        let Some((account, id)) = self.device_of(guess) else {
            return self.take_all(self.strangers(guess), false).await;
        };
        let refused = match self.take_all(self.of_device(account, &id), true).await {
            Err(refused @ Throttled::TooMany { .. }) => refused,
            taken => return taken,
        };
        // A token must never be worse than none.
        self.take_all(self.strangers(guess), false).await.map_err(|other| refused.or_sooner(other))
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
        keys.sign(account, id, self.clock.now()).map(Some)
    }

    /// How long a device token is good: a year.
    pub const DEVICE_MAX_AGE: Duration = device::MAX_AGE;

    /// The account, and the device that has a good token for it.
    fn device_of<'a>(&self, guess: &Guess<'a>) -> Option<(&'a str, [u8; 16])> {
        let account = guess.account?;
        Some((account, self.keys.as_ref()?.check(account, guess.device?, self.clock.now())?))
    }

    fn of_device(&self, account: &str, id: &[u8; 16]) -> Vec<(BudgetKey, Budget)> {
        let id = u128::from_be_bytes(*id).to_string();
        let device = (BudgetKey::new("device", &[account, &id]), self.device);
        vec![device, (BudgetKey::new("devices", &[account]), self.devices)]
    }

    /// Own counters first: a guess that they refuse takes no place from others.
    fn strangers(&self, guess: &Guess<'_>) -> Vec<(BudgetKey, Budget)> {
        let prefixes = guess.address.into_iter().flat_map(AddressPrefix::of).collect::<Vec<_>>();
        let mut counters = Vec::with_capacity(prefixes.len() + 2);
        for prefix in &prefixes {
            let weight = u32::try_from(prefix.weight()).unwrap_or(1);
            let key = BudgetKey::new(kind(*prefix), &[&prefix.to_string()]);
            counters.push((key, self.address.times(weight)));
        }
        match (guess.account, prefixes.last()) {
            (Some(account), Some(widest)) => {
                counters.push((BudgetKey::new("pair", &[account, &widest.to_string()]), self.pair));
                counters.push((BudgetKey::new("account", &[account]), self.account));
            }
            (Some(account), None) => counters.push((BudgetKey::new("account", &[account]), self.account)),
            (None, Some(_)) => {}
            // Nobody guesses without limit: all of them are one client.
            (None, None) => counters.push((BudgetKey::new("address-none", &[]), self.address)),
        }
        counters
    }
}

/// A kind for each weight, since a kind has one budget.
fn kind(prefix: AddressPrefix) -> &'static str {
    match prefix.bits() {
        48 => "address-48",
        56 => "address-56",
        64 => "address-64",
        _ => "address-32",
    }
}

impl fmt::Debug for Throttle {
    /// Omits the keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Throttle")
            .field("account", &self.account)
            .field("address", &self.address)
            .field("pair", &self.pair)
            .field("device", &self.device)
            .field("devices", &self.devices)
            .field("knows_devices", &self.keys.is_some())
            .finish_non_exhaustive()
    }
}
