//! What the log shows of a request and of a configuration: escaped and cut.

use http::{HeaderName, HeaderValue, header, request::Parts};

use crate::AllowedOrigin;

/// How many allowed origins the log names.
const MAX_NAMED: usize = 8;
/// How much of a text the log shows, in characters.
const MAX_SHOWN: usize = 200;

/// The first allowed origins, and the number of the others, for a log; `None` if there are none.
pub(crate) fn named<'o>(allowed: impl IntoIterator<Item = &'o AllowedOrigin>) -> Option<String> {
    let mut allowed = allowed.into_iter();
    let named: Vec<_> = allowed.by_ref().take(MAX_NAMED).map(|origin| format!("`{origin}`")).collect();
    match (named.is_empty(), allowed.count()) {
        (true, _) => None,
        (false, 0) => Some(named.join(", ")),
        (false, more) => Some(format!("{} and {more} more", named.join(", "))),
    }
}

/// The host that the request names, for a log.
pub(crate) fn host(request: &Parts) -> String {
    request.uri.authority().map_or_else(|| shown(request, &header::HOST), |host| cut(host.as_str()))
}

/// The lines of a header, escaped and cut for a log.
pub(crate) fn shown(request: &Parts, name: &HeaderName) -> String {
    let lines: Vec<_> = request.headers.get_all(name).iter().map(HeaderValue::as_bytes).collect();
    cut(&String::from_utf8_lossy(&lines.join(b", ".as_slice())))
}

/// Escapes and cuts a text that may be hostile, for a log or an error.
pub(crate) fn cut(text: &str) -> String {
    text.escape_debug().take(MAX_SHOWN).collect()
}
