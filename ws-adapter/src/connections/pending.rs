#[cfg(test)]
mod tests;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use auth_core::{AddressPrefix, Transport};

use super::{
    end::End,
    limits::{PendingLimits, TooMany},
};
use crate::telemetry;

/// The places of connections that are not authenticated yet.
#[derive(Default)]
pub(super) struct Pending {
    places: Mutex<Places>,
    /// Whether the warning about an unknown address was logged.
    warned: AtomicBool,
}

/// What takes a place.
pub(super) struct Newcomer {
    pub(super) address: Option<IpAddr>,
    pub(super) transport: Transport,
    pub(super) end: Arc<dyn End>,
}

impl Pending {
    /// Takes a place. If all are taken and `may_displace` is set, a client with more places loses one.
    pub(super) fn enter(
        self: &Arc<Self>,
        newcomer: Newcomer,
        limits: PendingLimits,
        may_displace: bool,
    ) -> Result<PendingGuard, TooMany> {
        if newcomer.address.is_none() && !self.warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "the address of a client is not known, so one client can take all places for connections without a \
                 credential; serve with `into_make_service_with_connect_info::<SocketAddr>()`, or see `ClientAddress`"
            );
        }
        let (address, bucket) = (newcomer.address, bucket(newcomer.address));
        let mut places = self.lock();
        places.check(address, limits)?;
        let displaced = if places.all < limits.all {
            None
        } else {
            let displaced = may_displace.then(|| places.displace_for(bucket)).flatten();
            Some(displaced.ok_or(TooMany::Pending(limits.all))?)
        };
        let order = places.insert(newcomer);
        // After the lock: ending a connection takes other locks, and may drop its guard.
        drop(places);
        if let Some(Newcomer { transport, end, .. }) = displaced {
            telemetry::displaced(transport);
            end.displace();
        }
        Ok(PendingGuard { pending: Arc::clone(self), address, order })
    }

    pub(super) fn count(&self) -> usize {
        self.lock().all
    }

    fn lock(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of one connection, held until this is dropped or another client takes it. The connection counts for its
/// address until this is dropped, since it costs memory until then.
pub(crate) struct PendingGuard {
    pending: Arc<Pending>,
    address: Option<IpAddr>,
    order: u64,
}

impl PendingGuard {
    /// Leaves the place to others. The connection still counts for its address.
    pub(crate) fn leave_place(&self) {
        let left = self.pending.lock().remove(bucket(self.address), self.order);
        // After the lock: it may hold the last reference to a connection.
        drop(left);
    }
}

impl Drop for PendingGuard {
    fn drop(&mut self) {
        let mut places = self.pending.lock();
        let left = places.remove(bucket(self.address), self.order);
        places.uncount(self.address);
        drop(places);
        // After the lock: it may hold the last reference to a connection.
        drop(left);
    }
}

/// The widest prefix of an address; `None` for all clients with an unknown address.
type Bucket = Option<AddressPrefix>;

fn bucket(address: Option<IpAddr>) -> Bucket {
    AddressPrefix::of(address?).last()
}

/// What an address counts for. All unknown addresses count as one.
fn counted(address: Option<IpAddr>) -> impl Iterator<Item = Bucket> {
    address.is_none().then_some(None).into_iter().chain(address.into_iter().flat_map(AddressPrefix::of).map(Some))
}

/// Each operation costs O(log n) in the number of places.
#[derive(Default)]
struct Places {
    all: usize,
    entered: u64,
    /// How many connections there are of each prefix, with and without a place; `None` is the unknown address.
    counts: HashMap<Bucket, usize>,
    /// The oldest first.
    buckets: HashMap<Bucket, BTreeMap<u64, Newcomer>>,
    /// The largest bucket last; of equal ones, the one with the oldest place.
    by_size: BTreeMap<(usize, Reverse<u64>), Bucket>,
}

impl Places {
    /// Whether each prefix of the address may hold one more.
    fn check(&self, address: Option<IpAddr>, limits: PendingLimits) -> Result<(), TooMany> {
        for prefix in counted(address) {
            let (max, too_many) = match prefix {
                Some(prefix) => {
                    let max = limits.per_address.saturating_mul(prefix.weight());
                    (max, TooMany::PendingOfPrefix { bits: prefix.bits(), max })
                }
                None => (limits.all, TooMany::PendingOfUnknown(limits.all)),
            };
            if self.counts.get(&prefix).copied().unwrap_or_default() >= max {
                return Err(too_many);
            }
        }
        Ok(())
    }

    /// Gives up the oldest place of the largest bucket, if that is larger than the newcomer's own.
    fn displace_for(&mut self, newcomer: Bucket) -> Option<Newcomer> {
        let own = self.buckets.get(&newcomer).map_or(0, BTreeMap::len);
        let (&(largest, Reverse(oldest)), &bucket) = self.by_size.last_key_value()?;
        if own < largest { self.remove(bucket, oldest) } else { None }
    }

    fn insert(&mut self, newcomer: Newcomer) -> u64 {
        self.all += 1;
        self.entered += 1;
        for prefix in counted(newcomer.address) {
            *self.counts.entry(prefix).or_default() += 1;
        }
        let order = self.entered;
        self.change(bucket(newcomer.address), |places| places.insert(order, newcomer));
        order
    }

    /// `None` if the place was given up before.
    fn remove(&mut self, bucket: Bucket, order: u64) -> Option<Newcomer> {
        let left = self.change(bucket, |places| places.remove(&order))?;
        self.all -= 1;
        Some(left)
    }

    /// A connection from this address no longer counts.
    fn uncount(&mut self, address: Option<IpAddr>) {
        for prefix in counted(address) {
            if let Some(count) = self.counts.get_mut(&prefix) {
                *count -= 1;
                if *count == 0 {
                    self.counts.remove(&prefix);
                }
            }
        }
    }

    /// Changes a bucket, and its rank.
    fn change<T>(&mut self, bucket: Bucket, change: impl FnOnce(&mut BTreeMap<u64, Newcomer>) -> T) -> T {
        let rank = |places: &BTreeMap<u64, Newcomer>| Some((places.len(), Reverse(*places.first_key_value()?.0)));
        let places = self.buckets.entry(bucket).or_default();
        if let Some(rank) = rank(places) {
            self.by_size.remove(&rank);
        }
        let changed = change(places);
        match rank(places) {
            Some(rank) => drop(self.by_size.insert(rank, bucket)),
            None => drop(self.buckets.remove(&bucket)),
        }
        changed
    }
}
