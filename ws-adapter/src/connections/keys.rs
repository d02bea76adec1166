use std::collections::{BTreeMap, HashMap, hash_map::Entry};

use super::member::Seat;

/// Which members are under a key, the oldest first. A key is the hash of something, and a member is its slot: with a pointer to
/// the member and a longer hash, an entry would take 25 bytes instead of 9, and each connection has several.
#[derive(Default)]
pub(super) struct Keys {
    /// Most keys have one member.
    one: HashMap<u32, u32>,
    /// The members of all other keys, by the order in which they came. A tree removes one in log N steps; a vector would move all
    /// later ones.
    many: HashMap<u32, BTreeMap<u64, u32>>,
}

impl Keys {
    pub(super) fn len(&self) -> usize {
        self.one.len() + self.many.len()
    }

    pub(super) fn slots(&self, key: u32) -> impl Iterator<Item = u32> {
        let many = self.many.get(&key).into_iter().flat_map(BTreeMap::values);
        self.one.get(&key).into_iter().chain(many).copied()
    }

    /// Adds a member. `seat_of` knows the members that are under the key already.
    pub(super) fn add(&mut self, key: u32, seat: Seat, seat_of: impl FnOnce(u32) -> Option<Seat>) {
        if let Some(many) = self.many.get_mut(&key) {
            many.insert(seat.order, seat.slot);
            return;
        }
        match self.one.entry(key) {
            Entry::Vacant(place) => drop(place.insert(seat.slot)),
            Entry::Occupied(one) => {
                let both = seat_of(one.remove()).into_iter().chain([seat]).map(|seat| (seat.order, seat.slot));
                self.many.insert(key, both.collect());
            }
        }
    }

    pub(super) fn remove(&mut self, key: u32, seat: Seat) {
        if let Entry::Occupied(mut many) = self.many.entry(key) {
            many.get_mut().remove(&seat.order);
            if many.get().len() == 1 {
                self.one.extend(many.remove().into_values().map(|last| (key, last)));
            }
        } else if self.one.get(&key) == Some(&seat.slot) {
            self.one.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_of_a_key_are_in_the_order_in_which_they_came() {
        // Slots are used again, so they say nothing about the order.
        let seats: Vec<_> = [(1, 7), (2, 3), (3, 9), (4, 0)].map(|(order, slot)| Seat { order, slot }).into();
        for removed in &seats {
            let mut keys = Keys::default();
            let mut left = Vec::new();
            for seat in &seats {
                keys.add(5, *seat, |slot| seats.iter().find(|seat| seat.slot == slot).copied());
                left.push(seat.slot);
                assert_eq!(keys.slots(5).collect::<Vec<_>>(), left);
            }
            keys.remove(6, *removed);
            keys.remove(5, *removed);
            keys.remove(5, *removed);
            left.retain(|slot| *slot != removed.slot);
            assert_eq!(keys.slots(5).collect::<Vec<_>>(), left);
            seats.iter().for_each(|seat| keys.remove(5, *seat));
            assert_eq!((keys.len(), keys.slots(5).count()), (0, 0));
        }
    }
}
