//! What was found in the place of what was expected, in words for an operator.

use http::Uri;

/// How many characters of a stranger's text are shown.
const MAX: usize = 200;

/// A text of a stranger: escaped, in quotes, and cut after 200 characters.
pub(super) fn quoted(text: &str) -> String {
    let mut shown: String = text.chars().take(MAX).flat_map(char::escape_default).collect();
    if text.chars().nth(MAX).is_some() {
        shown.push_str("...");
    }
    format!("\"{shown}\"")
}

/// A URL of a stranger, without what may be a secret: user name, query and fragment.
pub(super) fn named(text: &str) -> String {
    let text = text.split(['?', '#']).next().unwrap_or_default();
    match text.rsplit_once('@') {
        Some((_, rest)) => quoted(&format!("...@{rest}")),
        None => quoted(text),
    }
}

/// A URL that may be fetched, without the query, which may be a secret.
pub(super) fn url(uri: &Uri) -> String {
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    format!("{}://{authority}{}", uri.scheme_str().unwrap_or_default(), uri.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_a_stranger_is_escaped_and_cut_after_200_characters() {
        assert_eq!(quoted("a\nb\u{202e}\"é"), r#""a\nb\u{202e}\"\u{e9}""#);
        assert_eq!(quoted(&"a".repeat(200)), format!("\"{}\"", "a".repeat(200)));
        assert_eq!(quoted(&"é".repeat(201)), format!("\"{}...\"", "\\u{e9}".repeat(200)));
    }

    #[test]
    fn url_of_a_stranger_is_shown_without_user_query_and_fragment() {
        for (text, shown) in [
            ("https://id.example/jwks", "\"https://id.example/jwks\""),
            ("https://user:pass@id.example/jwks?key=secret#secret", "\"...@id.example/jwks\""),
            ("https://user:p@ss@id.example", "\"...@id.example\""),
            ("https:\\\\user:pass@id.example", "\"...@id.example\""),
            ("", "\"\""),
        ] {
            assert_eq!(named(text), shown);
        }
    }
}
