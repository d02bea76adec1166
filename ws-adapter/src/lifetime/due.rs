use std::time::SystemTime;

use auth_core::Refusal;
use http::StatusCode;

use crate::Close;

/// What is due.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Due {
    /// It has ended, for this reason. Each later question gets the same answer.
    End(Close),
    /// Its credential ends soon, at this time.
    Notice(SystemTime),
    /// The peer was silent for the ping interval: send a ping.
    Ping,
    /// Check whether anybody is there.
    Look,
    /// The credential in this slot ends soon or ends now, as far as known. Ask [`Evidence::current_end`](auth_core::Evidence::current_end) of
    /// its evidence with [`Lifetime::used_at`](super::Lifetime::used_at), and pass the answer to [`Lifetime::moved`](super::Lifetime::moved). Don't wait for it: other things may be due.
    Ask {
        /// The slot.
        slot: u64,
    },
}

/// Why a refresh cannot begin, or not succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotNow {
    /// The connection has ended, or the slot is empty.
    Ended,
    /// Another refresh of the slot is in progress.
    InProgress,
}

impl NotNow {
    /// 409 `ended` or `in_progress`.
    #[must_use]
    pub fn refusal(self) -> Refusal {
        let (code, detail) = match self {
            Self::Ended => ("ended", "the connection has ended"),
            Self::InProgress => ("in_progress", "another refresh is in progress"),
        };
        Refusal::new(StatusCode::CONFLICT, code).with_detail(detail)
    }
}
