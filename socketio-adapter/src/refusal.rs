use std::fmt;

use auth_core::{Refusal, RefusalKind};
use http::StatusCode;

/// Why a `CONNECT` or a refresh is refused. It displays as the `message` of `connect_error`.
#[derive(Clone, Debug)]
pub(super) enum NotAdmitted {
    /// There was no credential, and no chain was asked.
    Missing,
    Refused(Refusal),
}

impl NotAdmitted {
    /// The code as an HTTP answer would have it.
    pub(super) fn code(&self) -> &'static str {
        self.read().1
    }

    /// Whether it counts as a wrong credential.
    pub(super) fn is_wrong(&self) -> bool {
        match self {
            Self::Missing => false,
            Self::Refused(refusal) => refusal.is_wrong_credential(),
        }
    }

    /// Whether the client should present a credential, or another one; and the code.
    fn read(&self) -> (bool, &'static str) {
        let Self::Refused(refusal) = self else {
            return (true, "missing_credentials");
        };
        match (refusal.kind(), refusal.status()) {
            (RefusalKind::Missing | RefusalKind::Redirect, _) => (true, "missing_credentials"),
            (_, StatusCode::UNAUTHORIZED) => (true, refusal.code()),
            // Ours.
            (RefusalKind::Middleware, StatusCode::BAD_REQUEST | StatusCode::CONFLICT) => (false, refusal.code()),
            // Also of a strategy that limits guesses.
            (_, StatusCode::TOO_MANY_REQUESTS) => (false, refusal.code()),
            (_, StatusCode::BAD_REQUEST) => (true, "invalid_credentials"),
            (_, StatusCode::FORBIDDEN) => (false, "forbidden"),
            _ => (false, "unavailable"),
        }
    }
}

impl From<Refusal> for NotAdmitted {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl fmt::Display for NotAdmitted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.read() {
            (true, code) => write!(f, "unauthorized:{code}"),
            (false, code) => f.write_str(code),
        }
    }
}

/// Whether the chain found no credential at all, not even a wrong one that it passed over.
pub(super) fn is_missing(refusal: &Refusal) -> bool {
    matches!(refusal.kind(), RefusalKind::Missing | RefusalKind::Redirect) && !refusal.is_wrong_credential()
}

/// The transport has ended. The client reads `unavailable`, since it may come again.
pub(super) fn ended() -> Refusal {
    Refusal::new(StatusCode::CONFLICT, "unavailable").with_detail("the transport has ended")
}

/// The credential is wrong.
pub(super) fn invalid_credentials(detail: &'static str) -> Refusal {
    Refusal::new(StatusCode::UNAUTHORIZED, "invalid_credentials").with_detail(detail)
}

/// The credential is not wrong, but not enough either.
pub(super) fn forbidden(detail: &'static str) -> Refusal {
    Refusal::new(StatusCode::FORBIDDEN, "forbidden").with_detail(detail)
}
