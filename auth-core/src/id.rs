use std::fmt;

use crate::SharedStr;

/// An id of a credential, and the issuer that gave it. Revocations name credentials by it.
///
/// It is personal data, but not secret: `Debug` shows only its kind.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Id {
    kind: IdKind,
    issuer: SharedStr,
    id: SharedStr,
}

/// What an [`Id`] identifies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum IdKind {
    /// The credential itself: the `jti` of a token, the public id of a ticket.
    Credential,
    /// A credential that this one was made from.
    Parent,
    /// The session that the credential belongs to, such as the `sid` of a token.
    Session,
}

impl Id {
    pub(crate) fn new(kind: IdKind, issuer: SharedStr, id: SharedStr) -> Self {
        Self { kind, issuer, id }
    }

    /// What it identifies.
    #[must_use]
    pub fn kind(&self) -> IdKind {
        self.kind
    }

    /// The issuer; empty for this service itself. Two issuers may give the same id.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The id within the issuer.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Id({:?}, <redacted>)", self.kind)
    }
}
