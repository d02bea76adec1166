use std::{fmt, sync::Arc, time::SystemTime};

use http::Extensions;

use crate::{
    AuthRequest, Authenticated, Carrier, Challenge, Evidence, Id, IdKind, Principal, PrincipalId, Redirect, Rejection,
    challenge::presented_among, extract::Malformed,
};

/// What a strategy says of a request. A failure of the system is an `Err` beside it, never a [`Reject`](Self::Reject).
#[expect(clippy::exhaustive_enums, reason = "these five are the decision table: a sixth must break every match")]
pub enum Outcome<U> {
    /// My credential, and good.
    Accept(Accept<U>),
    /// No credential for me here, or another scheme. The chain asks the next strategy.
    Absent,
    /// My kind of credential, but somebody else's: the token of another issuer. The chain asks the next strategy, and
    /// if nobody vouches for it, refuses as for a wrong one.
    Unrecognized,
    /// My credential, and wrong. The chain stops.
    Reject(Rejection),
    /// The client has to go elsewhere first. The chain stops.
    Redirect(Redirect),
}

impl<U> fmt::Debug for Outcome<U> {
    /// Leaves the user and the place of a redirect out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accept(accept) => f.debug_tuple("Accept").field(accept).finish(),
            Self::Absent => f.write_str("Absent"),
            Self::Unrecognized => f.write_str("Unrecognized"),
            Self::Reject(rejection) => f.debug_tuple("Reject").field(rejection).finish(),
            Self::Redirect(redirect) => f.debug_tuple("Redirect").field(&redirect.status()).finish(),
        }
    }
}

impl<U> From<Malformed> for Outcome<U> {
    /// A broken place is a request that is refused with 400.
    fn from(malformed: Malformed) -> Self {
        tracing::debug!(what = %malformed, "malformed credential");
        Self::Reject(Rejection::invalid_request())
    }
}

/// A user, with what the strategy found out about the credential. The chain seals it into [`Authenticated`].
pub struct Accept<U> {
    pub(crate) user: U,
    /// Boxed, since it goes through many hands on the way to the seal.
    pub(crate) evidence: Box<Evidence>,
}

impl<U> Accept<U> {
    /// The user whom the credential in `carrier` stands for.
    pub fn new(user: U, carrier: Carrier) -> Self {
        Self { user, evidence: Box::new(Evidence::new(carrier)) }
    }

    /// When the credential ends. Sockets close then; without it they stay open.
    #[must_use]
    pub fn expires_at(mut self, at: SystemTime) -> Self {
        self.evidence.expires_at = Some(at);
        self
    }

    /// When the credential was issued. Without it, it counts from when it is checked where everything of a user up to an
    /// instant is revoked: right for a password or an API key, which a user may bring again after a log-out.
    #[must_use]
    pub fn issued_at(mut self, at: SystemTime) -> Self {
        self.evidence.issued_at = Some(at);
        self
    }

    /// The credential was issued once, like a token, and does not say when. It then counts as issued before everything that
    /// is revoked.
    #[must_use]
    pub fn issued_at_unknown_time(mut self) -> Self {
        self.evidence.undated = true;
        self
    }

    /// The credential's own id, such as the `jti` of a token, and the issuer that gave it: empty for this service itself.
    /// Never the credential itself. Called again, it adds another.
    #[must_use]
    pub fn credential_id(self, issuer: impl Into<String>, id: impl Into<String>) -> Self {
        self.id(IdKind::Credential, issuer.into(), id.into())
    }

    /// The session that the credential belongs to, such as the `sid` of a token, and the issuer that keeps it. Called again,
    /// it adds another.
    #[must_use]
    pub fn session_id(self, issuer: impl Into<String>, id: impl Into<String>) -> Self {
        self.id(IdKind::Session, issuer.into(), id.into())
    }

    /// The id of the credential that this one was made from, and the issuer that gave *that*. A revocation of the parent
    /// revokes this one. Called again, it adds another.
    #[must_use]
    pub fn parent(self, issuer: impl Into<String>, id: impl Into<String>) -> Self {
        self.id(IdKind::Parent, issuer.into(), id.into())
    }

    fn id(mut self, kind: IdKind, issuer: String, id: String) -> Self {
        self.evidence.add_id(Id::new(kind, issuer, id));
        self
    }

    /// Adds a name of the user, as the strategy has verified it: issuer and subject of a token, a user name. The first one
    /// counts where two users are compared; none is ever overwritten. What the user type says of itself comes in front of
    /// all: see [`Principal`].
    #[must_use]
    pub fn add_name(mut self, name: PrincipalId) -> Self {
        self.evidence.add_name(name);
        self
    }

    /// Adds a typed extra (claims, scopes); a second one of the same type replaces the first.
    #[must_use]
    pub fn extra<T: Clone + Send + Sync + 'static>(mut self, extra: T) -> Self {
        self.evidence.extras.insert(extra);
        self
    }

    pub(crate) fn with_extras(mut self, extras: Extensions) -> Self {
        self.evidence.extras.extend(extras);
        self
    }

    /// The user.
    #[must_use]
    pub fn user(&self) -> &U {
        &self.user
    }

    /// What is known so far. Name and instant are the chain's to say: both are missing before it has seen the acceptance.
    #[must_use]
    pub fn evidence(&self) -> &Evidence {
        &self.evidence
    }

    /// The same acceptance of another user value.
    pub fn map_user<V>(self, f: impl FnOnce(U) -> V) -> Accept<V> {
        Accept { user: f(self.user), evidence: self.evidence }
    }

    /// Notes the instant, and the strategy with its challenges unless a chain further in has done so.
    pub(crate) fn found_by(
        mut self,
        strategy: &Arc<str>,
        challenges: &Arc<[Challenge]>,
        request: &AuthRequest<'_>,
    ) -> Self
    where
        U: Principal,
    {
        let evidence = &mut *self.evidence;
        if evidence.strategy.is_none() {
            // What is said of the end from here on is the application's, and shortens no credential.
            evidence.credential_end = evidence.expires_at;
        }
        evidence.strategy.get_or_insert_with(|| Arc::clone(strategy));
        evidence.challenges.get_or_insert_with(|| presented_among(challenges, &request.parts().headers));
        evidence.authenticated_at = request.now();
        if let Some(name) = self.user.principal_id() {
            evidence.put_name_first(name);
        }
        self
    }

    pub(crate) fn seal(self) -> Authenticated<U> {
        Authenticated::sealed(self.user, self.evidence)
    }
}

impl<U> fmt::Debug for Accept<U> {
    /// Leaves the user out: a user record does not belong in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accept").field("evidence", &self.evidence).finish_non_exhaustive()
    }
}
