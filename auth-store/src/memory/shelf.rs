use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use auth_core::BoxError;

/// Values by key, and keys by their end, so that expired values are found without a search. `I` is the type of an end.
pub(super) struct Shelf<T, I> {
    slots: HashMap<Arc<str>, Slot<T, I>>,
    ends: BTreeSet<(I, Arc<str>)>,
}

pub(super) struct Slot<T, I> {
    pub(super) value: T,
    /// Exclusive; `None` if it never ends.
    pub(super) ends_at: Option<I>,
}

impl<T, I: Copy + Ord> Slot<T, I> {
    pub(super) fn is_good_at(&self, now: I) -> bool {
        self.ends_at.is_none_or(|end| now < end)
    }
}

impl<T, I: Copy + Ord> Shelf<T, I> {
    pub(super) fn put(&mut self, key: &str, slot: Slot<T, I>, limit: usize, now: I) -> Result<(), BoxError> {
        self.forget_what_ended(now);
        if self.slots.len() >= limit && !self.slots.contains_key(key) {
            return Err("the memory store is full".into());
        }
        self.remove(key);
        let key = Arc::<str>::from(key);
        if let Some(end) = slot.ends_at {
            self.ends.insert((end, Arc::clone(&key)));
        }
        self.slots.insert(key, slot);
        Ok(())
    }

    pub(super) fn get(&self, key: &str, now: I) -> Option<&Slot<T, I>> {
        self.slots.get(key).filter(|slot| slot.is_good_at(now))
    }

    pub(super) fn remove(&mut self, key: &str) -> Option<Slot<T, I>> {
        let (key, slot) = self.slots.remove_entry(key)?;
        if let Some(end) = slot.ends_at {
            self.ends.remove(&(end, key));
        }
        Some(slot)
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Removes what has ended.
    fn forget_what_ended(&mut self, now: I) {
        drop(self.take_what_ended(now));
    }

    pub(super) fn take_what_ended(&mut self, now: I) -> Vec<Slot<T, I>> {
        let mut ended = Vec::new();
        while let Some((end, _)) = self.ends.first()
            && *end <= now
            && let Some((_, key)) = self.ends.pop_first()
        {
            ended.extend(self.slots.remove(&key));
        }
        ended
    }
}

impl<T, I> Default for Shelf<T, I> {
    fn default() -> Self {
        Self { slots: HashMap::new(), ends: BTreeSet::new() }
    }
}
