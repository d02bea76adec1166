//! The port of a URL. `http` knows none also where one is written that cannot be.

use http::uri::Authority;

/// What stands behind the host is no port.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NoPort;

/// The port that is written behind the host, if there is one. An empty one is none, since both mean the default of the
/// scheme (RFC 3986, 6.2.3).
pub(crate) fn of(authority: &Authority) -> Result<Option<u16>, NoPort> {
    let rest = authority.as_str().strip_prefix(authority.host()).ok_or(NoPort)?;
    match rest.strip_prefix(':') {
        None if rest.is_empty() => Ok(None),
        Some("") => Ok(None),
        // The number parser would take a sign.
        Some(port) if port.bytes().all(|b| b.is_ascii_digit()) => port.parse().map(Some).map_err(|_| NoPort),
        _ => Err(NoPort),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(authority: &'static str) -> Result<Option<u16>, NoPort> {
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
            assert_eq!(of(authority), Err(NoPort), "{authority}");
        }
    }
}
