use std::borrow::Cow;

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{AUTHORIZATION, COOKIE},
};

use super::{Credential, Extractor, Malformed, credential::is_visible};
use crate::{
    AuthRequest, Carrier, Challenge, Needs,
    config::{self, ConfigError},
};

/// `Authorization: Bearer <token>` (RFC 6750, 2.1).
#[must_use]
pub fn bearer() -> AuthScheme {
    auth_scheme("Bearer")
}

/// `Authorization: <scheme> <credentials>` with the credentials in `token68` form (RFC 9110, 11.4).
///
/// The scheme ignores case; one or more blanks follow it. Another scheme gives `Ok(None)`. The header is malformed if it
/// repeats, if nothing or more than one word follows the scheme, or if a character is not `token68`. A credential that is
/// longer than the strategy allows is not checked.
///
/// # Panics
/// If `scheme` is not a token (RFC 9110, 5.6.2). Where it comes from a configuration, use [`try_auth_scheme`].
#[must_use]
#[track_caller]
pub fn auth_scheme(scheme: impl Into<Cow<'static, str>>) -> AuthScheme {
    config::built(try_auth_scheme(scheme))
}

/// As [`auth_scheme`], for a scheme that comes from a configuration.
///
/// # Errors
/// If `scheme` is not a token (RFC 9110, 5.6.2).
pub fn try_auth_scheme(scheme: impl Into<Cow<'static, str>>) -> Result<AuthScheme, ConfigError> {
    config::token("an authentication scheme", scheme).map(AuthScheme)
}

/// Made by [`bearer`] and [`auth_scheme`].
#[derive(Clone, Debug)]
pub struct AuthScheme(Cow<'static, str>);

impl Extractor for AuthScheme {
    fn extract<'r>(&self, request: &'r AuthRequest<'_>) -> Result<Option<Credential<'r>>, Malformed> {
        self.extract_within(request, usize::MAX)
    }

    fn extract_within<'r>(
        &self,
        request: &'r AuthRequest<'_>,
        max_len: usize,
    ) -> Result<Option<Credential<'r>>, Malformed> {
        let Some(value) = single(&request.parts().headers, &AUTHORIZATION)? else {
            return Ok(None);
        };
        let bytes = value.as_bytes();
        let end = bytes.iter().position(|b| matches!(b, b' ' | b'\t')).unwrap_or(bytes.len());
        let (scheme, rest) = bytes.split_at(end);
        if !scheme.eq_ignore_ascii_case(self.0.as_bytes()) {
            return Ok(None);
        }
        // Only blanks may separate scheme and credentials; trailing ones are not part of the value.
        let token = without_blanks(rest);
        if token.len() > max_len {
            return Ok(Some(Credential::too_long(token, Carrier::Header)));
        }
        match str::from_utf8(token) {
            Ok(token) if is_token68(token) => Ok(Some(Credential::borrowed(token, Carrier::Header))),
            _ => Err(Malformed::new(Carrier::Header, "not exactly one well-formed word after the scheme")),
        }
    }

    fn challenges(&self, out: &mut Vec<Challenge>) {
        out.push(Challenge::new(self.0.clone()));
    }
}

/// A header whose whole value is the credential, `X-Api-Key` for example.
///
/// The value must be visible ASCII without blanks. An empty or a repeated header is malformed. A value that is longer than the
/// strategy allows is not checked.
///
/// The challenge is `ApiKey in="header", name="…"`. No RFC defines a scheme for it: the name is the usual one, and the
/// parameters are OpenAPI's.
///
/// # Panics
/// If `name` is not a field name (RFC 9110, 5.1), or is `cookie`. Where it comes from a configuration, use [`try_header`].
#[must_use]
#[track_caller]
pub fn header(name: impl Into<Cow<'static, str>>) -> Header {
    config::built(try_header(name))
}

/// As [`header`], for a name that comes from a configuration. It ignores case.
///
/// # Errors
/// If `name` is not a field name (RFC 9110, 5.1), or is `cookie`: browsers send that header by themselves, so its content
/// never counts as sent on purpose. Use [`cookie`](super::cookie).
pub fn try_header(name: impl Into<Cow<'static, str>>) -> Result<Header, ConfigError> {
    let name = config::token("a header name", name)?;
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| ConfigError::new("a header name is too long"))?;
    if name == COOKIE {
        return Err(ConfigError::new(
            "browsers send the header `cookie` by themselves, and it holds all cookies: name one cookie with `cookie`",
        ));
    }
    Ok(Header(name))
}

