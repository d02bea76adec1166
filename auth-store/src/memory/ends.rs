use std::collections::BTreeSet;

/// How many ended entries an addition frees. More than one, so that they get fewer: each addition leaves 63 fewer, and a million that
/// have ended in a night are gone after 16,000. Few, so that none of these additions takes long: the store is locked meanwhile.
pub(super) const FREED_AT_ONCE: usize = 64;

/// Keys by their end, so that what has ended is found without a search. `I` is the type of an end.
pub(super) struct Ends<I, K>(BTreeSet<(I, K)>);

impl<I: Copy + Ord, K: Ord> Ends<I, K> {
    pub(super) fn add(&mut self, end: I, key: K) {
        self.0.insert((end, key));
    }

    pub(super) fn remove(&mut self, end: I, key: K) {
        self.0.remove(&(end, key));
    }

    /// Removes the key that ended first, if it has ended.
    pub(super) fn pop_ended(&mut self, now: I) -> Option<K> {
        self.0.first().filter(|(end, _)| *end <= now)?;
        Some(self.0.pop_first()?.1)
    }
}

impl<I, K> Default for Ends<I, K> {
    fn default() -> Self {
        Self(BTreeSet::new())
    }
}
