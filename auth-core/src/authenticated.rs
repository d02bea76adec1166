use std::{any::type_name, fmt, ops::Deref};

use http::{Extensions, StatusCode};
use triomphe::UniqueArc;

use crate::{Anonymous, Evidence, Refusal};

/// Proof that a chain has authenticated somebody: the user, and the evidence for it.
///
/// Only a [`Chain`](crate::Chain) makes one. It dereferences to the user, and it is cheap to clone for any user type.
///
/// The middleware puts it into the request's extensions; with the feature `axum`, handlers take it as an argument. Take
/// `Authenticated<U>` or `Option<Authenticated<U>>`: if the layer is missing, both answer 500. Don't take
/// `Result<Authenticated<U>, _>` or `Option<Extension<Authenticated<U>>>`: they hide a missing layer.
pub struct Authenticated<U>(triomphe::Arc<Identity<U>>);

/// A user, and how the user was authenticated. It is in a block that becomes shared when it is sealed. An `Arc` of the standard
/// library cannot be changed before that without a check each time, so it took a second block, and the user was moved a dozen
/// times: 1,600 instructions a request.
pub(crate) struct Identity<U> {
    pub(crate) user: U,
    pub(crate) evidence: Evidence,
}

impl<U> Authenticated<U> {
    pub(crate) fn sealed(identity: UniqueArc<Identity<U>>) -> Self {
        Self(identity.shareable())
    }

    /// Evidence that no chain has checked, for tests of handlers.
    #[cfg(feature = "test-util")]
    pub fn dangerous_unchecked(user: U) -> Self {
        let mut evidence = Evidence::new(crate::Carrier::Header);
        evidence.strategy = Some("dangerous_unchecked".into());
        evidence.authenticated_at = std::time::SystemTime::now();
        Self::sealed(UniqueArc::new(Identity { user, evidence }))
    }

    /// What the innermost layer for this user type has put into the extensions of a request. Use it where no extractor does:
    /// in a plain tower service, or in a layer of your own.
    ///
    /// # Errors
    /// The refusal of the chain, if an optional layer let the request on without a user. 500 `internal_error`, if no layer
    /// of such a chain is around; its [detail](Refusal::with_detail) names the user type for the log.
    pub fn from_extensions(extensions: &Extensions) -> Result<&Self, Refusal>
    where
        U: Send + Sync + 'static,
    {
        extensions.get::<Self>().ok_or_else(|| {
            extensions.get::<Anonymous<U>>().map_or_else(missing_layer::<U>, |nobody| nobody.refusal().clone())
        })
    }

    /// The user.
    #[must_use]
    pub fn user(&self) -> &U {
        &self.0.user
    }

    /// How the user was authenticated.
    #[must_use]
    pub fn evidence(&self) -> &Evidence {
        &self.0.evidence
    }
}

fn missing_layer<U>() -> Refusal {
    let user = type_name::<U>();
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error")
        .with_detail(format!("no `AuthLayer` whose chain gives users of the type `{user}` is around this route"))
}

impl<U> Clone for Authenticated<U> {
    fn clone(&self) -> Self {
        Self(triomphe::Arc::clone(&self.0))
    }
}

impl<U> Deref for Authenticated<U> {
    type Target = U;

    fn deref(&self) -> &U {
        self.user()
    }
}

impl<U> fmt::Debug for Authenticated<U> {
    /// Omits the user: a user record does not belong in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticated").field("evidence", self.evidence()).finish_non_exhaustive()
    }
}
