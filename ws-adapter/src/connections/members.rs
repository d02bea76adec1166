use std::{
    collections::{HashMap, hash_map::Entry},
    slice,
    sync::Arc,
};

use super::member::Member;

/// The connections under one key, the oldest first.
///
/// Most keys have one connection. So one connection needs no list, and the list is boxed: a table entry takes 24 bytes
/// instead of 64 with its list.
#[expect(clippy::box_collection, reason = "a `Vec` would make every table entry larger by half")]
pub(super) enum Members {
    One(Arc<Member>),
    Many(Box<Vec<Arc<Member>>>),
}

impl Members {
    pub(super) fn as_slice(&self) -> &[Arc<Member>] {
        match self {
            Self::One(member) => slice::from_ref(member),
            Self::Many(members) => members,
        }
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
                let place = place_of(many, member);
                let was_there = many.get(place).is_some_and(|found| found.order() == member.order());
                if was_there {
                    many.remove(place);
                }
                if many.len() == 1
                    && let Some(last) = many.pop()
                {
                    members.insert(Self::One(last));
                }
                was_there
            }
        }
    }

    fn add(&mut self, member: &Arc<Member>) {
        match self {
            Self::One(one) => {
                let mut both = vec![Arc::clone(one)];
                both.insert(place_of(&both, member), Arc::clone(member));
                *self = Self::Many(Box::new(both));
            }
            Self::Many(many) => many.insert(place_of(many, member), Arc::clone(member)),
        }
    }
}

/// The place in the order in which the connections came. It is found without looking at each.
fn place_of(members: &[Arc<Member>], member: &Member) -> usize {
    members.partition_point(|other| other.order() < member.order())
}
