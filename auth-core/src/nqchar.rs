/// Whether `text` is one or more `NQCHAR` (RFC 6749, appendix A): visible ASCII without quote or backslash.
///
/// A scope, an authentication context class and an error URI have this form (RFC 6749, 3.3; RFC 6750, 3). An empty text
/// does not, nor does one with a blank.
///
/// ```
/// use auth_core::is_nqchar;
///
/// assert!(is_nqchar("chat:write"));
/// assert!(!is_nqchar("chat:read chat:write"));
/// assert!(!is_nqchar(""));
/// ```
#[must_use]
pub fn is_nqchar(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\'))
}
