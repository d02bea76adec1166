use std::{any::Any, sync::Arc};

use auth_core::{Authenticated, Evidence};

/// The evidence of a user of any type. Clones are one credential.
#[derive(Clone)]
pub(crate) struct Credential(Arc<dyn Erased>);

/// An [`Authenticated`] of any type.
trait Erased: Any + Send + Sync {
    fn evidence(&self) -> &Evidence;
}

impl<U: Send + Sync + 'static> Erased for Authenticated<U> {
    fn evidence(&self) -> &Evidence {
        Self::evidence(self)
    }
}

impl Credential {
    pub(crate) fn of<U: Send + Sync + 'static>(user: &Authenticated<U>) -> Self {
        Self(Arc::new(user.clone()))
    }

    pub(crate) fn evidence(&self) -> &Evidence {
        self.0.evidence()
    }

    /// The user; `None` if it has another type.
    pub(crate) fn user<U: 'static>(&self) -> Option<&Authenticated<U>> {
        let user: &dyn Any = &*self.0;
        user.downcast_ref()
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}
