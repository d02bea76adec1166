use std::sync::Arc;

use http::{HeaderValue, StatusCode};

/// Where the client has to go first, answered with `Cache-Control: no-store`.
///
/// Plain HTTP requests only are sent there. Everything else (a handshake, a Socket.IO `CONNECT`, a message) is answered
/// with 401 instead.
#[derive(Clone, Debug)]
pub struct Redirect {
    status: StatusCode,
    location: HeaderValue,
    /// The name of the strategy that says it, for the log.
    strategy: Option<Arc<str>>,
}

/// Two are equal if they lead to the same place with the same status.
impl PartialEq for Redirect {
    fn eq(&self, other: &Self) -> bool {
        self.status == other.status && self.location == other.location
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
        Ok(Self { status: StatusCode::FOUND, location: location.parse()?, strategy: None })
    }

    /// 303: as 302, and the next request is a `GET` whatever this one was.
    ///
    /// # Errors
    /// As for [`found`](Self::found).
    pub fn see_other(location: &str) -> Result<Self, http::header::InvalidHeaderValue> {
        Ok(Self { status: StatusCode::SEE_OTHER, location: location.parse()?, strategy: None })
    }

    /// 302 or 303.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The `Location`.
    #[must_use]
    pub fn location(&self) -> &HeaderValue {
        &self.location
    }

    /// Notes who says it, unless something further in has done so.
    pub(crate) fn said_by(mut self, strategy: &Arc<str>) -> Self {
        self.strategy.get_or_insert_with(|| Arc::clone(strategy));
        self
    }

    pub(crate) fn strategy(&self) -> Option<&Arc<str>> {
        self.strategy.as_ref()
    }
}
