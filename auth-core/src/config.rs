use std::{borrow::Cow, error::Error, fmt};

/// A mistake in the set-up, found while a strategy, chain or layer is built. Requests never cause one.
///
/// The text says what is wrong and what to change.
#[derive(Debug)]
pub struct ConfigError {
    text: Cow<'static, str>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl ConfigError {
    /// An error with this text: lower case, without a full stop, and without any secret.
    pub fn new(text: impl Into<Cow<'static, str>>) -> Self {
        Self { text: text.into(), source: None }
    }

    /// Names the cause.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }
}

/// The value, or a panic: for constructors that take constants. Each has a fallible twin for names from a configuration.
#[expect(clippy::panic, reason = "documented at each constructor: a wrong constant shows at the first start")]
#[track_caller]
pub(crate) fn built<T>(result: Result<T, ConfigError>) -> T {
    result.unwrap_or_else(|error| panic!("{error}"))
}

/// Checks that a name is a token (RFC 9110, 5.6.2). `what` describes it in the error, with its article.
pub(crate) fn token(what: &str, name: impl Into<Cow<'static, str>>) -> Result<Cow<'static, str>, ConfigError> {
    let name = name.into();
    if is_token(&name) {
        return Ok(name);
    }
    Err(ConfigError::new(format!("{what} must be a token of RFC 9110, and {:?} is not", &*name)))
}

/// Checks that a name is not empty.
pub(crate) fn filled(what: &str, name: impl Into<Cow<'static, str>>) -> Result<Cow<'static, str>, ConfigError> {
    let name = name.into();
    if name.is_empty() {
        return Err(ConfigError::new(format!("{what} must not be empty")));
    }
    Ok(name)
}

/// `token` of RFC 9110, 5.6.2.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for ConfigError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}
