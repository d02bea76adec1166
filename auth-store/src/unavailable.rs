use std::{error::Error, fmt};

use auth_core::{BoxError, Refusal};

/// The store did not do what it was asked, since it is away or full. The cause is for the log.
///
/// `Refusal::from` makes the answer of it: 503 with `Retry-After`.
#[derive(Debug)]
pub struct Unavailable(BoxError);

impl Unavailable {
    pub(crate) fn because(cause: BoxError) -> Self {
        Self(cause)
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the store of tickets and revocations is unavailable")
    }
}

impl Error for Unavailable {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0)
    }
}

impl From<Unavailable> for Refusal {
    fn from(unavailable: Unavailable) -> Self {
        Self::unavailable(unavailable)
    }
}
