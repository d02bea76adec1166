use std::fmt::Write as _;

use auth_core::{Outcome, Rejection};

use crate::Algorithm;

/// The longest text of a token in the log, in characters.
pub(crate) const LONGEST: usize = 200;

/// The longest list in the log, in entries.
const MOST: usize = 8;

/// Why a token is not accepted. The client reads nothing of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Not ours: no JWT at all, of another issuer, or of another kind of key.
    Unrecognized(Reason),
    /// Ours, and wrong.
    Invalid(Reason),
    /// Ours, and right once.
    Expired(Reason),
}

/// A constant for the log, and what was expected and found, if that helps an operator.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reason {
    why: &'static str,
    details: Option<Box<Details>>,
}

#[derive(Debug, PartialEq, Eq)]
struct Details {
    expected: String,
    found: String,
}

impl Refused {
    pub(crate) fn foreign(why: &'static str) -> Self {
        Self::Unrecognized(why.into())
    }

    pub(crate) fn invalid(why: &'static str) -> Self {
        Self::Invalid(why.into())
    }

    pub(crate) fn expired() -> Self {
        Self::Expired("the token is past its end".into())
    }

    /// As [`Reason::because`].
    pub(crate) fn because(self, details: impl FnOnce() -> (String, String)) -> Self {
        match self {
            Self::Unrecognized(reason) => Self::Unrecognized(reason.because(details)),
            Self::Invalid(reason) => Self::Invalid(reason.because(details)),
            Self::Expired(reason) => Self::Expired(reason.because(details)),
        }
    }

    #[cfg(feature = "dpop")]
    pub(crate) fn into_reason(self) -> Reason {
        match self {
            Self::Unrecognized(reason) | Self::Invalid(reason) | Self::Expired(reason) => reason,
        }
    }
}

impl Reason {
    /// Adds what was expected and what was found, as [`one`] and [`many`] show it. Details that are there already stay.
    ///
    /// Only `iss`, `aud`, `azp`, `client_id`, `alg`, `typ`, `kid`, lengths, times and names of claims may be shown. `sub`,
    /// `jti`, `nonce` and values of other claims are personal or secret.
    ///
    /// `details` is called only if DEBUG is logged, so that a refusal stays cheap.
    pub(crate) fn because(mut self, details: impl FnOnce() -> (String, String)) -> Self {
        if self.details.is_none() && tracing::enabled!(tracing::Level::DEBUG) {
            let (expected, found) = details();
            self.details = Some(Box::new(Details { expected, found }));
        }
        self
    }

    #[cfg(all(feature = "dpop", test))]
    pub(crate) fn why(&self) -> &'static str {
        self.why
    }

    pub(crate) fn log(&self, what: &'static str) {
        let expected = self.details.as_deref().map(|details| tracing::field::display(&details.expected));
        let found = self.details.as_deref().map(|details| tracing::field::display(&details.found));
        tracing::debug!(why = self.why, expected, found, "{what}");
    }
}

impl From<&'static str> for Reason {
    fn from(why: &'static str) -> Self {
        Self { why, details: None }
    }
}

impl<U> From<Refused> for Outcome<U> {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Unrecognized(reason) => {
                reason.log("the token is not for this strategy");
                Self::Unrecognized
            }
            Refused::Invalid(reason) => {
                reason.log("the token is refused");
                Self::Reject(Rejection::invalid_credentials())
            }
            Refused::Expired(reason) => {
                reason.log("the token is refused");
                Self::Reject(Rejection::token_expired())
            }
        }
    }
}

/// A text for the log: quoted, escaped and cut, since a stranger may have written it.
pub(crate) fn one(text: &str) -> String {
    let mut shown: String = text.escape_debug().take(LONGEST + 1).collect();
    if let Some((cut, _)) = shown.char_indices().nth(LONGEST) {
        shown.truncate(cut);
        shown.push('…');
    }
    format!("\"{shown}\"")
}

/// The same for a text that may be absent.
pub(crate) fn optional(text: Option<&str>) -> String {
    text.map_or_else(|| ABSENT.to_owned(), one)
}

/// The same for a list, of which only the first entries are shown. A list of one is shown as that one.
pub(crate) fn many<'t>(texts: impl IntoIterator<Item = &'t str>) -> String {
    list(texts.into_iter().map(one))
}

/// Names of algorithms.
pub(crate) fn algorithms(algorithms: impl IntoIterator<Item = Algorithm>) -> String {
    many(algorithms.into_iter().map(|algorithm| algorithm.name()))
}

/// A key, or what a token says of its key.
pub(crate) fn key(kid: Option<&str>, own: impl IntoIterator<Item = Algorithm>, issuer: Option<&str>) -> String {
    let issuer = issuer.map(|issuer| format!(" of the issuer {}", one(issuer))).unwrap_or_default();
    format!("kid {} for {}{issuer}", optional(kid), algorithms(own))
}

/// A list of entries that are ready to be shown.
pub(crate) fn list(entries: impl IntoIterator<Item = String>) -> String {
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

pub(crate) const ABSENT: &str = "absent";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped_and_cut_after_200_characters() {
        assert_eq!(one("a\"b\n\u{1b}[31m\u{202e}"), r#""a\"b\n\u{1b}[31m\u{202e}""#);
        assert_eq!(one(&"é".repeat(200)), format!("\"{}\"", "é".repeat(200)));
        assert_eq!(one(&"é".repeat(201)), format!("\"{}…\"", "é".repeat(200)));
        assert_eq!(one(&"\n".repeat(8000)).chars().count(), 203);
    }

    #[test]
    fn lists_are_cut_after_8_entries() {
        assert_eq!(many([]), "none");
        assert_eq!(many(["a"]), r#""a""#);
        assert_eq!(many(["a", "b"]), r#"["a", "b"]"#);
        assert!(many(["a"; 8]).ends_with(r#""a", "a"]"#));
        assert!(many(["a"; 10]).ends_with(r#""a", and 2 more]"#));
    }

    #[test]
    fn the_first_details_stay() {
        let shown = |text: &'static str| move || (one(text), optional(None));
        tracing::subscriber::with_default(tracing_subscriber::registry(), || {
            let refused = Refused::invalid("why").because(shown("first")).because(shown("second"));
            let Refused::Invalid(Reason { details: Some(details), .. }) = refused else { panic!("no details") };
            assert_eq!((details.expected.as_str(), details.found.as_str()), ("\"first\"", ABSENT));
        });
    }

    #[test]
    fn details_cost_nothing_where_nobody_reads_them() {
        tracing::subscriber::with_default(tracing::subscriber::NoSubscriber::new(), || {
            let _ = Refused::foreign("why").because(|| panic!("nobody reads it"));
        });
    }
}
