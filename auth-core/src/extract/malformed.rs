use std::fmt;

use crate::Carrier;

/// The place of a credential is there, but its syntax is broken.
///
/// It deliberately does not implement [`Error`](std::error::Error): `?` in a strategy would turn the client's mistake into a
/// 503. Turn it into an [`Outcome`](crate::Outcome) with `into()`: 400 `invalid_request`.
#[derive(Clone, Copy, Debug)]
pub struct Malformed {
    carrier: Carrier,
    what: &'static str,
}

impl Malformed {
    /// `what` is a constant for the log, in lower case; it must not hold what the client sent.
    #[must_use]
    #[cold]
    pub fn new(carrier: Carrier, what: &'static str) -> Self {
        Self { carrier, what }
    }

    /// The carrier whose syntax is broken.
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
