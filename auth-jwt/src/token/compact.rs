use super::{Refused, base64url};
use crate::{Algorithm, KeySet, key::Verifier};

/// The three parts of a token (RFC 7515, 7.1), decoded into one buffer.
pub(crate) struct Compact<'t> {
    signing_input: &'t str,
    decoded: Vec<u8>,
    header_len: usize,
    payload_len: usize,
}

impl<'t> Compact<'t> {
    /// Takes a token apart. What does not have three parts is no JWT, so it may be another strategy's.
    pub(crate) fn parse(token: &'t str, max_len: usize) -> Result<Self, Refused> {
        if token.len() > max_len {
            return Err(Refused::invalid("the token is too long"));
        }
        let (signing_input, signature) = token.rsplit_once('.').ok_or(Refused::foreign("no JWT: one part"))?;
        let (header, payload) = signing_input.split_once('.').ok_or(Refused::foreign("no JWT: two parts"))?;
        // A dot is not base64url, so one more is found where the payload cannot be decoded.
        let unreadable = |_| {
            if payload.contains('.') {
                return Refused::foreign("no JWT: more than three parts");
            }
            Refused::invalid("a part of the token is not base64url")
        };
        let mut decoded = Vec::with_capacity(token.len());
        let mut append = |part: &str| {
            let before = decoded.len();
            base64url::decode_onto(&mut decoded, part).map_err(unreadable)?;
            Ok(decoded.len() - before)
        };
        let header_len = append(header)?;
        let payload_len = append(payload)?;
        append(signature)?;
        Ok(Self { signing_input, decoded, header_len, payload_len })
    }

    /// Checks the signature with the one key of `keys` that is the token's.
    pub(crate) fn verify(&self, keys: &KeySet, algorithm: Algorithm, kid: Option<&str>) -> Result<(), Refused> {
        self.verify_with(keys.choose(algorithm, kid)?)
    }

    pub(crate) fn verify_with(&self, verifier: &Verifier) -> Result<(), Refused> {
        if verifier.verify(self.signing_input.as_bytes(), self.signature()) {
            Ok(())
        } else {
            Err(Refused::invalid("the signature is wrong"))
        }
    }

    pub(crate) fn header(&self) -> &[u8] {
        self.decoded.get(..self.header_len).unwrap_or_default()
    }

    /// The payload, as the text that claims are.
    pub(crate) fn payload(&self) -> Result<&str, Refused> {
        let bytes = self.decoded.get(self.header_len..).and_then(|rest| rest.get(..self.payload_len));
        str::from_utf8(bytes.unwrap_or_default()).map_err(|_| Refused::invalid("not UTF-8"))
    }

    fn signature(&self) -> &[u8] {
        self.decoded.get(self.header_len + self.payload_len..).unwrap_or_default()
    }
}
