use std::{error::Error, fmt, time::Duration};

use auth_core::Refusal;
use http::StatusCode;

use crate::Unavailable;

/// Why a guess is not checked. `Refusal::from` turns it into the answer, which is the same for names that exist and names that don't.
#[derive(Debug)]
#[non_exhaustive]
pub enum Throttled {
    /// Too many failures: 429 `too_many_attempts`, with `Retry-After`.
    TooMany {
        /// How long to wait until the counter that has refused may have a place. Another one may refuse then.
        retry_after: Duration,
        /// The kind of the counter, for the log: `account`, `pair`, `device`, `devices`, `address-32`, `address-64`, `address-56`,
        /// `address-48`, or `address-none`.
        counter: &'static str,
    },
    /// The store is down: 503. Nobody may guess unlimited.
    Unavailable(Unavailable),
}

impl Throttled {
    /// Whether a try after this time may find a place.
    pub(super) fn is_over_within(&self, span: Duration) -> bool {
        matches!(self, Self::TooMany { retry_after, .. } if *retry_after <= span)
    }

    /// The one of two refusals that is over first; an outage in any case.
    pub(super) fn or_sooner(self, other: Self) -> Self {
        match (&self, &other) {
            (Self::TooMany { retry_after: own, .. }, Self::TooMany { retry_after, .. }) if own <= retry_after => self,
            _ => other,
        }
    }
}

impl fmt::Display for Throttled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMany { counter, .. } => write!(f, "too many failures, counted by {counter}"),
            Self::Unavailable(_) => f.write_str("failures cannot be counted"),
        }
    }
}

impl Error for Throttled {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::TooMany { .. } => None,
            Self::Unavailable(unavailable) => Some(unavailable),
        }
    }
}

impl From<Throttled> for Refusal {
    fn from(throttled: Throttled) -> Self {
        match throttled {
            Throttled::TooMany { retry_after, .. } => {
                let detail = throttled.to_string();
                let refusal = Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_attempts");
                refusal.with_retry_after(retry_after).with_detail(detail)
            }
            Throttled::Unavailable(unavailable) => unavailable.into(),
        }
    }
}
