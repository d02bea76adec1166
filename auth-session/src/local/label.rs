//! A short name of a client, for a list of logins.

use http::{HeaderMap, header::USER_AGENT};

/// Words of browsers. Browsers also name older browsers. The first match counts.
const BROWSERS: [(&str, &str); 12] = [
    ("Edg/", "Edge"),
    ("EdgA/", "Edge"),
    ("EdgiOS/", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chromium/", "Chromium"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("Mozilla/", "A browser"),
];

/// Words of systems, in the same way.
const SYSTEMS: [(&str, &str); 7] = [
    ("iPhone", "iOS"),
    ("iPad", "iPadOS"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Macintosh", "macOS"),
    ("Linux", "Linux"),
];

/// The longest name of a program that is taken over.
const MAX_PROGRAM: usize = 32;

/// What the client says about itself: `Firefox on Linux`, `curl`. `None` if it says nothing, or nothing readable.
pub(super) fn of(headers: &HeaderMap) -> Option<String> {
    let agent = headers.get(USER_AGENT)?.to_str().ok()?;
    let known =
        |names: &[(&str, &'static str)]| names.iter().find(|(word, _)| agent.contains(word)).map(|(_, name)| *name);
    let client = known(&BROWSERS).or_else(|| program(agent))?;
    Some(match known(&SYSTEMS) {
        Some(system) => format!("{client} on {system}"),
        None => client.to_owned(),
    })
}

/// The product that a program begins with (RFC 9110, 10.1.5), without its version.
fn program(agent: &str) -> Option<&str> {
    let product = agent.split(['/', ' ']).next().unwrap_or_default();
    let is_name = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    ((1..=MAX_PROGRAM).contains(&product.len()) && product.bytes().all(is_name)).then_some(product)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn label(agent: &[u8]) -> Option<String> {
        of(&HeaderMap::from_iter([(USER_AGENT, HeaderValue::from_bytes(agent).unwrap())]))
    }

    #[test]
    fn clients_have_short_names() {
        let webkit = "AppleWebKit/537.36 (KHTML, like Gecko)";
        let cases = [
            ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0".to_owned(), "Firefox on Linux"),
            (
                format!("Mozilla/5.0 (Windows NT 10.0; Win64; x64) {webkit} Chrome/140.0.0.0 Safari/537.36"),
                "Chrome on Windows",
            ),
            (format!("Mozilla/5.0 (Windows NT 10.0) {webkit} Chrome/140.0 Safari/537.36 Edg/140.0"), "Edge on Windows"),
            (
                format!("Mozilla/5.0 (Linux; Android 10; K) {webkit} Chrome/140.0 Mobile Safari/537.36"),
                "Chrome on Android",
            ),
            (
                format!("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {webkit} Version/18.5 Safari/605.1"),
                "Safari on macOS",
            ),
            (
                format!("Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) {webkit} CriOS/140.0 Safari/604"),
                "Chrome on iOS",
            ),
            (
                format!("Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {webkit} Chrome/140.0 Safari/537.36 OPR/110"),
                "Opera on ChromeOS",
            ),
            ("Mozilla/5.0 (compatible)".to_owned(), "A browser"),
            ("curl/8.5.0".to_owned(), "curl"),
            ("python-requests/2.32".to_owned(), "python-requests"),
            ("Dalvik/2.1.0 (Linux; U; Android 14)".to_owned(), "Dalvik on Android"),
        ];
        for (agent, expected) in cases {
            assert_eq!(label(agent.as_bytes()).as_deref(), Some(expected), "{agent}");
        }
    }

    #[test]
    fn nothing_else_of_the_client_gets_into_a_label() {
        for agent in ["", " ", "<b>x</b>/1", "\"/1", &"a".repeat(33), "(x)", "a\tb/1"] {
            assert_eq!(label(agent.as_bytes()), None, "{agent}");
        }
        assert_eq!(label(b"\xff/1"), None);
        assert_eq!(of(&HeaderMap::new()), None);
    }
}
