use auth_core::{Outcome, Rejection};

/// Filters may name this target.
const TARGET: &str = "auth_jwt::token::refused";

/// Why a token is not accepted. It goes to the log, never to the client.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum TokenError {
    /// Another strategy may accept it: not a JWT, or of another issuer, or for another kind of key.
    Unrecognized(Reason),
    /// For this strategy, and invalid.
    Invalid(Reason),
    /// For this strategy, and expired.
    Expired(Reason),
}

/// A constant for the log, with what was expected and found if that helps an operator.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reason {
    why: &'static str,
    details: Option<Box<Details>>,
}

#[derive(Debug, PartialEq, Eq)]
struct Details {
    expected: String,
    found: String,
}

impl TokenError {
    #[cold]
    pub(crate) fn unrecognized(why: &'static str) -> Self {
        Self::Unrecognized(why.into())
    }

    #[cold]
    pub(crate) fn invalid(why: &'static str) -> Self {
        Self::Invalid(why.into())
    }

    #[cold]
    pub(crate) fn without_header() -> Self {
        Self::unrecognized("not a JWT: it does not begin with a header")
    }

    #[cold]
    pub(crate) fn too_long(len: usize, max_len: usize) -> Self {
        Self::invalid("the token is too long").because(|| (format!("{max_len} bytes at most"), format!("{len} bytes")))
    }

    #[cold]
    pub(crate) fn expired() -> Self {
        Self::Expired("the token has expired".into())
    }

    /// As [`Reason::because`].
    #[cold]
    pub(crate) fn because(self, details: impl FnOnce() -> (String, String)) -> Self {
        match self {
            Self::Unrecognized(reason) => Self::Unrecognized(reason.because(details)),
            Self::Invalid(reason) => Self::Invalid(reason.because(details)),
            Self::Expired(reason) => Self::Expired(reason.because(details)),
        }
    }

    #[cfg(feature = "dpop")]
    pub(crate) fn into_reason(self) -> Reason {
        match self {
            Self::Unrecognized(reason) | Self::Invalid(reason) | Self::Expired(reason) => reason,
        }
    }
}

impl Reason {
    /// Adds what was expected and what was found, in the form of `log_text::quoted`. Existing details stay.
    ///
    /// Only `iss`, `aud`, `azp`, `client_id`, `alg`, `typ`, `kid`, lengths, times and names of claims may be shown. `sub`,
    /// `jti`, `nonce` and values of other claims are personal or secret.
    ///
    /// `details` is called only if DEBUG is enabled, so that a refusal stays cheap.
    pub(crate) fn because(mut self, details: impl FnOnce() -> (String, String)) -> Self {
        if self.details.is_none() && tracing::enabled!(target: TARGET, tracing::Level::DEBUG) {
            let (expected, found) = details();
            self.details = Some(Box::new(Details { expected, found }));
        }
        self
    }

    #[cfg(all(feature = "dpop", test))]
    pub(crate) fn why(&self) -> &'static str {
        self.why
    }

    pub(crate) fn log(&self, what: &'static str) {
        let expected = self.details.as_deref().map(|details| tracing::field::display(&details.expected));
        let found = self.details.as_deref().map(|details| tracing::field::display(&details.found));
        tracing::debug!(target: TARGET, why = self.why, expected, found, "{what}");
    }
}

impl From<&'static str> for Reason {
    fn from(why: &'static str) -> Self {
        Self { why, details: None }
    }
}

impl<U> From<TokenError> for Outcome<U> {
    fn from(refused: TokenError) -> Self {
        match refused {
            TokenError::Unrecognized(reason) => {
                reason.log("the token is not for this strategy");
                Self::Unrecognized
            }
            TokenError::Invalid(reason) => {
                reason.log("the token is refused");
                Self::Reject(Rejection::invalid_credentials())
            }
            TokenError::Expired(reason) => {
                reason.log("the token is refused");
                Self::Reject(Rejection::token_expired())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::log_text::{ABSENT, quoted, quoted_or_absent};

    #[test]
    fn first_details_are_kept() {
        let shown = |text: &'static str| move || (quoted(text), quoted_or_absent(None));
        tracing::subscriber::with_default(tracing_subscriber::registry(), || {
            let refused = TokenError::invalid("why").because(shown("first")).because(shown("second"));
            let TokenError::Invalid(Reason { details: Some(details), .. }) = refused else { panic!("no details") };
            assert_eq!((details.expected.as_str(), details.found.as_str()), ("\"first\"", ABSENT));
        });
    }

    #[test]
    fn details_are_not_built_if_debug_is_off() {
        tracing::subscriber::with_default(tracing::subscriber::NoSubscriber::new(), || {
            let _ = TokenError::unrecognized("why").because(|| panic!("not called"));
        });
    }
}
