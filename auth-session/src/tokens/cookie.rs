//! The cookie of a refresh token, for browsers.

use std::{sync::Arc, time::Duration};

use auth_core::cookie_values;
use cookie::SameSite;
use http::{HeaderMap, HeaderValue, header::SET_COOKIE};

use crate::{set_cookie::set_cookie_at, settings::LONGEST};

/// The name for HTTPS, and for a loopback. A cookie of one path alone can't have the prefix `__Host-`.
const NAMES: (&str, &str) = ("__Secure-refresh", "refresh");

/// How the cookie is set. Only requests to the route have it.
#[derive(Clone)]
pub(super) struct RefreshCookie {
    path: Arc<str>,
    is_secure: bool,
}

impl RefreshCookie {
    pub(super) fn new(path: &str, is_secure: bool) -> Self {
        Self { path: path.into(), is_secure }
    }

    /// The values that a request has under its name; an empty text for one that is none. Empty cookies don't count.
    pub(super) fn read<'h>(&self, headers: &'h HeaderMap) -> impl Iterator<Item = &'h str> {
        let values = cookie_values(headers, self.name()).filter(|value| !value.is_empty());
        values.map(|value| str::from_utf8(value).unwrap_or_default())
    }

    /// Without `max_age`, the browser forgets it when it closes.
    pub(super) fn set(&self, token: &str, max_age: Option<Duration>, headers: &mut HeaderMap) {
        self.append(token, max_age.map(|age| age.min(LONGEST)), headers);
    }

    pub(super) fn remove(&self, headers: &mut HeaderMap) {
        self.append("", Some(Duration::ZERO), headers);
    }

    fn append(&self, value: &str, max_age: Option<Duration>, headers: &mut HeaderMap) {
        // Only our own page sends it, so `Strict` costs nothing.
        let line: Option<HeaderValue> =
            set_cookie_at(&self.path, self.name(), value, SameSite::Strict, self.is_secure, max_age);
        if let Some(line) = line {
            headers.append(SET_COOKIE, line);
        }
    }

    fn name(&self) -> &'static str {
        if self.is_secure { NAMES.0 } else { NAMES.1 }
    }
}
