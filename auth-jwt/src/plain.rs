/// Whether a text has only what a scope and an error URI may be made of: `%x21 / %x23-5B / %x5D-7E` (RFC 6750, 3).
pub(crate) fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\'))
}
