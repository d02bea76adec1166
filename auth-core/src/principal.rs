use std::{fmt, sync::Arc};

/// The stable identity of a user: who issued it, and the subject within that issuer.
///
/// Two users are the same exactly if both parts are equal.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PrincipalId {
    issuer: String,
    subject: String,
}

impl PrincipalId {
    /// The subject `subject` of the issuer `issuer`. An application with a single user base may leave the issuer empty.
    pub fn new(issuer: impl Into<String>, subject: impl Into<String>) -> Self {
        Self { issuer: issuer.into(), subject: subject.into() }
    }

    /// Who vouches for the subject.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The user within the issuer.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }
}

impl fmt::Debug for PrincipalId {
    /// Redacted: a principal is personal data, and logs are read by many.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrincipalId(<redacted>)")
    }
}

/// A type that can be the user of a chain: it says whether it has an identity of its own.
///
/// ```
/// use auth_core::{Principal, PrincipalId};
///
/// struct User {
///     id: String,
/// }
///
/// impl Principal for User {
///     fn principal_id(&self) -> Option<PrincipalId> {
///         Some(PrincipalId::new("", &self.id))
///     }
/// }
/// ```
///
/// The chain adds this identity to the names that the strategy has verified (issuer and subject of a token, the user
/// name of HTTP Basic), in front of them. The first name counts where two credentials are compared: at a refresh, for the
/// `sid` of Socket.IO, for limits per user. A revocation of a user matches every name.
///
/// `None` is the answer of a type that adds nothing: the names that the strategy has verified count alone. Where it has
/// verified none either, the user is a guest. A guest is equal to nobody, not to another guest either, and no revocation
/// of a user touches one.
///
/// Texts are users without an identity of their own. `bool`, `()`, `Option` and `Result` are not users: `Some(is_right)` is a
/// check whose result was ignored. For a type of another crate, an id or a JSON value, write a type of your own around it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the user of a chain",
    note = "a type of your own implements `Principal`: it gives its stable id, or `None` to rely on what the strategy verified",
    note = "a check that succeeded is not a user: for a `bool` write `is_right.then(|| user)`",
    note = "an `Option` or `Result` is not a user: give `find(..).await` itself, not `Some(find(..).await)`"
)]
pub trait Principal: Send + Sync + 'static {
    /// The identity, the same for the whole life of the account; `None` if the type has none of its own.
    fn principal_id(&self) -> Option<PrincipalId>;
}

impl Principal for str {
    fn principal_id(&self) -> Option<PrincipalId> {
        None
    }
}

impl Principal for String {
    fn principal_id(&self) -> Option<PrincipalId> {
        None
    }
}

impl<P: Principal + ?Sized> Principal for &'static P {
    fn principal_id(&self) -> Option<PrincipalId> {
        (**self).principal_id()
    }
}

impl<P: Principal + ?Sized> Principal for Arc<P> {
    fn principal_id(&self) -> Option<PrincipalId> {
        (**self).principal_id()
    }
}

impl<P: Principal + ?Sized> Principal for Box<P> {
    fn principal_id(&self) -> Option<PrincipalId> {
        (**self).principal_id()
    }
}

/// The user of an `and`: who each side is, its part of the evidence says.
impl<A: Principal, B: Principal> Principal for (A, B) {
    fn principal_id(&self) -> Option<PrincipalId> {
        None
    }
}