/// Made by [`header`].
#[derive(Clone, Debug)]
pub struct Header(HeaderName);

impl Extractor for Header {
    fn extract<'r>(&self, request: &'r AuthRequest<'_>) -> Result<Option<Credential<'r>>, Malformed> {
        self.extract_within(request, usize::MAX)
    }

    fn extract_within<'r>(
        &self,
        request: &'r AuthRequest<'_>,
        max_len: usize,
    ) -> Result<Option<Credential<'r>>, Malformed> {
        let Some(value) = single(&request.parts().headers, &self.0)? else {
            return Ok(None);
        };
        if value.len() > max_len {
            return Ok(Some(Credential::too_long(value.as_bytes(), Carrier::Header)));
        }
        match value.to_str() {
            Ok(text) if is_visible(text) => Ok(Some(Credential::borrowed(text, Carrier::Header))),
            _ => Err(Malformed::new(Carrier::Header, "the header is empty or not visible ASCII")),
        }
    }

    fn needs(&self, needs: &mut Needs) {
        needs.add_header_name(self.0.clone());
    }

    fn challenges(&self, out: &mut Vec<Challenge>) {
        out.push(Challenge::api_key("header", self.0.as_str()));
    }
}

fn single<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h HeaderValue>, Malformed> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (value, None) => Ok(value),
        (_, Some(_)) => Err(Malformed::new(Carrier::Header, "the header is repeated")),
    }
}

/// Without the spaces at both ends.
fn without_blanks(value: &[u8]) -> &[u8] {
    let is_text = |b: &u8| *b != b' ';
    let (start, end) = (value.iter().position(is_text), value.iter().rposition(is_text));
    start.zip(end).and_then(|(start, end)| value.get(start..=end)).unwrap_or_default()
}

/// `token68` of RFC 9110, 11.2.
fn is_token68(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    // Every request checks every byte of a token, and nearly all tokens are good. So whole blocks are checked without a
    // branch, and the compiler checks many bytes of a block at once. The rest is filled up to a block.
    let (blocks, rest) = body.as_bytes().as_chunks::<BLOCK>();
    let mut last = [b'A'; BLOCK];
    last.iter_mut().zip(rest).for_each(|(to, &from)| *to = from);
    !body.is_empty() && blocks.iter().chain([&last]).all(is_token68_block)
}

const BLOCK: usize = 32;

fn is_token68_block(block: &[u8; BLOCK]) -> bool {
    block.iter().fold(true, |all, &b| all & is_token68_byte(b))
}

/// Whether a `token68` may hold the byte before the padding.
fn is_token68_byte(b: u8) -> bool {
    let is_between = |b: u8, first: u8, last: u8| b.wrapping_sub(first) <= last - first;
    // The range from `-` to `9` holds `-`, `.`, `/` and the digits. With the bit, a capital letter is a small one, and nothing
    // else becomes a letter.
    is_between(b, b'-', b'9') | is_between(b | 0x20, b'a', b'z') | (b == b'_') | (b == b'~') | (b == b'+')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token68_has_the_characters_of_the_rfc_and_final_padding() {
        for b in 0..=127_u8 {
            let is_allowed = b.is_ascii_alphanumeric() || b"-._~+/".contains(&b);
            assert_eq!(is_token68_byte(b), is_allowed, "{b}");
            assert_eq!(is_token68(&char::from(b).to_string()), is_allowed, "{b}");
        }
        assert!((128..=255).all(|b| !is_token68_byte(b)));
        assert!(is_token68("a==") && !is_token68("a=a") && !is_token68("="));
    }

    #[test]
    fn token68_is_checked_to_its_last_byte() {
        for (len, at) in (1..=2 * BLOCK + 1).flat_map(|len| (0..len).map(move |at| (len, at))) {
            let mut text = "a".repeat(len);
            assert!(is_token68(&text));
            text.replace_range(at..=at, ",");
            assert!(!is_token68(&text), "{text}");
        }
    }
}
