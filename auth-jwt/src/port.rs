//! The port of a URL. `Authority::port_u16` returns `None` also for a port that is out of range or not a number, as if it were
//! absent.

use http::uri::Authority;

/// The text after the host is not a port.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct InvalidPort;

/// The port after the host, if there is one. An empty port counts as absent, since both mean the default of the
/// scheme (RFC 3986, 6.2.3).
///
/// `auth-core/src/origin.rs` has the same rule for origins, except that it refuses an empty one.
pub(crate) fn of(authority: &Authority) -> Result<Option<u16>, InvalidPort> {
    let rest = authority.as_str().strip_prefix(authority.host()).ok_or(InvalidPort)?;
    match rest.strip_prefix(':') {
        None if rest.is_empty() => Ok(None),
        Some("") => Ok(None),
        // The number parser would accept a sign.
        Some(port) if port.bytes().all(|b| b.is_ascii_digit()) => port.parse().map(Some).map_err(|_| InvalidPort),
        _ => Err(InvalidPort),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(authority: &'static str) -> Result<Option<u16>, InvalidPort> {
        super::of(&Authority::from_static(authority))
    }

    #[test]
    fn port_is_a_number_up_to_65535_or_absent_or_empty() {
        for (authority, port) in [
            ("a.example", None),
            ("a.example:", None),
            ("[::1]", None),
            ("[::1]:443", Some(443)),
            ("a.example:0443", Some(443)),
            ("a.example:65535", Some(65535)),
        ] {
            assert_eq!(of(authority), Ok(port), "{authority}");
        }
        for authority in
            ["a.example:65536", "a.example:+443", "a.example:-1", "a.example:https", "[::1]443", "u@a.example"]
        {
            assert_eq!(of(authority), Err(InvalidPort), "{authority}");
        }
    }
}
