use std::fmt;

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

/// A user type that knows its own stable identity.
///
/// [`Chain::identified`](crate::Chain::identified) writes it into the evidence, where refresh, session binding and
/// revocation compare it. A chain without sockets does not need it.
pub trait Principal {
    /// The identity, the same for the whole life of the account.
    fn principal_id(&self) -> PrincipalId;
}
