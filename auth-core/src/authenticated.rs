use std::{fmt, ops::Deref, sync::Arc};

use crate::Evidence;

/// Evidence that a chain has authenticated somebody: the user, and how it came about.
///
/// Only [`Chain::authenticate`](crate::Chain::authenticate) makes one. It dereferences to the user, and it is cheap to
/// clone, whatever the user type.
///
/// The middleware puts it into the request's extensions; with the feature `axum`, handlers take it as an argument. Take
/// `Authenticated<U>` or `Option<Authenticated<U>>`: under no layer both answer 500. `Result<Authenticated<U>, _>` and
/// `Option<Extension<Authenticated<U>>>` read there as if nobody had come.
pub struct Authenticated<U>(Arc<Sealed<U>>);

struct Sealed<U> {
    user: U,
    evidence: Box<Evidence>,
}

impl<U> Authenticated<U> {
    pub(crate) fn sealed(user: U, evidence: Box<Evidence>) -> Self {
        Self(Arc::new(Sealed { user, evidence }))
    }

    /// Evidence that nobody has checked, for tests of handlers.
    #[cfg(feature = "test-util")]
    pub fn dangerous_unchecked(user: U) -> Self {
        let mut evidence = Evidence::new(crate::Carrier::Header);
        evidence.strategy = Some("dangerous_unchecked".into());
        evidence.authenticated_at = std::time::SystemTime::now();
        Self::sealed(user, Box::new(evidence))
    }

    /// Who was authenticated.
    #[must_use]
    pub fn user(&self) -> &U {
        &self.0.user
    }

    /// How it came about.
    #[must_use]
    pub fn evidence(&self) -> &Evidence {
        &self.0.evidence
    }
}

impl<U> Clone for Authenticated<U> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<U> Deref for Authenticated<U> {
    type Target = U;

    fn deref(&self) -> &U {
        self.user()
    }
}

impl<U> fmt::Debug for Authenticated<U> {
    /// Leaves the user out: a user record does not belong in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticated").field("evidence", self.evidence()).finish_non_exhaustive()
    }
}
