use std::{
    mem,
    ops::{Deref, DerefMut},
    slice,
};

/// A list that mostly holds one value, which needs no memory of its own. An open connection keeps several such lists, and a vector
/// takes an allocation for each.
#[derive(Debug, Default)]
#[expect(clippy::box_collection, reason = "a `Vec` would make each list of one small value larger by half")]
pub(crate) enum Few<T> {
    #[default]
    None,
    One(T),
    Many(Box<Vec<T>>),
}

impl<T> Few<T> {
    pub(crate) fn push(&mut self, value: T) {
        *self = match mem::take(self) {
            Self::None => Self::One(value),
            Self::One(first) => Self::Many(Box::new(vec![first, value])),
            Self::Many(mut all) => {
                all.push(value);
                Self::Many(all)
            }
        };
    }

    #[cfg(feature = "axum")]
    pub(crate) fn pop(&mut self) -> Option<T> {
        if let Self::Many(all) = self {
            let last = all.pop();
            self.shrink();
            return last;
        }
        match mem::take(self) {
            Self::One(value) => Some(value),
            _ => None,
        }
    }

    pub(crate) fn retain(&mut self, mut keeps: impl FnMut(&T) -> bool) {
        match self {
            Self::One(value) if !keeps(value) => *self = Self::None,
            Self::None | Self::One(_) => {}
            Self::Many(all) => {
                all.retain(keeps);
                self.shrink();
            }
        }
    }

    /// One value needs no vector.
    fn shrink(&mut self) {
        if let Self::Many(all) = self
            && all.len() <= 1
        {
            *self = all.pop().map_or(Self::None, Self::One);
        }
    }
}

impl<T> FromIterator<T> for Few<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        let mut few = Self::None;
        values.into_iter().for_each(|value| few.push(value));
        few
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

impl<T> DerefMut for Few<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        match self {
            Self::None => &mut [],
            Self::One(value) => slice::from_mut(value),
            Self::Many(all) => all,
        }
    }
}

#[cfg(all(test, feature = "axum"))]
mod tests {
    use super::*;

    #[test]
    fn values_are_in_the_order_in_which_they_were_added() {
        for count in 0..4_usize {
            let mut few: Few<_> = (0..count).collect();
            assert_eq!(*few, *Vec::from_iter(0..count));
            assert_eq!(matches!(few, Few::One(_)), count == 1);
            few.retain(|value| *value > 0);
            assert_eq!(*few, *Vec::from_iter(1..count));
            assert_eq!(matches!(few, Few::One(_)), count == 2);
            assert_eq!(few.pop(), Vec::from_iter(1..count).pop());
            assert_eq!(*few, *Vec::from_iter(1..count.saturating_sub(1)));
            assert_eq!(matches!(few, Few::One(_)), count == 3);
        }
    }
}
