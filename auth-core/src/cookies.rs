use http::{HeaderMap, header::COOKIE};

/// The values of all cookies with this name, without quotes, in the order of the headers. They are unchecked: any bytes, also none.
///
/// For strategies that decide by themselves about repeated or malformed cookies. [`cookie`](crate::extract::cookie) refuses them.
pub fn cookie_values<'r>(headers: &'r HeaderMap, name: &str) -> impl Iterator<Item = &'r [u8]> {
    // HTTP/2 may split the cookies over several header lines (RFC 9113, 8.2.3).
    let pairs = headers.get_all(COOKIE).iter().flat_map(|line| line.as_bytes().split(|&b| b == b';'));
    pairs.filter_map(move |pair| {
        let value = pair.trim_ascii().strip_prefix(name.as_bytes())?.strip_prefix(b"=")?;
        Some(value.strip_prefix(b"\"").and_then(|v| v.strip_suffix(b"\"")).unwrap_or(value))
    })
}
