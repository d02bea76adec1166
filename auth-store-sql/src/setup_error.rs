use std::{error::Error, fmt};

use crate::failure::Failure;

/// The tables could not be made, or brought up to date. It repeats neither an address nor a path.
#[derive(Debug)]
pub struct SetupError {
    kind: SetupErrorKind,
    cause: Option<Failure>,
}

/// Why the tables could not be set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SetupErrorKind {
    /// The database is down, locked, full or read-only, or the user may not make tables. The cause says which.
    Unavailable,
    /// A newer version of this crate has changed the tables. This one could do harm to what it does not know.
    NewerTables,
}

impl SetupError {
    pub(crate) fn newer() -> Self {
        Self { kind: SetupErrorKind::NewerTables, cause: None }
    }

    /// Why.
    #[must_use]
    pub fn kind(&self) -> SetupErrorKind {
        self.kind
    }
}

impl From<Failure> for SetupError {
    fn from(cause: Failure) -> Self {
        Self { kind: SetupErrorKind::Unavailable, cause: Some(cause) }
    }
}

impl fmt::Display for SetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            SetupErrorKind::Unavailable => "the tables of tickets, revocations and records cannot be set up",
            SetupErrorKind::NewerTables => {
                "the tables of tickets, revocations and records are of a newer version: use a newer auth-store-sql"
            }
        })
    }
}

impl Error for SetupError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_ref().map(|cause| cause as &(dyn Error + 'static))
    }
}
