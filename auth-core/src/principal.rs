use std::{fmt, sync::Arc};

use crate::SharedStr;

/// The stable identity of a user: who issued it, and the subject within that issuer.
///
/// Two users are the same if, and only if, both parts are equal.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PrincipalId {
    issuer: SharedStr,
    subject: SharedStr,
}

impl PrincipalId {
    /// The subject `subject` of the issuer `issuer`. An application with a single user base may leave the issuer empty.
    pub fn new(issuer: impl Into<SharedStr>, subject: impl Into<SharedStr>) -> Self {
        Self { issuer: issuer.into(), subject: subject.into() }
    }

    /// The issuer of the subject.
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

/// A type that can be the user of a chain. It says whether it has an identity of its own.
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
/// The chain puts this identity in front of the names that the strategy has verified: issuer and subject of a token, the user
/// name of HTTP Basic. Comparisons of two credentials use the first name: at a refresh, for the `sid` of Socket.IO, for limits
/// per user. A revocation of a user matches every name.
///
/// `None` means that the type adds nothing: only the names that the strategy has verified count. If there are none either,
/// the user is a guest. A guest is never the same user as anybody, not even another guest, and no revocation of a user covers
/// a guest.
///
/// Texts are users without an identity of their own. `bool`, `()`, `Option` and `Result` are not users: `Some(is_right)` would
/// ignore the result of the check. For a type of another crate, an id or a JSON value, write a wrapper type.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the user of a chain",
    note = "implement `Principal` for a type of your own: return its stable id, or `None` to rely on what the strategy verified",
    note = "a check that succeeded is not a user: for a `bool` write `is_right.then(|| user)`",
    note = "an `Option` or `Result` is not a user: return `find(..).await` itself, not `Some(find(..).await)`"
)]
pub trait Principal: Send + Sync + 'static {
    /// The identity, which never changes during the life of the account; `None` if the type has none of its own.
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

/// The user of an `and`. Each part of the evidence names the user of its side.
impl<A: Principal, B: Principal> Principal for (A, B) {
    fn principal_id(&self) -> Option<PrincipalId> {
        None
    }
}
