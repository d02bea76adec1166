use std::{error::Error, fmt};

use auth_core::{BoxError, Refusal};

/// The store failed: it is down or full. The cause is for the log.
///
/// `Refusal::from` turns it into the answer: 503 with `Retry-After`.
#[derive(Debug)]
pub struct Unavailable(BoxError);

impl Unavailable {
    pub(crate) fn because(cause: BoxError) -> Self {
        Self(cause)
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the store of tickets, revocations, records and counters is unavailable")
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
