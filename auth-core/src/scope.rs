use std::{fmt, sync::Arc};

/// The scopes of a credential (RFC 6749, 3.3), as a typed extra of its [`Evidence`](crate::Evidence).
///
/// Scopes are compared exactly, in the case that they are written in. A strategy for tokens adds them; a verify callback
/// may add its own with [`Verdict::with_extra`](crate::Verdict::with_extra), and they count in the place of the token's.
///
/// ```
/// use auth_core::Scopes;
///
/// let scopes = Scopes::parse("chat:read chat:write");
/// assert!(scopes.contains("chat:write"));
/// assert!(!scopes.contains("chat"));
/// ```
///
/// `Debug` shows their number only.
#[derive(Clone, PartialEq, Eq)]
pub struct Scopes(Arc<str>);

impl Scopes {
    /// The scopes in a list that blanks separate; an empty text holds none.
    #[must_use]
    pub fn parse(list: &str) -> Self {
        Self(list.into())
    }

    /// The scopes, as they are written.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.split(' ').filter(|scope| !scope.is_empty())
    }

    /// Whether this one is among them.
    #[must_use]
    pub fn contains(&self, scope: &str) -> bool {
        self.iter().any(|own| own == scope)
    }
}

impl fmt::Debug for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scopes({})", self.iter().count())
    }
}
