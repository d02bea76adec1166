use http::Uri;

use crate::{port, token::log_text::quoted};

/// A public origin, and a prefix of the path that a proxy removes.
#[derive(Debug)]
pub(super) struct PublicUrl {
    /// Scheme, host and, unless it is the default, port.
    origin: String,
    /// Without a trailing slash.
    prefix: String,
}

impl PublicUrl {
    pub(super) fn parse(url: &str) -> Option<Self> {
        if url.contains(['?', '#']) {
            return None;
        }
        let (origin, path) = split(url)?;
        Some(Self { origin, prefix: path.trim_end_matches('/').to_owned() })
    }

    /// For the log.
    pub(super) fn shown(&self) -> String {
        quoted(&format!("{}{}", self.origin, self.prefix))
    }

    /// Whether `htu` names the target of a request for `path`. Query and fragment are ignored (RFC 9449, 4.3), and both sides
    /// are normalised (RFC 3986, 6.2.2 and 6.2.3).
    pub(super) fn is_target(&self, htu: &str, path: &str) -> bool {
        let Some((origin, named)) = split(htu) else {
            return false;
        };
        let asked = normalised(&format!("{}{path}", self.prefix));
        // The server routes the path as it is written, so a path with dots may lead elsewhere than the normalised one.
        origin == self.origin && !has_dots(path) && asked.is_some() && normalised(&named) == asked
    }
}

/// The target of a proof, for the log: only the origin, since a path may contain a secret.
pub(super) fn shown(htu: &str) -> String {
    split(htu).map_or_else(|| "not a URL".to_owned(), |(origin, _)| format!("a path behind {}", quoted(&origin)))
}

/// The normalised origin, and the path as it is written.
fn split(url: &str) -> Option<(String, String)> {
    // The parser leaves a fragment out.
    let uri: Uri = url.parse().ok()?;
    let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'))?;
    let (scheme, default_port) = match uri.scheme_str()? {
        "https" => ("https", 443),
        "http" => ("http", 80),
        _ => return None,
    };
    let host = authority.host().to_ascii_lowercase();
    let origin = match port::of(authority).ok()?.filter(|port| *port != default_port) {
        Some(port) => format!("{scheme}://{host}:{port}"),
        None => format!("{scheme}://{host}"),
    };
    Some((origin, uri.path().to_owned()))
}

/// A path without dots, and with only the necessary escapes in capitals. `None` if an escape is broken.
fn normalised(path: &str) -> Option<String> {
    let mut decoded = String::with_capacity(path.len());
    let mut rest = path.chars();
    while let Some(c) = rest.next() {
        if c != '%' {
            decoded.push(c);
            continue;
        }
        let mut digit = || rest.next().and_then(|c| c.to_digit(16));
        let byte = u8::try_from(digit()? * 16 + digit()?).ok()?;
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            decoded.push(char::from(byte));
        } else {
            decoded.push_str(&format!("%{byte:02X}"));
        }
    }
    Some(without_dots(&decoded))
}

/// Whether the path has a segment `.` or `..`.
fn has_dots(path: &str) -> bool {
    path.split('/').any(|segment| matches!(&*segment.replace("%2e", ".").replace("%2E", "."), "." | ".."))
}

/// Removes dot segments (RFC 3986, 5.2.4) from a path that begins with a slash. An empty path is the root.
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            "." => {}
            ".." => _ = kept.pop(),
            _ => {
                kept.push(segment);
                continue;
            }
        }
        // A path that ends in dots names a folder.
        if is_last {
            kept.push("");
        }
    }
    format!("/{}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_target(base: &str, htu: &str, path: &str) -> bool {
        PublicUrl::parse(base).unwrap().is_target(htu, path)
    }

    #[test]
    fn target_is_compared_normalised_and_without_query_and_fragment() {
        let same = [
            ("https://api.example/a", "/a"),
            ("https://api.example/a?b=c#d", "/a"),
            ("HTTPS://API.Example:443/a", "/a"),
            ("https://api.example", "/"),
            ("https://api.example/", "/"),
            ("https://api.example/%7Eann/%c3%a4", "/~ann/%C3%A4"),
            ("https://api.example/a/./b/../c", "/a/c"),
            ("https://api.example/a/b/..", "/a/"),
            ("https://api.example/../a", "/a"),
            ("https://api.example//a", "//a"),
            // An empty port is the default one (RFC 3986, 6.2.3).
            ("https://api.example:/a", "/a"),
        ];
        for (htu, path) in same {
            assert!(is_target("https://api.example", htu, path), "{htu} {path}");
            assert!(is_target("https://API.example:443/", htu, path), "{htu} {path}");
        }
    }

    #[test]
    fn other_targets_differ() {
        let other = [
            ("http://api.example/a", "/a"),
            ("wss://api.example/a", "/a"),
            ("https://api.example:8443/a", "/a"),
            ("https://api.example.evil/a", "/a"),
            ("https://user@api.example/a", "/a"),
            ("https://api.example:65535/a", "/a"),
            ("https://api.example:65536/a", "/a"),
            ("https://api.example:+443/a", "/a"),
            ("https://api.example:https/a", "/a"),
            ("https://api.example/a/", "/a"),
            ("https://api.example/A", "/a"),
            ("https://api.example/a%2Fb", "/a/b"),
            ("https://api.example/%zz", "/%zz"),
            ("https://api.example/a%2", "/a%2"),
            ("//api.example/a", "/a"),
            ("/a", "/a"),
            ("", "/"),
            ("https://api.example/a b", "/a"),
            // It is unknown where a path with dots is routed to.
            ("https://api.example/b", "/a/../b"),
            ("https://api.example/b", "/a/%2e%2E/b"),
            ("https://api.example/a", "/./a"),
        ];
        for (htu, path) in other {
            assert!(!is_target("https://api.example", htu, path), "{htu} {path}");
        }
    }

    #[test]
    fn prefix_of_a_proxy_is_put_before_the_path() {
        for base in ["https://api.example/v1", "https://api.example/v1/"] {
            assert!(is_target(base, "https://api.example/v1/a", "/a"));
            assert!(!is_target(base, "https://api.example/a", "/a"));
            assert!(!is_target(base, "https://api.example/evil", "/../evil"));
        }
        assert!(is_target("http://[::1]:3000", "http://[::1]:3000/a", "/a"));
        assert!(is_target("https://api.example:65535", "https://api.example:65535/a", "/a"));
    }

    #[test]
    fn base_must_be_a_plain_url() {
        for bad in [
            "",
            "api.example",
            "/v1",
            "wss://api.example",
            "https://u@api.example",
            "https://a.example?b",
            "https://a.example/#",
            "https://a.example:65536",
        ] {
            assert!(PublicUrl::parse(bad).is_none(), "{bad}");
        }
    }
}
