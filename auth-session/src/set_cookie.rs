//! Cookies as this crate sets them: hidden from scripts.

use std::time::Duration;

use cookie::{Cookie, SameSite};
use http::HeaderValue;

/// The value of `Set-Cookie` for the whole origin, marked as sensitive. Without `max_age`, the browser forgets the cookie when it closes.
pub(crate) fn set_cookie(
    name: &str,
    value: &str,
    same_site: SameSite,
    is_secure: bool,
    max_age: Option<Duration>,
) -> Option<HeaderValue> {
    set_cookie_at("/", name, value, same_site, is_secure, max_age)
}

/// The same, for this path and what is below it.
pub(crate) fn set_cookie_at(
    path: &str,
    name: &str,
    value: &str,
    same_site: SameSite,
    is_secure: bool,
    max_age: Option<Duration>,
) -> Option<HeaderValue> {
    let mut cookie =
        Cookie::build((name, value)).path(path).http_only(true).same_site(same_site).secure(is_secure).build();
    if let Some(age) = max_age {
        let seconds = i64::try_from(age.as_secs()).unwrap_or(i64::MAX);
        cookie.set_max_age(cookie::time::Duration::seconds(seconds));
    }
    let mut line = HeaderValue::try_from(cookie.to_string()).ok()?;
    line.set_sensitive(true);
    Some(line)
}
