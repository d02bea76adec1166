use std::{fmt, sync::Arc};

/// The scopes of a credential (RFC 6749, 3.3), as a typed extra of its [`Evidence`](crate::Evidence).
///
/// Scopes are case-sensitive. A strategy for tokens adds them. A verify callback may add its own with
/// [`Verdict::with_extra`](crate::Verdict::with_extra); they replace the token's.
///
/// ```
/// use auth_core::Scopes;
///
/// let scopes = Scopes::parse("chat:read chat:write");
/// assert!(scopes.contains("chat:write"));
/// assert!(!scopes.contains("chat"));
/// ```
///
/// `Debug` shows only their number.
#[derive(Clone, PartialEq, Eq)]
pub struct Scopes(Arc<str>);

impl Scopes {
    /// Reads a list of scopes, separated by spaces. An empty text holds none.
    #[must_use]
    pub fn parse(list: &str) -> Self {
        Self(list.into())
    }

    /// The scopes, as written.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.split(' ').filter(|scope| !scope.is_empty())
    }

    /// Whether the scope is in the list.
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
