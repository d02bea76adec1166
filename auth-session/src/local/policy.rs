use std::{error::Error, fmt, future::Future, pin::Pin, sync::Arc};

use auth_basic::Password;
use auth_core::{BoxError, Refusal};
use auth_store::Throttled;
use axum::response::{IntoResponse, Response};
use http::StatusCode;

use crate::{
    detached::Lost,
    error::{SessionError, SessionErrorKind},
};

/// What a new password must be (NIST SP 800-63B-4, 3.1.1.2; ASVS 5, 6.2).
///
/// | Rule | Default |
/// |---|---|
/// | at least so many characters, counted in Unicode code points | 15 where the password stands alone, 8 beside a second factor |
/// | at most so many bytes | 1,024 |
/// | not the user name, in any case, and not on the [block list](Self::block_list) | no list |
///
/// There are no rules about kinds of characters, and no regular changes: both lead to worse passwords. Passwords are not
/// normalized, as in `auth-basic`.
#[derive(Clone)]
pub struct PasswordPolicy {
    min_chars: usize,
    max_bytes: usize,
    block_list: Option<Arc<BlockList>>,
}

type BlockList = dyn Fn(Password) -> Pin<Box<dyn Future<Output = Result<bool, BoxError>> + Send>> + Send + Sync;

/// NIST asks for at least 64 characters.
const MIN_MAX_BYTES: usize = 256;

impl PasswordPolicy {
    /// For passwords that are the only factor: at least 15 characters.
    #[must_use]
    pub fn alone() -> Self {
        Self { min_chars: 15, max_bytes: 1024, block_list: None }
    }

    /// For passwords that never let anybody in without a second factor: at least 8 characters.
    #[must_use]
    pub fn beside_second_factor() -> Self {
        Self { min_chars: 8, ..Self::alone() }
    }

    /// Sets the most bytes. The default is 1,024, and less than 256 counts as 256, so that 64 characters always fit.
    #[must_use]
    pub fn max_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = bytes.max(MIN_MAX_BYTES);
        self
    }

    /// Asks whether a password is on a list of common, expected or leaked ones. The function is asked only about passwords that
    /// pass the other rules. An error means that the list cannot be asked: 503.
    #[must_use]
    pub fn block_list<F>(mut self, is_blocked: impl Fn(Password) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<bool, BoxError>> + Send + 'static,
    {
        self.block_list = Some(Arc::new(move |password| Box::pin(is_blocked(password))));
        self
    }

    /// Checks a new password.
    ///
    /// # Errors
    /// Why it is not good enough, or that the block list cannot be asked.
    pub async fn check(&self, username: &str, password: &Password) -> Result<(), NewPasswordError> {
        let text = password.expose();
        if text.len() > self.max_bytes {
            return Err(NewPasswordError::of(NewPasswordErrorKind::TooLong));
        }
        if text.chars().count() < self.min_chars {
            return Err(NewPasswordError::of(NewPasswordErrorKind::TooShort));
        }
        if text.to_lowercase() == username.to_lowercase() {
            return Err(NewPasswordError::of(NewPasswordErrorKind::Blocked));
        }
        if let Some(is_blocked) = &self.block_list
            && is_blocked(password.clone()).await.map_err(NewPasswordError::unavailable)?
        {
            return Err(NewPasswordError::of(NewPasswordErrorKind::Blocked));
        }
        Ok(())
    }
}

impl Default for PasswordPolicy {
    /// The password stands alone.
    fn default() -> Self {
        Self::alone()
    }
}

impl fmt::Debug for PasswordPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordPolicy")
            .field("min_chars", &self.min_chars)
            .field("max_bytes", &self.max_bytes)
            .field("block_list", &self.block_list.is_some())
            .finish()
    }
}

/// Why a new password was not accepted. It is a response; the page has the words for its code.
#[derive(Debug)]
pub struct NewPasswordError {
    kind: NewPasswordErrorKind,
    cause: Option<BoxError>,
}

