use std::iter;

use http::{HeaderMap, header::COOKIE};
use memchr::memchr;

/// The values of all cookies with this name, without quotes, in the order of the headers. They are unchecked: any bytes, also none.
///
/// For strategies that decide by themselves about repeated or malformed cookies. [`cookie`](crate::extract::cookie) refuses them.
pub fn cookie_values<'r>(headers: &'r HeaderMap, name: &str) -> impl Iterator<Item = &'r [u8]> {
    // HTTP/2 may split the cookies over several header lines (RFC 9113, 8.2.3).
    let pairs = headers.get_all(COOKIE).iter().flat_map(|line| pairs(line.as_bytes()));
    pairs.filter_map(move |pair| {
        let value = pair.trim_ascii().strip_prefix(name.as_bytes())?.strip_prefix(b"=")?;
        Some(value.strip_prefix(b"\"").and_then(|v| v.strip_suffix(b"\"")).unwrap_or(value))
    })
}

/// The value of the only cookie with this name, unchecked. If there are two, somebody else may have set one, so neither counts. Don't read
/// credentials with it.
#[must_use]
pub fn single_cookie<'r>(headers: &'r HeaderMap, name: &str) -> Option<&'r str> {
    let mut values = cookie_values(headers, name);
    let value = values.next()?;
    if values.next().is_some() { None } else { std::str::from_utf8(value).ok() }
}

/// What stands between the semicolons. Most lines have few, so it is searched for in large steps.
fn pairs(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(line);
    iter::from_fn(move || {
        let line = rest?;
        let end = memchr(b';', line);
        rest = end.and_then(|end| line.get(end + 1..));
        line.get(..end.unwrap_or(line.len()))
    })
}
