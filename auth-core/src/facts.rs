//! Names, ids and extras of a credential, which all its requests may share.

use std::{
    any::Any,
    fmt,
    ptr::fn_addr_eq,
    sync::{Arc, OnceLock},
};

use crate::{EndCheck, Extras, Id, IdKind, PrincipalId, SharedStr, few::Few};

// In this order, so that a request reads one place: the names, at the beginning of `Known`.
#[derive(Clone, Default)]
#[repr(C)]
pub(crate) struct Facts {
    /// Comparisons of two users use the first one.
    pub(crate) names: Few<PrincipalId>,
    pub(crate) ids: Few<Id>,
    pub(crate) extras: Extras,
}

/// What a strategy knows of a credential before a request presents it: names, ids and extras. See [`Accept`](crate::Accept) for
/// each.
///
/// A strategy that keeps its credentials, such as the logins of `auth-session`, makes this once for each of them. With
/// [`Accept::of_known`](crate::Accept::of_known), a request then copies a pointer, unless it adds a fact. Clones share it.
///
/// The first name should be the one that the user type gives itself, if it does (see [`Principal`](crate::Principal)). Otherwise the
/// chain adds that name at each request.
///
/// ```
/// use auth_core::{Accept, Carrier, KnownCredential, PrincipalId};
///
/// let known = KnownCredential::new().add_name(PrincipalId::new("", "anna")).credential_id("", "7f3a");
/// // Later, for each request:
/// let accept = Accept::of_known("anna", Carrier::Header, &known);
/// assert_eq!(accept.evidence().credential_id().unwrap().id(), "7f3a");
/// ```
#[derive(Clone, Default)]
pub struct KnownCredential(Arc<Known>);

#[derive(Default)]
#[repr(C)]
struct Known {
    facts: Facts,
    derived: OnceLock<Box<dyn Any + Send + Sync>>,
}

impl Clone for Known {
    /// For a change: what was derived counts no longer.
    fn clone(&self) -> Self {
        Self { facts: self.facts.clone(), derived: OnceLock::new() }
    }
}

impl KnownCredential {
    /// Without names, ids and extras.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// As [`Accept::credential_id`](crate::Accept::credential_id).
    #[must_use]
    pub fn credential_id(self, issuer: impl Into<SharedStr>, id: impl Into<SharedStr>) -> Self {
        self.id(IdKind::Credential, issuer.into(), id.into())
    }

    /// As [`Accept::session_id`](crate::Accept::session_id).
    #[must_use]
    pub fn session_id(self, issuer: impl Into<SharedStr>, id: impl Into<SharedStr>) -> Self {
        self.id(IdKind::Session, issuer.into(), id.into())
    }

    /// As [`Accept::parent`](crate::Accept::parent).
    #[must_use]
    pub fn parent(self, issuer: impl Into<SharedStr>, id: impl Into<SharedStr>) -> Self {
        self.id(IdKind::Parent, issuer.into(), id.into())
    }

    fn id(self, kind: IdKind, issuer: SharedStr, id: SharedStr) -> Self {
        self.change(|facts| facts.ids.add(Id::new(kind, issuer, id)))
    }

    /// As [`Accept::add_name`](crate::Accept::add_name).
    #[must_use]
    pub fn add_name(self, name: PrincipalId) -> Self {
        self.change(|facts| facts.names.add(name))
    }

    /// As [`Accept::extra`](crate::Accept::extra).
    #[must_use]
    pub fn extra<T: Clone + Send + Sync + 'static>(self, extra: T) -> Self {
        self.change(|facts| facts.extras.add(extra))
    }

    fn change(mut self, change: impl FnOnce(&mut Facts)) -> Self {
        let known = Arc::make_mut(&mut self.0);
        known.derived.take();
        change(&mut known.facts);
        self
    }
}

impl fmt::Debug for KnownCredential {
    /// Omits all that it knows: it is personal or secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KnownCredential").finish_non_exhaustive()
    }
}

/// What is asked for the end of a credential, and the extras that its strategy had set then.
pub(crate) type Ending = (Arc<dyn EndCheck>, Extras);

/// The facts of evidence: its own, or those of a credential that is known.
#[derive(Clone)]
pub(crate) enum Held {
    Own(Facts),
    /// The end check is here because a known credential takes less space than own facts. Otherwise the evidence keeps it elsewhere.
    Known(KnownCredential, Option<Arc<dyn EndCheck>>),
}

impl Held {
    pub(crate) fn get(&self) -> &Facts {
        match self {
            Self::Own(facts) => facts,
            Self::Known(KnownCredential(known), _) => &known.facts,
        }
    }

    /// Changes them. Those of a known credential are copied before. Returns the end check that has no place any more.
    #[must_use]
    pub(crate) fn change(&mut self, change: impl FnOnce(&mut Facts)) -> Option<Ending> {
        match self {
            Self::Own(facts) => {
                change(facts);
                None
            }
            Self::Known(KnownCredential(known), end_check) => {
                let mut own = known.facts.clone();
                let ending = end_check.take().map(|check| (check, own.extras.clone()));
                change(&mut own);
                *self = Self::Own(own);
                ending
            }
        }
    }

    pub(crate) fn ending(&self) -> Option<(&Arc<dyn EndCheck>, &Extras)> {
        match self {
            Self::Known(KnownCredential(known), end_check) => {
                end_check.as_ref().map(|check| (check, &known.facts.extras))
            }
            Self::Own(_) => None,
        }
    }

    /// Returns the check if there is no place for it.
    #[must_use]
    pub(crate) fn set_end_check(&mut self, check: Arc<dyn EndCheck>) -> Option<Ending> {
        match self {
            Self::Known(_, end_check) => {
                *end_check = Some(check);
                None
            }
            Self::Own(facts) => Some((check, facts.extras.clone())),
        }
    }

    /// What is derived from names and ids, if there is a place to keep it.
    pub(crate) fn derived<T: Send + Sync + 'static>(&self, derive: Derive<T>) -> Option<&T> {
        let Self::Known(KnownCredential(known), _) = self else { return None };
        let Facts { names, ids, .. } = &known.facts;
        let kept = known.derived.get_or_init(|| Box::new(Derived { value: derive(names, ids), by: derive }));
        let derived = kept.downcast_ref::<Derived<T>>().filter(|derived| fn_addr_eq(derived.by, derive));
        derived.map(|derived| &derived.value)
    }
}

/// A function, and not a closure, so that its result depends on names and ids alone.
pub(crate) type Derive<T> = fn(&[PrincipalId], &[Id]) -> T;

struct Derived<T> {
    value: T,
    by: Derive<T>,
}
