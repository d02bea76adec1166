//! By which counters a guess counts, and their budgets.

use std::{sync::Arc, time::Duration};

use auth_core::AddressPrefix;

use super::guess::Guess;
use crate::{Budget, BudgetKey};

const MINUTE: Duration = Duration::from_secs(60);

/// NIST SP 800-63B-4, 3.2.2.
pub(super) const MOST_OF_ACCOUNT: u32 = 100;
/// What NIST SP 800-63B-4, 3.2.2, allows at most; its example of a growing wait ends at an hour. It is the counter that strangers
/// share, so it is as high as allowed: the others stop a single one long before.
const OF_ACCOUNT: Budget =
    Budget::constant(MOST_OF_ACCOUNT, Duration::from_secs(15 * 60), Duration::from_secs(60 * 60));
/// As for wrong credentials over open sockets: many people may be behind one address.
const OF_ADDRESS: Budget = Budget::constant(30, Duration::from_secs(20), Duration::from_secs(20));
/// Somebody who tries the passwords that they had elsewhere needs fewer. A block list keeps out the ten most usual passwords.
const OF_PAIR: Budget = Budget::constant(10, MINUTE, Duration::from_secs(15 * 60));
/// As for a pair: a device that was lost is no better than a stranger at the same place.
const OF_DEVICE: Budget = OF_PAIR;
/// All devices of an account together: whoever has got many tokens must not have a budget for each.
const OF_DEVICES: Budget = Budget::constant(30, MINUTE, Duration::from_secs(15 * 60));

/// The counters of one throttle.
#[derive(Clone, Debug)]
pub(super) struct Counters {
    /// The first part of each key.
    pub(super) realm: Arc<str>,
    pub(super) account: Budget,
    pub(super) address: Budget,
    pub(super) pair: Budget,
    pub(super) device: Budget,
    pub(super) devices: Budget,
}

impl Counters {
    pub(super) fn new() -> Self {
        Self {
            realm: Arc::default(),
            account: OF_ACCOUNT,
            address: OF_ADDRESS,
            pair: OF_PAIR,
            device: OF_DEVICE,
            devices: OF_DEVICES,
        }
    }

    /// Those of a known device.
    pub(super) fn of_device(&self, account: &str, id: &[u8; 16]) -> Vec<(BudgetKey, Budget)> {
        let id = u128::from_be_bytes(*id).to_string();
        self.beside(BudgetKey::new("device", &[&self.realm, account, &id]), account)
    }

    /// Those of a login.
    pub(super) fn of_session(&self, account: &str, sid: &str) -> Vec<(BudgetKey, Budget)> {
        // One part more than the id of a device.
        self.beside(BudgetKey::new("device", &[&self.realm, account, "session", sid]), account)
    }

    fn beside(&self, device: BudgetKey, account: &str) -> Vec<(BudgetKey, Budget)> {
        vec![(device, self.device), (BudgetKey::new("devices", &[&self.realm, account]), self.devices)]
    }

    /// Those of anybody else. Own counters come first: a guess that they refuse takes no place from others.
    ///
    /// A narrow prefix and the pair are optional. Without them the guess counts by the widest prefix and the account all the same, and
    /// nobody can close a service by filling their tables.
    pub(super) fn of_stranger(&self, guess: &Guess<'_>) -> Vec<(BudgetKey, Budget)> {
        let prefixes = guess.address.into_iter().flat_map(AddressPrefix::of).collect::<Vec<_>>();
        let mut counters = Vec::with_capacity(prefixes.len() + 2);
        for (index, prefix) in prefixes.iter().enumerate() {
            let weight = u32::try_from(prefix.weight()).unwrap_or(1);
            let key = BudgetKey::new(kind(*prefix), &[&self.realm, &prefix.to_string()]);
            let is_widest = index + 1 == prefixes.len();
            counters.push((if is_widest { key } else { key.optional() }, self.address.times(weight)));
        }
        if let (Some(account), Some(widest)) = (guess.account, prefixes.last()) {
            let pair = BudgetKey::new("pair", &[&self.realm, account, &widest.to_string()]);
            counters.push((pair.optional(), self.pair));
        }
        if let Some(account) = guess.account {
            counters.push((BudgetKey::new("account", &[&self.realm, account]), self.account));
        }
        if counters.is_empty() {
            // Nobody guesses without limit: all of them are one client.
            counters.push((BudgetKey::new("address-none", &[&self.realm]), self.address));
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
