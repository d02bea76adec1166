use std::fmt;

use crate::Carrier;

/// The place of a credential is there, but its syntax is broken.
///
/// It does not implement [`Error`](std::error::Error) on purpose: `?` in a strategy would make a 503 of the client's mistake. Turn it
/// into an [`Outcome`](crate::Outcome) with `into()`.
#[derive(Clone, Copy, Debug)]
pub struct Malformed {
    carrier: Carrier,
    what: &'static str,
}

impl Malformed {
    /// `what` is a constant for the log, in lower case; it must not hold what the client sent.
    #[must_use]
    pub fn new(carrier: Carrier, what: &'static str) -> Self {
        Self { carrier, what }
    }

    /// The place that is broken.
    #[must_use]
    pub fn carrier(&self) -> Carrier {
        self.carrier
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)
    }
}
