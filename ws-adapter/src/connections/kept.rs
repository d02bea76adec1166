use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use auth_core::PrincipalId;

/// How many connections of each user have ended and still cost memory.
#[derive(Default)]
pub(super) struct Kept(Mutex<HashMap<PrincipalId, usize>>);

impl Kept {
    pub(super) fn count_of(&self, user: &PrincipalId) -> usize {
        self.counts().get(user).copied().unwrap_or_default()
    }

    /// One more.
    pub(super) fn enter(self: &Arc<Self>, user: PrincipalId) -> KeptGuard {
        *self.counts().entry(user.clone()).or_default() += 1;
        KeptGuard { kept: Arc::clone(self), user }
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<PrincipalId, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that counts for its user until this is dropped.
pub(crate) struct KeptGuard {
    kept: Arc<Kept>,
    user: PrincipalId,
}

impl Drop for KeptGuard {
    fn drop(&mut self) {
        let mut counts = self.kept.counts();
        if let Some(count) = counts.get_mut(&self.user) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.user);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connection_counts_for_its_user_until_its_guard_is_dropped() {
        let kept = Arc::<Kept>::default();
        let [ann, bob] = ["ann", "bob"].map(|name| PrincipalId::new("", name));
        let guards = [kept.enter(ann.clone()), kept.enter(ann.clone()), kept.enter(bob.clone())];
        assert_eq!([kept.count_of(&ann), kept.count_of(&bob)], [2, 1]);
        drop(guards);
        assert!(kept.counts().is_empty());
    }
}
