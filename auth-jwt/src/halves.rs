//! A map that keeps what came last, within a bound.

use std::{
    borrow::Borrow,
    collections::{HashMap, hash_map::RandomState},
    hash::{BuildHasher, Hash},
    mem,
};

/// Two halves. When the younger one is full, it becomes the older one, and the older one is given up. So the size is bounded
/// without a search for old entries, and at least the last half of them is there.
pub(crate) struct Halves<K, V, S = RandomState> {
    half: usize,
    young: HashMap<K, V, S>,
    old: HashMap<K, V, S>,
}

impl<K: Eq + Hash, V, S: BuildHasher + Default> Halves<K, V, S> {
    /// Halves of at most `half` entries each.
    pub(crate) fn of(half: usize) -> Self {
        Self { half, young: HashMap::default(), old: HashMap::default() }
    }

    pub(crate) fn get_key_value<Q>(&self, key: &Q) -> Option<(&K, &V)>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.young.get_key_value(key).or_else(|| self.old.get_key_value(key))
    }

    /// Adds an entry, and returns those that are given up for it, so that the caller can free them outside its lock.
    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<HashMap<K, V, S>> {
        if self.half == 0 {
            return None;
        }
        let is_full = self.young.len() >= self.half;
        let given_up = is_full.then(|| mem::replace(&mut self.old, mem::take(&mut self.young)));
        self.young.insert(key, value);
        given_up
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_last_half_is_kept_and_no_more_than_two() {
        let mut halves: Halves<_, _> = Halves::of(4);
        for at in 0..100_usize {
            halves.insert(at, at);
            let last = at.saturating_sub(3)..=at;
            assert!(last.clone().all(|at| halves.get_key_value(&at) == Some((&at, &at))), "{last:?}");
            assert!(halves.len() <= 8);
        }
        assert!(halves.get_key_value(&91).is_none());
    }

    #[test]
    fn entries_that_are_given_up_are_returned() {
        let mut halves: Halves<_, _> = Halves::of(2);
        let given_up = (0..7).flat_map(|at| halves.insert(at, ())).flatten().map(|(at, ())| at);
        assert_eq!(BTreeSet::from_iter(given_up), BTreeSet::from([0, 1, 2, 3]));
    }

    #[test]
    fn halves_without_room_keep_nothing() {
        let mut halves: Halves<_, _> = Halves::of(0);
        halves.insert(1, ());
        assert_eq!(halves.len(), 0);
    }
}
