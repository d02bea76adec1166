use std::fmt;

/// An id of a credential, with the issuer that gave it: what a revocation names.
///
/// It is not secret, but personal: `Debug` shows only its kind.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Id {
    kind: IdKind,
    issuer: String,
    id: String,
}

/// What an [`Id`] is the id of.
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
    pub(crate) fn new(kind: IdKind, issuer: String, id: String) -> Self {
        Self { kind, issuer, id }
    }

    /// What it is the id of.
    #[must_use]
    pub fn kind(&self) -> IdKind {
        self.kind
    }

    /// Who gave it; empty for a service that has no name. Two issuers may give the same id.
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
