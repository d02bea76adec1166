use std::mem;

use auth_core::{SharedStr, extract::Credential};
use base64::{Engine as _, decoded_len_estimate, engine::general_purpose::STANDARD};
use zeroize::{Zeroize as _, Zeroizing};

use crate::{BasicLogin, Password};

/// Reads `user-pass` (RFC 7617, 2) from the text after the scheme.
///
/// The base64 is the standard one (RFC 4648, 4), padded, without blanks, and with zeros in unused bits. So each login has
/// exactly one form.
///
/// The error describes the problem for the log, without any text of the client.
pub(crate) fn decode(credentials: &Credential<'_>, max_len: usize) -> Result<BasicLogin, &'static str> {
    if credentials.byte_len() > max_len {
        return Err("the basic credentials are too long");
    }
    let credentials = credentials.expose();
    // Decoded into one buffer: a vector that grows would leave a copy of the password in memory.
    let mut bytes = Zeroizing::new(vec![0; decoded_len_estimate(credentials.len())]);
    let len = STANDARD.decode_slice(credentials, &mut bytes).map_err(|_| "the basic credentials are not base64")?;
    bytes.truncate(len);
    let mut text = String::from_utf8(mem::take(&mut *bytes)).map(Zeroizing::new).map_err(|error| {
        error.into_bytes().zeroize();
        "the basic credentials are not UTF-8"
    })?;
    let (username, password) = text.split_once(':').ok_or("the basic credentials have no colon")?;
    check(username, password)?;
    let username = SharedStr::from(username);
    // The buffer becomes the password. Its end is zeroed with it: a text is zeroed up to its capacity.
    text.drain(..=username.len());
    Ok(BasicLogin::of(username, Password::new(mem::take(&mut *text))))
}

/// Makes a login of these two texts, if the `Authorization` header could carry it.
pub(crate) fn login(username: &str, password: &str) -> Result<BasicLogin, &'static str> {
    if username.contains(':') {
        return Err("the user name holds a colon");
    }
    check(username, password)?;
    Ok(BasicLogin::of(username.into(), Password::new(password)))
}

/// RFC 7617, 2 forbids ASCII control characters; the profiles named in its 2.1 forbid the others (RFC 8264, 9.12).
fn check(username: &str, password: &str) -> Result<(), &'static str> {
    if username.chars().chain(password.chars()).any(char::is_control) {
        return Err("the login holds a control character");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use auth_core::Carrier;

    use super::*;

    const MAX: usize = 4096;

    fn decode(credentials: &str, max_len: usize) -> Result<BasicLogin, &'static str> {
        super::decode(&Credential::borrowed(credentials, Carrier::Header), max_len)
    }

    fn parts(text: impl AsRef<[u8]>) -> Result<(String, String), &'static str> {
        let login = decode(&STANDARD.encode(text), MAX)?;
        Ok((login.username().to_owned(), login.password().expose().to_owned()))
    }

    fn ok(username: &str, password: &str) -> Result<(String, String), &'static str> {
        Ok((username.to_owned(), password.to_owned()))
    }

    #[test]
    fn first_colon_splits() {
        assert_eq!(parts("a:b"), ok("a", "b"));
        assert_eq!(parts("a:b:c"), ok("a", "b:c"));
        assert_eq!(parts("a::"), ok("a", ":"));
    }

    #[test]
    fn either_part_may_be_empty() {
        assert_eq!(parts("a:"), ok("a", ""));
        assert_eq!(parts(":b"), ok("", "b"));
        assert_eq!(parts(":"), ok("", ""));
    }

    #[test]
    fn blanks_belong_to_the_parts() {
        assert_eq!(parts(" a : b "), ok(" a ", " b "));
    }

    #[test]
    fn text_is_utf8_and_not_normalized() {
        assert_eq!(parts("Zoë:£"), ok("Zoë", "£"));
        assert_eq!(parts("Zoe\u{308}:e\u{301}"), ok("Zoe\u{308}", "e\u{301}"));
    }

    #[test]
    fn missing_colon_is_malformed() {
        assert_eq!(parts("ab"), Err("the basic credentials have no colon"));
        assert_eq!(parts(""), Err("the basic credentials have no colon"));
    }

    #[test]
    fn bytes_that_are_not_utf8_are_malformed() {
        // What a client sends that takes Latin-1: RFC 7617, 2.1 asks it for UTF-8.
        assert_eq!(parts(b"test:123\xa3"), Err("the basic credentials are not UTF-8"));
        assert_eq!(parts(b"\xc0\x80:b"), Err("the basic credentials are not UTF-8"));
    }

    #[test]
    fn control_characters_are_malformed_in_either_part() {
        for control in (0..0x20).chain(0x7f..0xa0).filter_map(char::from_u32) {
            for text in [format!("a{control}:b"), format!("a:b{control}"), format!("{control}:"), format!(":{control}")]
            {
                assert_eq!(parts(&text), Err("the login holds a control character"), "{text:?}");
            }
        }
        assert_eq!(parts("a\u{a0}:\u{2028}"), ok("a\u{a0}", "\u{2028}"));
    }

    #[test]
    fn base64_has_exactly_one_form() {
        assert!(decode("YTpi", MAX).is_ok());
        assert!(decode("YTo=", MAX).is_ok());
        for (credentials, what) in [
            ("YTo", "padding is missing"),
            ("YTo==", "too much padding"),
            ("YTpi=", "padding where none belongs"),
            ("YTpiYw=", "half of the padding"),
            ("YT=o", "padding inside"),
            ("YTp", "bits are left over, and unpadded"),
            ("YTp=", "the bits left over are not zero"),
            ("YTpiYx==", "the bits left over are not zero"),
            ("Y", "a single character"),
            ("-_o6", "the alphabet for URLs"),
            ("YT.i", "a character of neither alphabet"),
            ("YT pi", "a blank"),
            ("YTpi\n", "a line break"),
            ("*****", "no base64 at all"),
            ("=", "padding alone"),
        ] {
            assert_eq!(decode(credentials, MAX).err(), Some("the basic credentials are not base64"), "{what}");
        }
    }

    #[test]
    fn limit_applies_to_the_encoded_credentials() {
        let n = STANDARD.encode(format!("a:{}", "b".repeat(MAX / 4 * 3 - 2)));
        assert_eq!(n.len(), MAX);
        assert!(decode(&n, MAX).is_ok());
        assert_eq!(decode(&n, MAX - 1).err(), Some("the basic credentials are too long"));
        assert_eq!(decode(&format!("{n}A"), MAX).err(), Some("the basic credentials are too long"));
    }

    #[test]
    fn user_name_in_a_payload_must_not_have_a_colon_either() {
        assert_eq!(login("a:b", "c").err(), Some("the user name holds a colon"));
    }
}
