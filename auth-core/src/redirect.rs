use std::sync::Arc;

use http::{HeaderValue, StatusCode};

/// Where the client must go first, answered with `Cache-Control: no-store`.
///
/// Only plain HTTP requests are redirected. Everything else (a handshake, a Socket.IO `CONNECT`, a message) gets a 401
/// instead.
#[derive(Clone, Debug)]
pub struct Redirect(Box<Inner>);

/// Boxed, since every outcome has space for one, and most are not redirects: an outcome takes 16 bytes instead of 72.
#[derive(Clone, Debug)]
struct Inner {
    status: StatusCode,
    location: HeaderValue,
    /// The name of the strategy that redirects, for the log.
    strategy: Option<Arc<str>>,
}

/// Equal if location and status are equal.
impl PartialEq for Redirect {
    fn eq(&self, other: &Self) -> bool {
        self.status() == other.status() && self.location() == other.location()
    }
}

impl Eq for Redirect {}

impl Redirect {
    /// 302: the login page of a browser.
    ///
    /// # Errors
    /// If `location` is not a valid header value. It should be a constant, or built by a URL library: a location made of text
    /// that the client sent is an open redirect.
    pub fn found(location: &str) -> Result<Self, http::header::InvalidHeaderValue> {
        Self::new(StatusCode::FOUND, location)
    }

    /// 303: like 302, but the next request is always a `GET`.
    ///
    /// # Errors
    /// As for [`found`](Self::found).
    pub fn see_other(location: &str) -> Result<Self, http::header::InvalidHeaderValue> {
        Self::new(StatusCode::SEE_OTHER, location)
    }

    fn new(status: StatusCode, location: &str) -> Result<Self, http::header::InvalidHeaderValue> {
        Ok(Self(Box::new(Inner { status, location: location.parse()?, strategy: None })))
    }

    /// 302 or 303.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The `Location`.
    #[must_use]
    pub fn location(&self) -> &HeaderValue {
        &self.0.location
    }

    /// Notes the strategy, unless an inner chain has done so.
    pub(crate) fn said_by(mut self, strategy: &Arc<str>) -> Self {
        self.0.strategy.get_or_insert_with(|| Arc::clone(strategy));
        self
    }

    pub(crate) fn strategy(&self) -> Option<&Arc<str>> {
        self.0.strategy.as_ref()
    }
}
