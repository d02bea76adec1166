//! Configured headers, for endpoints that require a credential.

use auth_core::{BoxError, ConfigError, Origin, Secret};
use http::{
    HeaderMap, HeaderName, HeaderValue, Uri,
    header::{
        ACCEPT_ENCODING, CONNECTION, CONTENT_LENGTH, EXPECT, HOST, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH,
        IF_RANGE, IF_UNMODIFIED_SINCE, PROXY_AUTHORIZATION, RANGE, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
    },
};

use super::{FetchError, FetchErrorKind, error::ErrorContext, location};

/// Headers that the connection, the cache and the proxy depend on.
const RESERVED: [HeaderName; 16] = [
    ACCEPT_ENCODING,
    CONNECTION,
    CONTENT_LENGTH,
    EXPECT,
    HOST,
    IF_MATCH,
    IF_MODIFIED_SINCE,
    IF_NONE_MATCH,
    IF_RANGE,
    IF_UNMODIFIED_SINCE,
    PROXY_AUTHORIZATION,
    RANGE,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];
const RESERVED_TEXTS: [&str; 3] = ["http2-settings", "keep-alive", "proxy-connection"];

/// Returns the value of a header for one fetch.
pub(super) type HeaderValueFn = Box<dyn Fn() -> Result<Secret, BoxError> + Send + Sync>;

/// The configured headers, by name.
#[derive(Default)]
pub(super) struct Headers(Vec<(HeaderName, HeaderValueFn)>);

impl Headers {
    pub(super) fn set(&mut self, name: &str, value: Secret) -> Result<(), ConfigError> {
        let name = parse(name)?;
        read(&value).map_err(|why| ConfigError::new(format!("the value of the header `{name}` {why}")))?;
        self.replace(name, Box::new(move || Ok(value.clone())));
        Ok(())
    }

    pub(super) fn set_asked(&mut self, name: &str, ask: HeaderValueFn) -> Result<(), ConfigError> {
        self.replace(parse(name)?, ask);
        Ok(())
    }

    fn replace(&mut self, name: HeaderName, ask: HeaderValueFn) {
        self.0.retain(|(other, _)| *other != name);
        self.0.push((name, ask));
    }
}

/// The configured headers, and the only origin that they are sent to.
pub(super) struct OriginHeaders {
    headers: Headers,
    origin: Option<Origin>,
}

impl OriginHeaders {
    /// Headers that are sent only to the origin of this location.
    pub(super) fn new(headers: Headers, location: &Uri) -> Self {
        Self { headers, origin: location::origin(location) }
    }

    /// Adds the headers to a request if they are for its origin. They replace others with the same names.
    pub(super) fn write(&self, request: &mut HeaderMap, location: &Uri) -> Result<(), FetchError> {
        if !self.are_for(location) {
            return Ok(());
        }
        for (name, ask) in &self.headers.0 {
            let failed = |why| FetchError::caused_by(FetchErrorKind::Header, why);
            let value = ask().map_err(|error| {
                failed(ErrorContext::new(format!("the value of the header `{name}` is unavailable"), error).into())
            })?;
            let value = read(&value)
                .map_err(|why| failed(BoxError::from(format!("the value of the header `{name}` {why}"))))?;
            request.insert(name.clone(), value);
        }
        Ok(())
    }

    /// Logs a warning if the headers are not sent to this location.
    pub(super) fn warn_unless_for(&self, location: &Uri) {
        if let (Some(configured), Some(found)) = (&self.origin, location::origin(location))
            && !self.is_empty()
            && !self.are_for(location)
        {
            tracing::warn!(
                %configured, %found,
                "the `jwks_uri` has another origin than the configured one: the configured headers are not sent \
                 there"
            );
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.headers.0.is_empty()
    }

    pub(super) fn are_for(&self, location: &Uri) -> bool {
        self.origin.is_some() && self.origin == location::origin(location)
    }
}

fn parse(name: &str) -> Result<HeaderName, ConfigError> {
    let parsed: HeaderName =
        name.parse().map_err(|_| ConfigError::new("the name of a header is empty or has an invalid character"))?;
    if RESERVED.contains(&parsed) || RESERVED_TEXTS.contains(&parsed.as_str()) {
        return Err(ConfigError::new(format!("the header `{parsed}` cannot be set: the fetch depends on it")));
    }
    Ok(parsed)
}

fn read(secret: &Secret) -> Result<HeaderValue, &'static str> {
    let text = secret.expose();
    if text.trim().is_empty() {
        return Err("is empty");
    }
    if text.trim() != text {
        return Err("begins or ends with white space: trim what was read from a file");
    }
    if !text.bytes().all(|byte| byte == b'\t' || (b' '..=b'~').contains(&byte)) {
        return Err("has a line break, or a character that is not visible ASCII");
    }
    let mut value = HeaderValue::from_str(text).map_err(|_| "is not a valid header value")?;
    value.set_sensitive(true);
    Ok(value)
}
