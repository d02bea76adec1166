use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use auth_core::PrincipalId;

/// How many connections each user has that may cost memory after their end.
#[derive(Default)]
pub(super) struct Kept(Mutex<HashMap<PrincipalId, usize>>);

impl Kept {
    /// One more, unless the user has `max` of them.
    pub(super) fn enter(self: &Arc<Self>, user: PrincipalId, max: usize) -> Option<KeptGuard> {
        let mut counts = self.counts();
        let count = counts.get(&user).copied().unwrap_or_default();
        if count >= max {
            return None;
        }
        counts.insert(user.clone(), count + 1);
        Some(KeptGuard { kept: Arc::clone(self), user })
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
    fn transport_counts_for_its_user_until_its_guard_is_dropped() {
        let kept = Arc::<Kept>::default();
        let [ann, bob] = ["ann", "bob"].map(|name| PrincipalId::new("", name));
        let enter = |user: &PrincipalId| kept.enter(user.clone(), 2);
        let mut guards = vec![enter(&ann).unwrap(), enter(&ann).unwrap(), enter(&bob).unwrap()];
        assert!(enter(&ann).is_none());
        guards.remove(0);
        guards.push(enter(&ann).unwrap());
        drop(guards);
        assert!(kept.counts().is_empty());
    }
}
