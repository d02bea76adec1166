use std::{
    collections::{BTreeMap, HashMap, hash_map::Entry},
    sync::Arc,
};

use super::member::Member;

/// The connections under one key, the oldest first.
///
/// Most keys have one connection. So one connection needs no map, and the map is boxed: a table entry takes 24 bytes instead
/// of 32. With many, each comes and goes without a step for each of the others; a vector would move all that are younger.
pub(super) enum Members {
    One(Arc<Member>),
    /// By the order in which they came.
    Many(Box<BTreeMap<u64, Arc<Member>>>),
}

impl Members {
    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<Member>> {
        let (one, many) = match self {
            Self::One(member) => (Some(member), None),
            Self::Many(members) => (None, Some(members.values())),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }

    pub(super) fn add_to(table: &mut HashMap<u64, Self>, key: u64, member: &Arc<Member>) {
        match table.entry(key) {
            Entry::Occupied(mut members) => members.get_mut().add(member),
            Entry::Vacant(place) => drop(place.insert(Self::One(Arc::clone(member)))),
        }
    }

    /// Returns whether the member was there. Removes the key with its last member.
    pub(super) fn remove_from(table: &mut HashMap<u64, Self>, key: u64, member: &Member) -> bool {
        let Entry::Occupied(mut members) = table.entry(key) else {
            return false;
        };
        match members.get_mut() {
            Self::One(one) if one.order() == member.order() => {
                members.remove();
                true
            }
            Self::One(_) => false,
            Self::Many(many) => {
                let was_there = many.remove(&member.order()).is_some();
                if many.len() == 1
                    && let Some((_, last)) = many.pop_first()
                {
                    members.insert(Self::One(last));
                }
                was_there
            }
        }
    }

    fn add(&mut self, member: &Arc<Member>) {
        let entry = |member: &Arc<Member>| (member.order(), Arc::clone(member));
        match self {
            Self::One(one) => *self = Self::Many(Box::new([entry(one), entry(member)].into())),
            Self::Many(many) => many.extend([entry(member)]),
        }
    }
}
