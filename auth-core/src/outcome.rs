use std::{fmt, sync::Arc, time::SystemTime};

use triomphe::UniqueArc;

use crate::{
    AuthRequest, Authenticated, Carrier, Challenge, EndCheck, Evidence, Extras, Id, IdKind, KnownCredential, Principal,
    PrincipalId, Redirect, Rejection, SharedStr, authenticated::Identity, challenge::presented_among,
    extract::Malformed,
};

/// What a strategy says about a request. A failure of the system is an `Err`, never a [`Reject`](Self::Reject).
#[expect(clippy::exhaustive_enums, reason = "these five are the decision table: a sixth must break every match")]
pub enum Outcome<U> {
    /// My credential, and it is good.
    Accept(Accept<U>),
    /// No credential of mine, or another scheme. The chain asks the next strategy.
    Absent,
    /// My kind of credential, but not one of mine: the token of another issuer. The chain asks the next strategy. If no
    /// strategy accepts it, the chain refuses it like a wrong one.
    Unrecognized,
    /// My credential, and it is wrong. The chain stops.
    Reject(Rejection),
    /// The client must go elsewhere first. The chain stops.
    Redirect(Redirect),
}

impl<U> fmt::Debug for Outcome<U> {
    /// Omits the user and the location of a redirect.
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
    /// Rejects a malformed credential: 400 `invalid_request`.
    fn from(malformed: Malformed) -> Self {
        tracing::debug!(what = %malformed, "malformed credential");
        Self::Reject(Rejection::invalid_request())
    }
}

/// A user, and what the strategy knows about the credential. The chain seals it into [`Authenticated`].
///
/// Both are in the memory where [`Authenticated`] keeps them, so an acceptance is cheap to move, and sealing it copies nothing.
pub struct Accept<U>(UniqueArc<Identity<U>>);

impl<U> Accept<U> {
    /// Accepts the user whose credential came by `carrier`.
    pub fn new(user: U, carrier: Carrier) -> Self {
        Self::with_evidence(user, Evidence::new(carrier))
    }

    /// Accepts a credential that was known before the request: with its names, ids and extras. A name, id or extra that
    /// is added is of this request alone, and costs it a copy of all.
    pub fn of_known(user: U, carrier: Carrier, known: &KnownCredential) -> Self {
        Self::with_evidence(user, Evidence::of_known(carrier, known))
    }

    pub(crate) fn with_evidence(user: U, evidence: Evidence) -> Self {
        Self(UniqueArc::new(Identity { user, evidence }))
    }

    /// Sets when the credential ends, exclusive. Sockets close then. Without an end they stay open.
    #[must_use]
    pub fn expires_at(mut self, at: SystemTime) -> Self {
        self.0.evidence.set_end(at);
        self
    }

    /// Says that the [end](Self::expires_at) may move while a connection is open, and what knows the current one. A moved end
    /// never goes beyond one that the application sets for what a chain accepted, as in
    /// [`Chain::and_then`](crate::Chain::and_then). One check may serve all credentials of a strategy: it is asked
    /// with the extras that they have now. Later ones don't count, so set them before.
    #[must_use]
    pub fn end_check(mut self, check: Arc<dyn EndCheck>) -> Self {
        self.0.evidence.set_end_check(check);
        self
    }

    /// Sets when the credential was issued. A revocation of everything up to an instant compares with it.
    ///
    /// Without it, the credential counts as issued when it is checked. That suits a password or an API key, which a user may
    /// send again after a logout.
    #[must_use]
    pub fn issued_at(mut self, at: SystemTime) -> Self {
        self.0.evidence.issued_at = Some(at);
        self
    }

    /// Says that the credential was issued once, like a token, at an unknown time. It counts as issued before any revocation.
    #[must_use]
    pub fn issued_at_unknown_time(mut self) -> Self {
        self.0.evidence.undated = true;
        self
    }

