use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::TooMany;

/// Counts the connections that nobody has authenticated yet.
#[derive(Default)]
pub(super) struct Pending(Mutex<Counts>);

#[derive(Default)]
struct Counts {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

impl Pending {
    /// Counts one more, unless there are as many as may be.
    pub(super) fn enter(
        self: &Arc<Self>,
        address: Option<IpAddr>,
        max: usize,
        max_per_address: usize,
    ) -> Result<PendingGuard, TooMany> {
        let mut counts = self.lock();
        let of_address = address.and_then(|address| counts.by_address.get(&address)).copied().unwrap_or_default();
        if counts.all >= max {
            return Err(TooMany::Pending(max));
        }
        if address.is_some() && of_address >= max_per_address {
            return Err(TooMany::PendingOfAddress(max_per_address));
        }
        counts.all += 1;
        if let Some(address) = address {
            counts.by_address.insert(address, of_address + 1);
        }
        Ok(PendingGuard { pending: Arc::clone(self), address })
    }

    pub(super) fn count(&self) -> usize {
        self.lock().all
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One connection that nobody has authenticated yet; it counts until this is dropped.
pub(crate) struct PendingGuard {
    pending: Arc<Pending>,
    address: Option<IpAddr>,
}

impl Drop for PendingGuard {
    fn drop(&mut self) {
        let mut counts = self.pending.lock();
        counts.all -= 1;
        if let Some(address) = self.address
            && let Some(count) = counts.by_address.get_mut(&address)
        {
            *count -= 1;
            if *count == 0 {
                counts.by_address.remove(&address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_in_all_and_by_address_until_dropped() {
        let pending = Arc::new(Pending::default());
        let (one, two) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let enter = |address| pending.enter(address, 3, 2);
        let first = enter(Some(one)).unwrap();
        let _second = enter(Some(one)).unwrap();
        assert!(enter(Some(one)).is_err(), "too many of one address");
        let third = enter(Some(two)).unwrap();
        assert!(enter(None).is_err(), "too many in all");
        drop(first);
        let _fourth = enter(None).unwrap();
        drop(third);
        assert!(enter(Some(one)).is_ok());
        assert_eq!((pending.count(), pending.lock().by_address.len()), (2, 1));
    }
}
