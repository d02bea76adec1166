use std::borrow::Cow;

use auth_core::Payload;
use percent_encoding::percent_decode;
use zeroize::Zeroizing;

/// The pairs of a form (URL standard, 5.1); `None` if a name or a value is not UTF-8 once it is decoded.
///
/// The standard and `form_urlencoded` would replace such bytes with U+FFFD, which makes different passwords equal.
pub(super) fn fields(body: &[u8]) -> Option<Payload> {
    let mut payload = Payload::new();
    for pair in body.split(|&b| b == b'&').filter(|pair| !pair.is_empty()) {
        let mut parts = pair.splitn(2, |&b| b == b'=');
        let (name, value) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        payload.push_text(decoded(name)?, decoded(value)?);
    }
    Some(payload)
}

fn decoded(encoded: &[u8]) -> Option<String> {
    let blanks = |b| if b == b'+' { b' ' } else { b };
    let encoded: Zeroizing<Vec<u8>> = Zeroizing::new(encoded.iter().copied().map(blanks).collect());
    percent_decode(&encoded).decode_utf8().ok().map(Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Our decoder and the handler's agree on what both accept.
    #[test]
    fn form_pairs_are_parsed_as_in_the_standard() {
        for body in ["", "&", "a", "=", "a=1&token=a%2Bb+c", "&&a==b=&%zz=%&+=%C3%A9&é=%e2%82%ac", "a=%2526&a=%26"] {
            let mut expected = Payload::new();
            for (name, value) in form_urlencoded::parse(body.as_bytes()) {
                expected.push_text(name, value);
            }
            let payload = fields(body.as_bytes()).unwrap();
            assert_eq!(format!("{payload:?}"), format!("{expected:?}"), "{body}");
            for (name, _) in form_urlencoded::parse(body.as_bytes()) {
                assert_eq!(payload.text(&name).ok(), expected.text(&name).ok(), "{body}");
            }
        }
        assert_eq!(fields(b"a=1&token=a%2Bb+c").unwrap().text("token").unwrap(), Some("a+b c"));
    }

    #[test]
    fn invalid_utf_8_is_refused_and_not_replaced() {
        for body in [&b"a=%FF"[..], b"%ff", b"a=\xff", b"a=%C3&b=%A9", b"a=%ED%A0%80", b"a=%C0%80"] {
            assert!(fields(body).is_none(), "{}", body.escape_ascii());
        }
    }
}
