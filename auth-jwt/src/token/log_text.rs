//! Texts for the log. They may come from anyone, so they are quoted, escaped and cut.

use std::fmt::Write as _;

use crate::Algorithm;

/// The longest text from a token in the log, in characters.
pub(crate) const LONGEST: usize = 200;

/// The longest list in the log, in entries.
const MOST: usize = 8;

/// Stands for a value that is not there.
pub(crate) const ABSENT: &str = "absent";

/// A text for the log: quoted, escaped and cut.
pub(crate) fn quoted(text: &str) -> String {
    let mut shown: String = text.escape_debug().take(LONGEST + 1).collect();
    if let Some((cut, _)) = shown.char_indices().nth(LONGEST) {
        shown.truncate(cut);
        shown.push('…');
    }
    format!("\"{shown}\"")
}

/// As [`quoted`], for a text that may be absent.
pub(crate) fn quoted_or_absent(text: Option<&str>) -> String {
    text.map_or_else(|| ABSENT.to_owned(), quoted)
}

/// As [`quoted`], for a list. Only the first entries are shown; a single entry is shown without brackets.
pub(crate) fn quoted_list<'t>(texts: impl IntoIterator<Item = &'t str>) -> String {
    joined(texts.into_iter().map(quoted))
}

/// Names of algorithms.
pub(crate) fn algorithms(algorithms: impl IntoIterator<Item = Algorithm>) -> String {
    quoted_list(algorithms.into_iter().map(|algorithm| algorithm.name()))
}

/// A key, or the key that a token asks for.
pub(crate) fn key(kid: Option<&str>, own: impl IntoIterator<Item = Algorithm>, issuer: Option<&str>) -> String {
    let issuer = issuer.map(|issuer| format!(" of the issuer {}", quoted(issuer))).unwrap_or_default();
    format!("kid {} for {}{issuer}", quoted_or_absent(kid), algorithms(own))
}

/// A list of entries that are already quoted.
pub(crate) fn joined(entries: impl IntoIterator<Item = String>) -> String {
    let mut entries = entries.into_iter();
    let shown: Vec<_> = entries.by_ref().take(MOST).collect();
    let more = entries.count();
    match shown.as_slice() {
        [] => "none".to_owned(),
        [only] if more == 0 => only.clone(),
        _ => {
            let mut list = format!("[{}", shown.join(", "));
            if more > 0 {
                // OK because writing to a `String` cannot fail.
                let _ = write!(list, ", and {more} more");
            }
            list.push(']');
            list
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped_and_cut_after_200_characters() {
        assert_eq!(quoted("a\"b\n\u{1b}[31m\u{202e}"), r#""a\"b\n\u{1b}[31m\u{202e}""#);
        assert_eq!(quoted(&"é".repeat(200)), format!("\"{}\"", "é".repeat(200)));
        assert_eq!(quoted(&"é".repeat(201)), format!("\"{}…\"", "é".repeat(200)));
        assert_eq!(quoted(&"\n".repeat(8000)).chars().count(), 203);
    }

    #[test]
    fn lists_are_cut_after_8_entries() {
        assert_eq!(quoted_list([]), "none");
        assert_eq!(quoted_list(["a"]), r#""a""#);
        assert_eq!(quoted_list(["a", "b"]), r#"["a", "b"]"#);
        assert!(quoted_list(["a"; 8]).ends_with(r#""a", "a"]"#));
        assert!(quoted_list(["a"; 10]).ends_with(r#""a", and 2 more]"#));
    }
}
