use std::{any::Any, fmt, iter, sync::Arc};

use crate::Scopes;

/// Typed extras of an acceptance, such as claims: at most one of each type. A clone copies none of them.
///
/// [`Verdict::into_result`](crate::Verdict::into_result) returns those of a verify callback.
#[derive(Clone, Default)]
pub struct Extras {
    /// It has a place of its own, since most tokens have scopes, and they are shared already.
    scopes: Option<Scopes>,
    last: Option<Arc<Extra>>,
}

/// One extra, and those that were added before it. There are few, so a list in which each takes one allocation is smaller and
/// faster than a map, which takes three for the first.
struct Extra<T: ?Sized = dyn Any + Send + Sync> {
    before: Option<Arc<Extra>>,
    value: T,
}

impl Extras {
    /// The extra of this type.
    #[must_use]
    pub fn get<T: Send + Sync + 'static>(&self) -> Option<&T> {
        let scopes = self.scopes.as_ref().and_then(|scopes| (scopes as &dyn Any).downcast_ref());
        scopes.or_else(|| self.others().find_map(<dyn Any + Send + Sync>::downcast_ref))
    }

    /// Adds an extra. It takes the place of an earlier one of its type.
    pub(crate) fn add<T: Clone + Send + Sync + 'static>(&mut self, extra: T) {
        let mut extra = Some(extra);
        if let Some(scopes) = (&mut extra as &mut dyn Any).downcast_mut::<Option<Scopes>>() {
            self.scopes = scopes.take();
        } else if let Some(value) = extra {
            remove::<T>(&mut self.last);
            let before = self.last.take();
            self.last = Some(Arc::new(Extra { before, value }));
        }
    }

    /// Those without a place of their own, the last one first.
    fn others(&self) -> impl Iterator<Item = &(dyn Any + Send + Sync)> {
        iter::successors(self.last.as_deref(), |extra| extra.before.as_deref()).map(|extra| &extra.value)
    }
}

/// Removes the extra of this type. If the list is shared with a clone, the extra stays there, hidden by the new one.
fn remove<T: 'static>(list: &mut Option<Arc<Extra>>) {
    let Some(extra) = list.as_mut().and_then(Arc::get_mut) else { return };
    if extra.value.is::<T>() {
        let before = extra.before.take();
        *list = before;
    } else {
        remove::<T>(&mut extra.before);
    }
}

impl fmt::Debug for Extras {
    /// Omits the extras, which are personal or secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Extras(<redacted>)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug, PartialEq)]
    struct Role(&'static str);

    fn extras() -> Extras {
        let mut extras = Extras::default();
        extras.add(Role("admin"));
        extras.add(Scopes::parse("chat"));
        extras.add(7_u8);
        extras
    }

    #[test]
    fn each_type_has_one_extra() {
        let mut extras = extras();
        assert_eq!((extras.get(), extras.get::<u8>()), (Some(&Role("admin")), Some(&7)));
        assert_eq!(extras.get(), Some(&Scopes::parse("chat")));
        assert_eq!(extras.get::<u16>(), None);

        extras.add(Role("guest"));
        extras.add(Scopes::parse("none"));
        assert_eq!((extras.get(), extras.get::<u8>()), (Some(&Role("guest")), Some(&7)));
        assert_eq!(extras.get(), Some(&Scopes::parse("none")));
    }

    #[test]
    fn replaced_extra_is_dropped() {
        let kept = Arc::new("secret");
        let mut extras = Extras::default();
        extras.add(Arc::clone(&kept));
        extras.add(7_u8);
        extras.add(Arc::new("another"));
        assert_eq!(Arc::strong_count(&kept), 1);
        assert_eq!((extras.get(), extras.get::<u8>()), (Some(&Arc::new("another")), Some(&7)));
    }

    #[test]
    fn clone_is_not_changed_with_the_original() {
        let mut original = extras();
        let copy = original.clone();
        original.add(Role("guest"));
        assert_eq!(copy.get(), Some(&Role("admin")));
    }

    #[test]
    fn debug_shows_no_extra() {
        assert_eq!(format!("{:?}", extras()), "Extras(<redacted>)");
    }
}
