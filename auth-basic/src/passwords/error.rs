use std::{error::Error, fmt};

/// Why a password could not be checked: a failure of the system, never a wrong password.
///
/// Return it from the verify callback as `Err`: the client reads 503.
#[derive(Debug)]
pub struct PasswordError {
    kind: PasswordErrorKind,
    what: &'static str,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// The kinds of [`PasswordError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PasswordErrorKind {
    /// No turn in time: there are more logins than the machine can check.
    Busy,
    /// The stored hash is not an argon2 hash, or needs far more work than the reference.
    UnusableHash,
    /// The work itself failed: no memory, no randomness, no runtime, a panic.
    Failed,
}

impl PasswordError {
    pub(super) fn new(kind: PasswordErrorKind, what: &'static str) -> Self {
        Self { kind, what, source: None }
    }

    pub(super) fn caused_by(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The kind.
    #[must_use]
    pub fn kind(&self) -> PasswordErrorKind {
        self.kind
    }
}

impl fmt::Display for PasswordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)
    }
}

impl Error for PasswordError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}
