use std::{fmt, ops::Deref, sync::Arc, time::SystemTime};

use http::Extensions;

use crate::{Carrier, Challenge, PrincipalId, Refusal};

/// Evidence that a chain has authenticated somebody: the user, and how it came about.
///
/// Only [`Chain::authenticate`](crate::Chain::authenticate) makes one. It dereferences to the user, and it is cheap to
/// clone, whatever the user type.
///
/// The middleware puts it into the request's extensions; with the feature `axum`, handlers take it as an argument.
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
        let mut evidence = Evidence::new(Carrier::Header);
        evidence.strategy = Some("dangerous_unchecked".into());
        evidence.authenticated_at = SystemTime::now();
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

/// How an authentication came about.
#[derive(Clone)]
pub struct Evidence {
    pub(crate) strategy: Option<Arc<str>>,
    pub(crate) carrier: Carrier,
    pub(crate) authenticated_at: SystemTime,
    pub(crate) expires_at: Option<SystemTime>,
    /// When the credential itself ends, as its strategy has said.
    pub(crate) credential_end: Option<SystemTime>,
    pub(crate) issued_at: Option<SystemTime>,
    pub(crate) credential_id: Option<String>,
    pub(crate) session_id: Option<String>,
    pub(crate) parent: Option<String>,
    pub(crate) principal: Option<PrincipalId>,
    pub(crate) extras: Extensions,
    /// The challenges of the strategy that accepted, for checks that come after it.
    pub(crate) challenges: Option<Arc<[Challenge]>>,
    pub(crate) parts: Vec<Self>,
}

impl Evidence {
    pub(crate) fn new(carrier: Carrier) -> Self {
        Self {
            strategy: None,
            carrier,
            authenticated_at: SystemTime::UNIX_EPOCH,
            expires_at: None,
            credential_end: None,
            issued_at: None,
            credential_id: None,
            session_id: None,
            parent: None,
            principal: None,
            extras: Extensions::new(),
            challenges: None,
            parts: Vec::new(),
        }
    }

    /// Both of an `and`: the earliest expiry and the weakest carrier count, the rest is told by the parts. Two different
    /// principals are none: whoever compares it must not take half of the evidence for the whole.
    pub(crate) fn both(left: Self, right: Self) -> Self {
        let mut both = Self::new(left.carrier.weaker(right.carrier));
        both.strategy = Some(format!("{}+{}", left.strategy(), right.strategy()).into());
        both.expires_at = match (left.expires_at, right.expires_at) {
            (Some(left), Some(right)) => Some(left.min(right)),
            (left, right) => left.or(right),
        };
        both.principal = match (&left.principal, &right.principal) {
            (Some(left), Some(right)) if left != right => None,
            (left, right) => left.as_ref().or(right.as_ref()).cloned(),
        };
        both.parts = vec![left, right];
        both
    }

    /// The name of the strategy that accepted; `a+b` where two had to.
    #[must_use]
    pub fn strategy(&self) -> &str {
        self.strategy.as_deref().unwrap_or_default()
    }

    /// What carried the credential; of several, the weakest.
    #[must_use]
    pub fn carrier(&self) -> Carrier {
        self.carrier
    }

    /// When it was checked.
    #[must_use]
    pub fn authenticated_at(&self) -> SystemTime {
        self.authenticated_at
    }

    /// When the credential ends, exclusive: at that instant it is no longer good. Of several, the earliest.
    #[must_use]
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.expires_at
    }

    /// When the credential was issued.
    #[must_use]
    pub fn issued_at(&self) -> Option<SystemTime> {
        self.issued_at
    }

    /// The instant from which the credential counts where everything up to an instant is revoked: when it was issued, or
    /// else when it was checked.
    #[must_use]
    pub fn counts_from(&self) -> SystemTime {
        self.issued_at.unwrap_or(self.authenticated_at)
    }

    /// The credential's own id, such as the `jti` of a token.
    #[must_use]
    pub fn credential_id(&self) -> Option<&str> {
        self.credential_id.as_deref()
    }

    /// The session that the credential belongs to.
    #[must_use]
    pub fn session_id(&self) -> Option<&str> {
        self.session_id.as_deref()
    }

    /// The id of the credential that this one was made from.
    #[must_use]
    pub fn parent(&self) -> Option<&str> {
        self.parent.as_deref()
    }

    /// The user's stable identity, if the strategy or [`Chain::identified`](crate::Chain::identified) gave one. Of
    /// several evidences, the first that has one: nobody has compared them.
    #[must_use]
    pub fn principal(&self) -> Option<&PrincipalId> {
        self.principal.as_ref()
    }

    /// A typed extra; of several evidences, the first that has one of the type.
    #[must_use]
    pub fn extra<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.extras.get().or_else(|| self.parts.iter().find_map(Self::extra))
    }

    /// The evidences of an `and`, from left to right; empty for a single strategy.
    #[must_use]
    pub fn parts(&self) -> &[Self] {
        &self.parts
    }

    /// Whether the credential is past its end at the instant `now`.
    #[must_use]
    pub fn is_expired_at(&self, now: SystemTime) -> bool {
        self.expires_at.is_some_and(|end| now >= end)
    }
}

impl fmt::Debug for Evidence {
    /// Leaves out ids, principal and extras, which belong to a person or are secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Evidence")
            .field("strategy", &self.strategy())
            .field("carrier", &self.carrier)
            .field("authenticated_at", &self.authenticated_at)
            .field("expires_at", &self.expires_at)
            .field("parts", &self.parts)
            .finish_non_exhaustive()
    }
}

/// What a layer leaves in the extensions where it let a request on with nobody authenticated.
///
/// It tells "nobody is logged in" from "no layer was here", and it holds the refusal that a handler gives which needs
/// a user after all.
#[derive(Debug)]
pub struct Anonymous<U> {
    refusal: Refusal,
    user: std::marker::PhantomData<fn() -> U>,
}

impl<U> Anonymous<U> {
    /// Nobody; `refusal` is what a required layer would have answered.
    #[must_use]
    pub fn new(refusal: Refusal) -> Self {
        Self { refusal, user: std::marker::PhantomData }
    }

    /// What a required layer would have answered.
    #[must_use]
    pub fn refusal(&self) -> &Refusal {
        &self.refusal
    }
}

impl<U> Clone for Anonymous<U> {
    fn clone(&self) -> Self {
        Self::new(self.refusal.clone())
    }
}