    /// Adds the credential's own id, such as the `jti` of a token, and the issuer that gave it: empty for this service itself.
    /// Never pass the credential itself. Each call adds another.
    #[must_use]
    pub fn credential_id(self, issuer: impl Into<SharedStr>, id: impl Into<SharedStr>) -> Self {
        self.id(IdKind::Credential, issuer.into(), id.into())
    }

    /// Adds the session that the credential belongs to, such as the `sid` of a token, and the issuer that keeps it: empty for
    /// this service itself. Each call adds another.
    #[must_use]
    pub fn session_id(self, issuer: impl Into<SharedStr>, id: impl Into<SharedStr>) -> Self {
        self.id(IdKind::Session, issuer.into(), id.into())
    }

    /// Adds the id of the credential that this one was made from, and the issuer that gave *that* id. A revocation of the
    /// parent revokes this credential too. Each call adds another.
    #[must_use]
    pub fn parent(self, issuer: impl Into<SharedStr>, id: impl Into<SharedStr>) -> Self {
        self.id(IdKind::Parent, issuer.into(), id.into())
    }

    fn id(mut self, kind: IdKind, issuer: SharedStr, id: SharedStr) -> Self {
        self.0.evidence.add_id(Id::new(kind, issuer, id));
        self
    }

    /// Adds a name of the user that the strategy has verified: issuer and subject of a token, a user name. Comparisons of two
    /// users use the first name. Each call adds another, and none is ever overwritten. The name that the user type gives itself
    /// comes before all others: see [`Principal`].
    #[must_use]
    pub fn add_name(mut self, name: PrincipalId) -> Self {
        self.0.evidence.add_name(name);
        self
    }

    /// Adds a typed extra (claims, scopes); a second one of the same type replaces the first.
    #[must_use]
    pub fn extra<T: Clone + Send + Sync + 'static>(mut self, extra: T) -> Self {
        self.0.evidence.change_extras(|extras| extras.add(extra));
        self
    }

    /// Sets all extras at once, such as those of a [`Verdict`](crate::Verdict::into_result). They take the place of earlier ones.
    #[must_use]
    pub fn with_extras(mut self, extras: Extras) -> Self {
        self.0.evidence.change_extras(|all| *all = extras);
        self
    }

    /// The user.
    #[must_use]
    pub fn user(&self) -> &U {
        &self.0.user
    }

    /// What is known so far. The chain adds the strategy's name and the instant later.
    #[must_use]
    pub fn evidence(&self) -> &Evidence {
        &self.0.evidence
    }

    pub(crate) fn evidence_mut(&mut self) -> &mut Evidence {
        &mut self.0.evidence
    }

    pub(crate) fn into_parts(self) -> (U, Evidence) {
        let Identity { user, evidence } = UniqueArc::into_inner(self.0);
        (user, evidence)
    }

    /// The same acceptance with another user value.
    pub fn map_user<V>(self, f: impl FnOnce(U) -> V) -> Accept<V> {
        let (user, evidence) = self.into_parts();
        Accept::with_evidence(f(user), evidence)
    }

    /// Notes the instant, and the strategy with its challenges unless an inner chain has done so.
    pub(crate) fn found_by(
        mut self,
        strategy: &Arc<str>,
        challenges: &Arc<[Challenge]>,
        request: &AuthRequest<'_>,
    ) -> Self
    where
        U: Principal,
    {
        let Identity { user, evidence } = &mut *self.0;
        evidence.strategy.get_or_insert_with(|| Arc::clone(strategy));
        evidence.challenges.get_or_insert_with(|| presented_among(challenges, &request.parts().headers));
        evidence.authenticated_at = request.now();
        if let Some(name) = user.principal_id() {
            evidence.put_name_first(name);
        }
        self
    }

    pub(crate) fn seal(self) -> Authenticated<U> {
        let mut identity = self.0;
        identity.evidence.seal();
        Authenticated::sealed(identity)
    }
}

impl<U> fmt::Debug for Accept<U> {
    /// Omits the user: a user record does not belong in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accept").field("evidence", self.evidence()).finish_non_exhaustive()
    }
}
