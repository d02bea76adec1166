use std::{collections::HashMap, sync::Arc};

use auth_core::BoxError;

use super::ends::{Ends, FREED_AT_ONCE};

/// Values by key, until they end. `I` is the type of an end. What has ended counts as absent, and is freed a few at a time.
pub(super) struct Shelf<T, I> {
    slots: HashMap<Arc<str>, Slot<T, I>>,
    ends: Ends<I, Arc<str>>,
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
        for _ in 0..FREED_AT_ONCE {
            self.free_one(now);
        }
        // Only after the limit was lowered: what was freed is room enough otherwise.
        while self.slots.len() >= limit && self.free_one(now) {}
        if self.slots.len() >= limit && !self.slots.contains_key(key) {
            return Err("the memory store is full".into());
        }
        self.remove(key);
        let key = Arc::<str>::from(key);
        if let Some(end) = slot.ends_at {
            self.ends.add(end, Arc::clone(&key));
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
            self.ends.remove(end, key);
        }
        Some(slot)
    }

    /// How many it holds, with those that have ended and are not free yet.
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// False if nothing has ended.
    fn free_one(&mut self, now: I) -> bool {
        self.ends.pop_ended(now).and_then(|key| self.slots.remove(&key)).is_some()
    }
}

impl<T, I> Default for Shelf<T, I> {
    fn default() -> Self {
        Self { slots: HashMap::new(), ends: Ends::default() }
    }
}
