use std::{error::Error, fmt};

use auth_core::{BoxError, Refusal};
use http::StatusCode;

/// Why a session could not be changed.
///
/// `Refusal::from` turns it into the answer; with the feature `axum` it is a response itself.
#[derive(Debug)]
pub struct SessionError {
    kind: SessionErrorKind,
    cause: Option<BoxError>,
    /// The answer, if it says more than the kind.
    refusal: Option<Refusal>,
}

/// The kinds of [`SessionError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SessionErrorKind {
    /// The store is down or full, or the application's users cannot be asked: 503 `unavailable`. Nothing has changed, or it is
    /// unknown whether it has: don't tell the user that it has.
    Unavailable,
    /// The data of the session would be larger than 16 KiB: 413 `session_full`. Remove something first.
    TooLarge,
    /// Other requests have filled the session meanwhile, and the inserts of this one don't fit any more: 409 `session_conflict`.
    /// Nothing is stored. Show the user the newest data; the same inserts will be [`TooLarge`](Self::TooLarge) unless something is
    /// removed.
    Filled,
    /// All logins of the user were ended while this login began, or the clock of this node is behind: 409 `session_conflict`. The
    /// password may have changed meanwhile. Nobody is logged in: ask the user to log in again.
    LoginsEnded,
    /// Other requests have saved the session each time this one tried to: 409 `session_conflict`. Nothing is stored: the client
    /// sends the same request again.
    Busy,
    /// The value has no form in JSON: 500 `internal_error`.
    NotJson,
    /// The user has as many logins as [`max_logins`](crate::SessionsBuilder::max_logins) allows: 409 `too_many_logins`. Nobody is
    /// logged in. The user has proved who it is, so tell it to log out elsewhere.
    TooManyLogins,
    /// Nobody is logged in: 401 `missing_credentials`.
    NotLoggedIn,
    /// The user has no login with this id: 404 `login_not_found`. Somebody else may have one: the answer is the same.
    NoSuchLogin,
    /// A login in another tab has replaced the cookie while the request was on its way: 409 `session_replaced`. The client
    /// sends the request again.
    Replaced,
    /// The request has several session cookies with different values: 400 `invalid_request`.
    Ambiguous,
    /// A foreign page may have sent the request: 403 `cross_site`. See [`Session`](crate::Session#security).
    CrossSite,
}

impl SessionError {
    pub(crate) fn of(kind: SessionErrorKind) -> Self {
        Self { kind, cause: None, refusal: None }
    }

    pub(crate) fn unavailable(cause: impl Into<BoxError>) -> Self {
        Self { cause: Some(cause.into()), ..Self::of(SessionErrorKind::Unavailable) }
    }

    /// An end of all logins of the user covers the login.
    pub(crate) fn logins_ended() -> Self {
        tracing::warn!("a login failed: all logins of its user have just ended, or the clock of this node is behind");
        Self::of(SessionErrorKind::LoginsEnded)
    }

    /// A cookie cannot be set any more.
    pub(crate) fn late() -> Self {
        Self::unavailable("the response has gone out, so no cookie can be set")
    }

    pub(crate) fn not_json(cause: serde_json::Error) -> Self {
        Self { cause: Some(cause.into()), ..Self::of(SessionErrorKind::NotJson) }
    }

    pub(crate) fn cross_site(refusal: Refusal) -> Self {
        Self { refusal: Some(refusal), ..Self::of(SessionErrorKind::CrossSite) }
    }

    /// The kind.
    #[must_use]
    pub fn kind(&self) -> SessionErrorKind {
        self.kind
    }
}

impl fmt::Display for SessionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            SessionErrorKind::Unavailable => "the store of logins is unavailable",
            SessionErrorKind::TooLarge => "the data of the session would be too large",
            SessionErrorKind::Filled => "other requests have filled the session",
            SessionErrorKind::LoginsEnded => "all logins of the user have just ended",
            SessionErrorKind::Busy => "other requests saved the session at the same time",
            SessionErrorKind::NotJson => "the value has no form in json",
            SessionErrorKind::TooManyLogins => "the user has too many logins",
            SessionErrorKind::NotLoggedIn => "nobody is logged in",
            SessionErrorKind::NoSuchLogin => "the user has no login with this id",
            SessionErrorKind::Ambiguous => "the request has several session cookies",
            SessionErrorKind::Replaced => "the cookie was replaced while the request was on its way",
            SessionErrorKind::CrossSite => "a foreign page may have sent the request",
        })
    }
}

impl Error for SessionError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as &(dyn Error + 'static))
    }
}

impl From<SessionError> for Refusal {
    fn from(mut error: SessionError) -> Self {
        if let Some(refusal) = error.refusal.take() {
            return refusal;
        }
        match error.kind {
            SessionErrorKind::Unavailable => Self::unavailable(error),
            SessionErrorKind::TooLarge => Self::new(StatusCode::PAYLOAD_TOO_LARGE, "session_full"),
            SessionErrorKind::Filled | SessionErrorKind::LoginsEnded | SessionErrorKind::Busy => {
                Self::new(StatusCode::CONFLICT, "session_conflict")
            }
            SessionErrorKind::NotJson => Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error")
                .with_detail("a value of the session has no form in json"),
            SessionErrorKind::TooManyLogins => Self::new(StatusCode::CONFLICT, "too_many_logins"),
            SessionErrorKind::NotLoggedIn => Self::new(StatusCode::UNAUTHORIZED, "missing_credentials"),
            SessionErrorKind::NoSuchLogin => Self::new(StatusCode::NOT_FOUND, "login_not_found"),
            SessionErrorKind::Ambiguous => Self::new(StatusCode::BAD_REQUEST, "invalid_request"),
            SessionErrorKind::Replaced => Self::new(StatusCode::CONFLICT, "session_replaced"),
            SessionErrorKind::CrossSite => Self::new(StatusCode::FORBIDDEN, "cross_site"),
        }
    }
}
