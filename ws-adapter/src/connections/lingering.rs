use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use auth_core::PrincipalId;

use super::end::End;
use crate::Close;

/// Handlers that go on after their peer is gone. They no longer count as connections; this limits what they hold.
#[derive(Default)]
pub(super) struct Lingering(Mutex<Handlers>);

#[derive(Default)]
struct Handlers {
    /// By user, and for each user the oldest first.
    by_user: HashMap<Option<PrincipalId>, BTreeMap<u64, Arc<dyn End>>>,
    entered: u64,
}

impl Lingering {
    /// Enters a handler. If its user has more than `max` with it, the oldest ones are told to end.
    pub(super) fn enter(self: &Arc<Self>, user: Option<PrincipalId>, end: Arc<dyn End>, max: usize) -> LingeringGuard {
        let (order, surplus) = self.handlers().enter(&user, end, max);
        // After the lock: a handler that ends takes it.
        surplus.iter().for_each(|end| end.end(Close::SUPERSEDED));
        LingeringGuard { lingering: Arc::clone(self), user, order }
    }

    fn handlers(&self) -> MutexGuard<'_, Handlers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Handlers {
    /// Enters one. Gives the oldest ones of the same user that are too many with it.
    fn enter(&mut self, user: &Option<PrincipalId>, end: Arc<dyn End>, max: usize) -> (u64, Vec<Arc<dyn End>>) {
        self.entered += 1;
        let handlers = self.by_user.entry(user.clone()).or_default();
        handlers.insert(self.entered, end);
        let surplus = handlers.len().saturating_sub(max);
        (self.entered, std::iter::from_fn(|| handlers.pop_first()).take(surplus).map(|(_, end)| end).collect())
    }

    fn leave(&mut self, user: &Option<PrincipalId>, order: u64) {
        if let Some(handlers) = self.by_user.get_mut(user) {
            handlers.remove(&order);
            if handlers.is_empty() {
                self.by_user.remove(user);
            }
        }
    }
}

/// The place of such a handler. It leaves when this is dropped.
pub(crate) struct LingeringGuard {
    lingering: Arc<Lingering>,
    user: Option<PrincipalId>,
    order: u64,
}

impl Drop for LingeringGuard {
    fn drop(&mut self) {
        self.lingering.handlers().leave(&self.user, self.order);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::{
        Connections, Overflow,
        connections::enter::{OF_NOBODY, OF_USER},
    };

    #[derive(Default)]
    struct Ended(AtomicUsize);

    impl End for Ended {
        fn end(&self, _: Close) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn no_user_has_more_than_the_limit_and_the_oldest_goes_first() {
        let user = |name: &str| Some(PrincipalId::new("", name));
        let limited = |max| Connections::new().per_user(max, Overflow::RejectNew);
        for (connections, user, max) in [
            (Connections::new(), user("ann"), OF_USER),
            (limited(3), user("ann"), 3),
            (limited(0), user("ann"), 0),
            (Connections::new(), None, OF_NOBODY),
            (limited(3), None, OF_NOBODY),
        ] {
            let ends: Vec<_> = (0..max + 2).map(|_| Arc::new(Ended::default())).collect();
            let enter = |end: &Arc<Ended>| connections.linger(user.clone(), Arc::clone(end) as _);
            let other = connections.linger(Some(PrincipalId::new("", "bob")), Arc::new(Ended::default()));
            let places: Vec<_> = ends.iter().map(enter).collect();
            let ended: Vec<_> = ends.iter().map(|end| end.0.load(Ordering::SeqCst)).collect();
            let expected: Vec<_> = (0..max + 2).map(|place| usize::from(place < 2)).collect();
            assert_eq!(ended, expected, "{user:?}");
            let of_bob = usize::from(max > 0 || user.is_none());
            let all =
                connections.registry.tables.lingering.handlers().by_user.values().map(BTreeMap::len).sum::<usize>();
            assert_eq!(all, max + of_bob, "{user:?}");
            drop((places, other));
            assert_eq!(connections.registry.tables.lingering.handlers().by_user.len(), 0, "{user:?}");
        }
    }
}