/// The kinds of [`NewPasswordError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NewPasswordErrorKind {
    /// It has too few characters: 422 `password_too_short`.
    TooShort,
    /// It has too many bytes: 422 `password_too_long`.
    TooLong,
    /// It is the user name, or on the block list: 422 `password_blocked`.
    Blocked,
    /// The current password is wrong, or is that of another user than the one who is logged in: 401 `invalid_credentials`.
    WrongCurrent,
    /// Too many wrong current passwords, with a [throttle](crate::LocalLogin::throttle): 429 `too_many_attempts`, with `Retry-After`.
    TooManyAttempts,
    /// A foreign page may have sent the request: 403 `cross_site`. See [`Session`](crate::Session#security).
    CrossSite,
    /// The password has changed and the other logins have ended, but so has this one, by another request at the same moment: 401
    /// `missing_credentials`. The user logs in with the new password.
    LoginEnded,
    /// A system failed: 503 `unavailable`. The password has not changed, or others may still be logged in: try again.
    Unavailable,
}

impl NewPasswordError {
    pub(crate) fn of(kind: NewPasswordErrorKind) -> Self {
        Self { kind, cause: None }
    }

    pub(crate) fn unavailable(cause: impl Into<BoxError>) -> Self {
        Self { kind: NewPasswordErrorKind::Unavailable, cause: Some(cause.into()) }
    }

    /// Why the others were not ended, or this login not renewed, after the password had changed.
    pub(crate) fn after_change(cause: SessionError) -> Self {
        match cause.kind() {
            SessionErrorKind::NotLoggedIn | SessionErrorKind::Replaced => {
                Self { kind: NewPasswordErrorKind::LoginEnded, cause: Some(cause.into()) }
            }
            _ => Self::unavailable(cause),
        }
    }

    /// Why the current password was not looked at.
    pub(crate) fn throttled(cause: Throttled) -> Self {
        match cause {
            Throttled::TooMany { .. } => {
                Self { kind: NewPasswordErrorKind::TooManyAttempts, cause: Some(cause.into()) }
            }
            _ => Self::unavailable(cause),
        }
    }

    pub(crate) fn cross_site(cause: SessionError) -> Self {
        Self { kind: NewPasswordErrorKind::CrossSite, cause: Some(cause.into()) }
    }

    /// The kind.
    #[must_use]
    pub fn kind(&self) -> NewPasswordErrorKind {
        self.kind
    }
}

impl fmt::Display for NewPasswordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            NewPasswordErrorKind::TooShort => "the new password is too short",
            NewPasswordErrorKind::TooLong => "the new password is too long",
            NewPasswordErrorKind::Blocked => "the new password is too easy to guess",
            NewPasswordErrorKind::WrongCurrent => "the current password is wrong",
            NewPasswordErrorKind::TooManyAttempts => "the current password was wrong too often",
            NewPasswordErrorKind::CrossSite => "a foreign page may have sent the request",
            NewPasswordErrorKind::LoginEnded => "the password has changed, and the login has ended",
            NewPasswordErrorKind::Unavailable => "the password cannot be changed now",
        })
    }
}

impl From<Lost> for NewPasswordError {
    fn from(lost: Lost) -> Self {
        Self::unavailable(SessionError::from(lost))
    }
}

impl Error for NewPasswordError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as &(dyn Error + 'static))
    }
}

impl From<NewPasswordError> for Refusal {
    fn from(error: NewPasswordError) -> Self {
        let unfit = |code| Self::new(StatusCode::UNPROCESSABLE_ENTITY, code);
        match error.kind {
            NewPasswordErrorKind::TooShort => unfit("password_too_short"),
            NewPasswordErrorKind::TooLong => unfit("password_too_long"),
            NewPasswordErrorKind::Blocked => unfit("password_blocked"),
            NewPasswordErrorKind::WrongCurrent => Self::new(StatusCode::UNAUTHORIZED, "invalid_credentials"),
            NewPasswordErrorKind::TooManyAttempts => match error.cause.map(|cause| cause.downcast::<Throttled>()) {
                Some(Ok(throttled)) => Self::from(*throttled),
                _ => Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_attempts"),
            },
            NewPasswordErrorKind::CrossSite => {
                let cause = error.cause.and_then(|cause| cause.downcast::<SessionError>().ok());
                Self::from(cause.map_or_else(|| SessionError::of(SessionErrorKind::CrossSite), |cause| *cause))
            }
            NewPasswordErrorKind::LoginEnded => Self::new(StatusCode::UNAUTHORIZED, "missing_credentials"),
            NewPasswordErrorKind::Unavailable => Self::unavailable(error),
        }
    }
}

impl IntoResponse for NewPasswordError {
    fn into_response(self) -> Response {
        crate::axum::respond(Refusal::from(self))
    }
}
