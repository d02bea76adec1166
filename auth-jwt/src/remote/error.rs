use std::{error::Error, fmt, sync::Arc};

use auth_core::BoxError;

/// Why keys could not be fetched.
///
/// The text is constant. What was expected and what was found instead is told by its sources, as in the log. They are for
/// operators: a client reads 503 alone.
///
/// # Security
/// Sources name hosts and paths, the issuer, statuses and media types; what an issuer says is escaped and cut after 200
/// characters. They show no query, no header that was set, and no user name or password of a proxy.
#[derive(Clone, Debug)]
pub struct FetchError {
    kind: FetchErrorKind,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

/// What went wrong with a fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FetchErrorKind {
    /// There was no connection, or it broke, or the certificate is not trusted.
    Unreachable,
    /// There was no whole answer within 5 s.
    TimedOut,
    /// The answer had another status than 200; redirects are among them.
    Status,
    /// The answer had more than 256 KiB, or the set more than 100 keys.
    TooLarge,
    /// The answer was no JWK set (RFC 7517, 5).
    Malformed,
    /// The set had no key that verifies signatures here.
    NoUsableKey,
    /// A header that is asked for each fetch could not be had.
    Header,
    /// The discovery document could not be read, is another issuer's, or names no location that is allowed.
    Discovery,
    /// The runtime ended before the fetch did, or there was none.
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
            FetchErrorKind::Status => "the issuer answered with another status than 200",
            FetchErrorKind::TooLarge => "the issuer sent more than is taken",
            FetchErrorKind::Malformed => "the issuer sent no JWK set",
            FetchErrorKind::NoUsableKey => "the issuer sent no key that can be used",
            FetchErrorKind::Header => "a header for the issuer cannot be had",
            FetchErrorKind::Discovery => "the discovery document of the issuer is no good",
            FetchErrorKind::Cancelled => "the fetch was cut off by the end of its runtime",
        })
    }
}

impl Error for FetchError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

/// What has led to an error, and its own cause.
#[derive(Debug)]
pub(super) struct Because {
    text: String,
    cause: BoxError,
}

impl Because {
    pub(super) fn new(text: String, cause: BoxError) -> Self {
        Self { text, cause }
    }
}

impl fmt::Display for Because {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for Because {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.cause)
    }
}

/// An error with all its sources in one line, for subscribers that show no sources.
pub(super) struct Chain<'a>(pub(super) &'a FetchError);

impl fmt::Display for Chain<'_> {
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

/// There is nothing at hand to judge a token by.
#[derive(Debug)]
pub(super) struct Unavailable(pub(super) Option<FetchError>);

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the keys of the issuer cannot be had now")
    }
}

impl Error for Unavailable {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.as_ref().map(|error| error as &(dyn Error + 'static))
    }
}
