use std::fmt;

use auth_core::Refusal;
use http::StatusCode;

/// What happens to one connection more than a user may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Overflow {
    /// It is refused: 429 `too_many_connections`.
    RejectNew,
    /// It is let in, and the user's oldest is closed: 4409 `superseded`.
    CloseOldest,
}

/// The limit that is reached, and how much it allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TooMany {
    OfUser(usize),
    Pending(usize),
    PendingOfPrefix { bits: u8, max: usize },
    PendingOfUnknown(usize),
    KeptOfUser(usize),
}

impl TooMany {
    /// 429, with the limit for the log.
    pub(crate) fn refusal(self) -> Refusal {
        Refusal::new(StatusCode::TOO_MANY_REQUESTS, "too_many_connections").with_detail(self.to_string())
    }
}

impl fmt::Display for TooMany {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OfUser(max) => write!(f, "the user has {max} connections, and may have no more"),
            Self::Pending(max) => write!(f, "the limit of {max} connections without a credential is reached"),
            Self::PendingOfPrefix { bits, max } => {
                write!(f, "the limit of {max} connections without a credential is reached by the client's /{bits}")
            }
            Self::PendingOfUnknown(max) => {
                write!(
                    f,
                    "the limit of {max} connections without a credential is reached by clients of unknown address"
                )
            }
            Self::KeptOfUser(max) => {
                write!(f, "the user has {max} transports that are in no namespace, or have ended and cost memory")
            }
        }
    }
}

/// The limits of a registry.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) per_user: Option<(usize, Overflow)>,
    pub(super) pending: PendingLimits,
}

/// How many connections without a credential there may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct PendingLimits {
    pub(super) all: usize,
    pub(super) per_address: usize,
}
