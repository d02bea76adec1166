use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use auth_core::{Evidence, PrincipalId};

use super::{Connections, End};
use crate::Close;

/// How many of them one user may have where the registry has no limit for users.
pub(super) const OF_USER: usize = 10;
/// How many those may have together whom nobody knows.
pub(super) const OF_NOBODY: usize = 1000;

/// Handlers that go on after their peer is gone. They count as connections no more; this bounds what they hold.
#[derive(Default)]
pub(super) struct Lingering {
    /// The oldest first.
    by_user: HashMap<Option<PrincipalId>, BTreeMap<u64, Arc<dyn End>>>,
    entered: u64,
}

impl Lingering {
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

/// The place of such a handler; it leaves when this is dropped.
pub(crate) struct LingeringGuard {
    user: Option<PrincipalId>,
    order: u64,
    connections: Connections,
}

impl LingeringGuard {
    /// Enters a handler. The oldest one of the same user is told to end if that is one too many.
    pub(super) fn enter(connections: &Connections, user: Option<PrincipalId>, end: Arc<dyn End>) -> Self {
        let max = match (&user, connections.limits.per_user) {
            (None, _) => OF_NOBODY,
            (Some(_), None) => OF_USER,
            (Some(_), Some((max, _))) => max,
        };
        let (order, surplus) = connections.lingering().enter(&user, end, max);
        // The lock is free again before they are told.
        surplus.iter().for_each(|end| end.end(Close::SUPERSEDED));
        Self { user, order, connections: connections.clone() }
    }
}

impl Drop for LingeringGuard {
    fn drop(&mut self) {
        self.connections.lingering().leave(&self.user, self.order);
    }
}

/// Who the evidence is of; of an `and` of several users, the first.
pub(super) fn principal(evidence: &Evidence) -> Option<PrincipalId> {
    evidence.principal().cloned().or_else(|| evidence.parts().iter().find_map(principal))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::Overflow;

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
            let enter = |end: &Arc<Ended>| LingeringGuard::enter(&connections, user.clone(), Arc::clone(end) as _);
            let other =
                LingeringGuard::enter(&connections, Some(PrincipalId::new("", "bob")), Arc::new(Ended::default()));
            let places: Vec<_> = ends.iter().map(enter).collect();
            let ended: Vec<_> = ends.iter().map(|end| end.0.load(Ordering::SeqCst)).collect();
            let expected: Vec<_> = (0..max + 2).map(|place| usize::from(place < 2)).collect();
            assert_eq!(ended, expected, "{user:?}");
            let of_bob = usize::from(max > 0 || user.is_none());
            let all = connections.lingering().by_user.values().map(BTreeMap::len).sum::<usize>();
            assert_eq!(all, max + of_bob, "{user:?}");
            drop((places, other));
            assert_eq!(connections.lingering().by_user.len(), 0, "{user:?}");
        }
    }
}
