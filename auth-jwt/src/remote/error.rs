use std::{error::Error, fmt, sync::Arc};

use auth_core::BoxError;

/// Why keys could not be fetched.
///
/// The text is constant. Its sources say what was expected and what was found, as in the log. They are for operators: a
/// client receives only 503.
///
/// # Security
/// Sources name hosts and paths, the issuer, statuses and media types. Text from the issuer is escaped and cut after 200
/// characters. Queries, configured headers, and the user name and password of a proxy are never shown.
#[derive(Clone, Debug)]
pub struct FetchError {
    kind: FetchErrorKind,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

/// What went wrong with a fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FetchErrorKind {
    /// The connection failed or broke, or the certificate is not trusted.
    Unreachable,
    /// There was no complete answer within 5 s.
    TimedOut,
    /// The status was not 200. Redirects are not followed.
    Status,
    /// The answer was larger than 256 KiB, or the set had more than 100 keys.
    TooLarge,
    /// The answer was not a JWK set (RFC 7517, 5).
    Malformed,
    /// The set had no key that verifies signatures here.
    NoUsableKey,
    /// The answer had a private key beside certificates, in a form that does not show which certificate it belongs to. So no
    /// certificate of the answer can be trusted.
    PrivateKey,
    /// The callback of [`header_from`](super::RemoteJwksBuilder::header_from) failed or returned an invalid value.
    Header,
    /// The discovery document could not be read, names another issuer, or names a location that is not allowed.
    Discovery,
    /// The runtime ended before the fetch, or there was no runtime.
    Cancelled,
}

impl FetchError {
    pub(super) fn caused_by(kind: FetchErrorKind, source: impl Into<BoxError>) -> Self {
        Self { kind, source: Some(source.into().into()) }
    }

    /// The same error with this cause, unless it has one.
    pub(super) fn or_because(mut self, text: impl FnOnce(FetchErrorKind) -> String) -> Self {
        self.source.get_or_insert_with(|| BoxError::from(text(self.kind)).into());
        self
    }

    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> FetchErrorKind {
        self.kind
    }
}

impl From<FetchErrorKind> for FetchError {
    fn from(kind: FetchErrorKind) -> Self {
        Self { kind, source: None }
    }
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            FetchErrorKind::Unreachable => "the issuer cannot be reached",
            FetchErrorKind::TimedOut => "the issuer did not answer in time",
            FetchErrorKind::Status => "the issuer answered with a status other than 200",
            FetchErrorKind::TooLarge => "the issuer sent more than the limit",
            FetchErrorKind::Malformed => "the issuer did not send a JWK set",
            FetchErrorKind::NoUsableKey => "the issuer sent no usable key",
            FetchErrorKind::PrivateKey => {
                "the issuer published a private key that may belong to any of its certificates"
            }
            FetchErrorKind::Header => "a header for the issuer is unavailable",
            FetchErrorKind::Discovery => "the discovery document of the issuer is invalid",
            FetchErrorKind::Cancelled => "the runtime ended before the fetch",
        })
    }
}

impl Error for FetchError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

/// A description of an error, with the error as its source.
#[derive(Debug)]
pub(super) struct ErrorContext {
    text: String,
    cause: BoxError,
}

impl ErrorContext {
    pub(super) fn new(text: String, cause: BoxError) -> Self {
        Self { text, cause }
    }
}

impl fmt::Display for ErrorContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for ErrorContext {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.cause)
    }
}

/// An error with all its sources in one line, for subscribers that show no sources.
pub(super) struct WithSources<'a>(pub(super) &'a FetchError);

impl fmt::Display for WithSources<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}

/// There are no keys to verify a token with.
#[derive(Debug)]
pub(super) struct Unavailable(pub(super) Option<FetchError>);

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the keys of the issuer are unavailable now")
    }
}

impl Error for Unavailable {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.as_ref().map(|error| error as &(dyn Error + 'static))
    }
}
