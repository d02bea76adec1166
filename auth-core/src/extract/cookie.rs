use std::borrow::Cow;

use super::{Credential, Extractor, Malformed, credential::is_visible};
use crate::{
    AuthRequest, Carrier, Challenge,
    config::{self, ConfigError},
    cookies::cookie_values,
};

/// A cookie (RFC 6265, 4.2.1): an ambient carrier, with no challenge of its own.
///
/// A cookie that is absent or empty gives `Ok(None)`. Two cookies of the same name with different values are malformed:
/// another host of the same site may have planted one of them. Quotes around the value are removed. A value with anything
/// but visible ASCII is malformed.
///
/// # Panics
/// If `name` is not a token (RFC 6265, 4.1.1). Where it comes from a configuration, use [`try_cookie`].
#[must_use]
#[track_caller]
pub fn cookie(name: impl Into<Cow<'static, str>>) -> Cookie {
    config::built(try_cookie(name))
}

/// As [`cookie`], for a name that comes from a configuration.
///
/// # Errors
/// If `name` is not a token (RFC 6265, 4.1.1).
pub fn try_cookie(name: impl Into<Cow<'static, str>>) -> Result<Cookie, ConfigError> {
    config::token("a cookie name", name).map(Cookie)
}

/// Made by [`cookie`].
#[derive(Clone, Debug)]
pub struct Cookie(Cow<'static, str>);

impl Extractor for Cookie {
    fn extract<'r>(&self, request: &'r AuthRequest<'_>) -> Result<Option<Credential<'r>>, Malformed> {
        let mut found: Option<&'r str> = None;
        for value in cookie_values(&request.parts().headers, &self.0) {
            let value = str::from_utf8(value).ok().filter(|v| v.is_empty() || is_visible(v));
            let value = value.ok_or_else(|| Malformed::new(Carrier::Cookie, "the cookie is not visible ASCII"))?;
            if found.is_some_and(|known| known != value) {
                return Err(Malformed::new(Carrier::Cookie, "two different cookies have the same name"));
            }
            found = Some(value);
        }
        Ok(found.filter(|value| !value.is_empty()).map(|value| Credential::borrowed(value, Carrier::Cookie)))
    }

    fn challenges(&self, _out: &mut Vec<Challenge>) {}
}
