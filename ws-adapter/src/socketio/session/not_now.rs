use std::fmt;

use auth_core::Refusal;

use crate::{connections::TooMany, lifetime};

/// Why something cannot be done with a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::socketio) enum NotNow {
    /// It has ended, or the namespace was left.
    Ended,
    /// The namespace's credential is just being looked at.
    InProgress,
    /// Its user has as many connections as may be.
    TooMany(TooMany),
}

impl NotNow {
    /// The answer to the request that opens a transport.
    pub(in crate::socketio) fn refusal(self) -> Refusal {
        match self {
            Self::TooMany(too_many) => too_many.refusal(),
            Self::Ended | Self::InProgress => Refusal::unavailable("the transport has ended"),
        }
    }
}

impl fmt::Display for NotNow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended => f.write_str("the transport has ended"),
            Self::InProgress => f.write_str("another credential is being looked at"),
            Self::TooMany(too_many) => too_many.fmt(f),
        }
    }
}

impl From<lifetime::NotNow> for NotNow {
    fn from(not_now: lifetime::NotNow) -> Self {
        match not_now {
            lifetime::NotNow::Ended => Self::Ended,
            lifetime::NotNow::InProgress => Self::InProgress,
        }
    }
}
