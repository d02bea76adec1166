use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{TokenError, base64url};
use crate::{
    Algorithm, KeySet,
    key::{MAX_TRIES, Verifier},
};

/// The three parts of a token (RFC 7515, 7.1). All are base64url; the header is decoded only on request, since most tokens of
/// an issuer have the same one.
pub(crate) struct Compact<'t> {
    signing_input: &'t str,
    header: &'t str,
    /// The payload, then the signature.
    decoded: Vec<u8>,
    payload_len: usize,
}

impl<'t> Compact<'t> {
    /// Splits and decodes a token. Text without three parts, or that does not begin with a JSON object, is not a JWT. It may
    /// belong to another strategy: a PASETO, or an API key with dots.
    pub(crate) fn parse(token: &'t str, max_len: usize) -> Result<Self, TokenError> {
        if !has_header(token) {
            return Err(TokenError::without_header());
        }
        if token.len() > max_len {
            return Err(TokenError::too_long(token.len(), max_len));
        }
        let (signing_input, signature) =
            token.rsplit_once('.').ok_or_else(|| TokenError::unrecognized("not a JWT: one part"))?;
        let (header, payload) =
            signing_input.split_once('.').ok_or_else(|| TokenError::unrecognized("not a JWT: two parts"))?;
        let mut decoded = Vec::with_capacity(token.len());
        let mut append = |part: &str| base64url::decode_onto(&mut decoded, part).map(|()| decoded.len());
        let both = append(payload).and_then(|payload_len| append(signature).map(|_| payload_len));
        // A dot is not base64url, so another dot shows when the payload cannot be decoded.
        let payload_len = both.map_err(|_| match payload.contains('.') {
            true => TokenError::unrecognized("not a JWT: more than three parts"),
            false => not_base64url(),
        })?;
        Ok(Self { signing_input, header, decoded, payload_len })
    }

    /// Checks the signature with the `keys` that fit.
    pub(crate) fn verify(
        &self,
        keys: &KeySet,
        algorithm: Algorithm,
        kid: Option<&str>,
        issuer: Option<&str>,
    ) -> Result<(), TokenError> {
        let mut fitting = keys.fitting(algorithm, kid, issuer);
        // Usually one key fits.
        let first = fitting.next().ok_or_else(|| TokenError::unrecognized("no key fits the token"))?;
        let others: [Option<&Verifier>; MAX_TRIES - 1] = std::array::from_fn(|_| fitting.next());
        if fitting.next().is_some() {
            return Err(TokenError::invalid("too many keys fit the token: name them"));
        }
        let result = self.verify_with(first);
        if result.is_ok() || others.into_iter().flatten().any(|verifier| self.verify_with(verifier).is_ok()) {
            return Ok(());
        }
        result
    }

    pub(crate) fn verify_with(&self, verifier: &Verifier) -> Result<(), TokenError> {
        if verifier.verify(self.signing_input.as_bytes(), self.signature()) {
            Ok(())
        } else {
            Err(TokenError::invalid("the signature is wrong"))
        }
    }

    /// The header as it is written.
    pub(crate) fn encoded_header(&self) -> &'t str {
        self.header
    }

    /// The JSON of the header.
    pub(crate) fn header(&self) -> Result<Vec<u8>, TokenError> {
        let mut json = Vec::new();
        base64url::decode_onto(&mut json, self.header).map_err(|_| not_base64url())?;
        Ok(json)
    }

    /// The payload as text.
    pub(crate) fn payload(&self) -> Result<&str, TokenError> {
        let bytes = self.decoded.get(..self.payload_len).unwrap_or_default();
        str::from_utf8(bytes).map_err(|_| TokenError::invalid("not UTF-8"))
    }

    fn signature(&self) -> &[u8] {
        self.decoded.get(self.payload_len..).unwrap_or_default()
    }
}

fn not_base64url() -> TokenError {
    TokenError::invalid("a part of the token is not base64url")
}

/// Whether the text begins like a header: with the brace of a JSON object in base64url, after optional white space.
pub(crate) fn has_header(token: &str) -> bool {
    // Nearly all headers begin with `{"`.
    if matches!(token.as_bytes(), [b'e', b'y', b'I' | b'J' | b'K' | b'L', last, ..] if is_base64url(*last)) {
        return true;
    }
    // Four characters always encode three bytes.
    let groups = token.as_bytes().chunks_exact(4).take(16).map_while(|group| {
        let mut bytes = [0; 3];
        URL_SAFE_NO_PAD.decode_slice(group, &mut bytes).ok().map(|_| bytes)
    });
    groups.flatten().find(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r')) == Some(b'{')
}

fn is_base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_begins_with_a_brace_after_white_space() {
        let begins = |json: &str| has_header(&URL_SAFE_NO_PAD.encode(json));
        for json in [r#"{"a":1}"#, r#"{ "a":1}"#, "{}x", " \t\r\n{}xyz", &format!("{}{{", " ".repeat(47))] {
            assert!(begins(json), "{json}");
        }
        for json in ["", "{", "[{}]", r#""{}"#, &format!("{}{{", " ".repeat(48))] {
            assert!(!begins(json), "{json}");
        }
        assert!(!has_header("eyJ") && !has_header("eyJ.") && !has_header("eyJ+") && !has_header("eyé"));
    }
}
