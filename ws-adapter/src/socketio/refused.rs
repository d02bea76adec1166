use std::fmt;

use auth_core::{Refusal, RefusalKind, Transport};
use http::StatusCode;

use super::session::NotNow;
use crate::telemetry;

/// What a client reads that is not let in: a stable code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    why: Why,
    is_wrong: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    Unauthorized(&'static str),
    Forbidden,
    TooMany,
    TooManyAttempts,
    Unavailable,
}

impl Refused {
    pub(super) const INVALID: Self = Self::wrong("invalid_credentials");
    pub(super) const EXPIRED: Self = Self::wrong("token_expired");
    pub(super) const REVOKED: Self = Self::wrong("revoked");
    pub(super) const MISSING: Self = Self::not_wrong(Why::Unauthorized("missing_credentials"));
    pub(super) const FORBIDDEN: Self = Self::not_wrong(Why::Forbidden);
    pub(super) const UNAVAILABLE: Self = Self::not_wrong(Why::Unavailable);

    /// Whether it counts as a wrong credential.
    pub(super) fn is_wrong(&self) -> bool {
        self.is_wrong
    }

    pub(super) fn logged(refusal: &Refusal, transport: Transport) -> Self {
        refusal.log_once(transport);
        Self::from(refusal)
    }

    /// Logs what the adapter refuses on its own account; what a chain refuses has been logged.
    pub(super) fn own(self, transport: Transport, detail: &str) -> Self {
        telemetry::log_own(transport, self.status(), self.code(), detail);
        self
    }

    /// The code as an HTTP answer would have it.
    pub(super) fn code(self) -> &'static str {
        match self.why {
            Why::Unauthorized(code) => code,
            Why::Forbidden => "forbidden",
            Why::TooMany => "too_many_connections",
            Why::TooManyAttempts => "too_many_attempts",
            Why::Unavailable => "unavailable",
        }
    }

    fn status(self) -> StatusCode {
        match self.why {
            Why::Unauthorized(_) => StatusCode::UNAUTHORIZED,
            Why::Forbidden => StatusCode::FORBIDDEN,
            Why::TooMany | Why::TooManyAttempts => StatusCode::TOO_MANY_REQUESTS,
            Why::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    const fn wrong(code: &'static str) -> Self {
        Self { why: Why::Unauthorized(code), is_wrong: true }
    }

    const fn not_wrong(why: Why) -> Self {
        Self { why, is_wrong: false }
    }
}

impl From<&Refusal> for Refused {
    fn from(refusal: &Refusal) -> Self {
        let why = match (refusal.kind(), refusal.status()) {
            (RefusalKind::Missing | RefusalKind::Redirect, _) => Self::MISSING.why,
            (_, StatusCode::UNAUTHORIZED) => Why::Unauthorized(refusal.code()),
            (_, StatusCode::BAD_REQUEST) => Self::INVALID.why,
            (_, StatusCode::FORBIDDEN) => Why::Forbidden,
            (RefusalKind::Middleware, StatusCode::TOO_MANY_REQUESTS) => Why::TooManyAttempts,
            _ => Why::Unavailable,
        };
        Self { why, is_wrong: refusal.is_wrong_credential() }
    }
}

impl From<NotNow> for Refused {
    fn from(not_now: NotNow) -> Self {
        Self::not_wrong(match not_now {
            NotNow::TooMany(_) => Why::TooMany,
            NotNow::Ended | NotNow::InProgress => Why::Unavailable,
        })
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.why {
            Why::Unauthorized(code) => write!(f, "unauthorized:{code}"),
            _ => f.write_str(self.code()),
        }
    }
}
