use std::{mem, ops::Deref, slice};

/// A list of nearly always one value, which is kept without memory of its own: a credential has one name and one id, and an
/// open connection keeps both. A vector takes an allocation for each.
#[derive(Clone, Default)]
pub(crate) enum Few<T> {
    #[default]
    None,
    One(T),
    Many(Vec<T>),
}

impl<T: PartialEq> Few<T> {
    /// Adds a value after the others, unless it is there.
    pub(crate) fn add(&mut self, value: T) {
        if self.contains(&value) {
            return;
        }
        *self = match mem::replace(self, Self::None) {
            Self::None => Self::One(value),
            Self::One(first) => Self::Many(vec![first, value]),
            Self::Many(mut all) => {
                all.push(value);
                Self::Many(all)
            }
        };
    }

    /// Puts a value before the others. If it was there, it moves.
    pub(crate) fn put_first(&mut self, value: T) {
        *self = match mem::replace(self, Self::None) {
            Self::None => Self::One(value),
            Self::One(other) if other == value => Self::One(value),
            Self::One(other) => Self::Many(vec![value, other]),
            Self::Many(mut all) => {
                all.retain(|other| *other != value);
                all.insert(0, value);
                Self::Many(all)
            }
        };
    }
}

impl<T> Deref for Few<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match self {
            Self::None => &[],
            Self::One(value) => slice::from_ref(value),
            Self::Many(all) => all,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_in_the_order_in_which_they_were_added_each_once() {
        let mut few = Few::None;
        for (value, all) in [(1, &[1][..]), (1, &[1]), (2, &[1, 2]), (3, &[1, 2, 3]), (2, &[1, 2, 3])] {
            few.add(value);
            assert_eq!(*few, *all);
        }
    }

    #[test]
    fn value_that_is_put_first_is_there_once() {
        let mut few = Few::None;
        for (value, all) in [(1, &[1][..]), (1, &[1]), (2, &[2, 1]), (1, &[1, 2]), (3, &[3, 1, 2])] {
            few.put_first(value);
            assert_eq!(*few, *all);
        }
    }
}
