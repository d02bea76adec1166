use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use zeroize::Zeroize as _;

use super::{Credential, Extractor, Malformed, is_visible};
use crate::{AuthRequest, Carrier, Needs, Transport, challenge::is_token};

/// The longest token in a subprotocol, in bytes: 4 KiB.
const DEFAULT_MAX_LEN: usize = 4 * 1024;

/// An entry of `Sec-WebSocket-Protocol` that is `prefix`, then the token in base64url without padding:
/// `auth.bearer.<base64url>`.
///
/// A browser cannot set headers on a WebSocket, but it can offer subprotocols. Looked at in handshakes only. At least
/// one other subprotocol must be offered beside it, since the server answers with one of the offered and must not
/// answer with the token. The middleware takes the entry out before the handler sees the request.
///
/// Repeated, not decodable, without another subprotocol, or longer than 4 KiB
/// (settable with [`max_len`](Subprotocol::max_len)): malformed.
///
/// # Panics
/// If `prefix` is no token (RFC 6455, 4.1). It is a constant of the program, so that shows at the first start.
#[must_use]
pub fn subprotocol(prefix: &'static str) -> Subprotocol {
    assert!(is_token(prefix), "the prefix of a subprotocol must be a token of RFC 9110");
    Subprotocol { prefix, encoded: true, max_len: DEFAULT_MAX_LEN }
}

/// As [`subprotocol`], with the token as it is. It must be made of characters that a subprotocol may hold, as a JWT is.
///
/// # Panics
/// As [`subprotocol`].
#[must_use]
pub fn raw_subprotocol(prefix: &'static str) -> Subprotocol {
    Subprotocol { encoded: false, ..subprotocol(prefix) }
}

/// Made by [`subprotocol`] and [`raw_subprotocol`].
#[derive(Clone, Copy, Debug)]
pub struct Subprotocol {
    prefix: &'static str,
    encoded: bool,
    max_len: usize,
}

impl Subprotocol {
    /// The longest token, in bytes, after decoding.
    #[must_use]
    pub fn max_len(mut self, bytes: usize) -> Self {
        self.max_len = bytes;
        self
    }

    fn decode(self, entry: &str) -> Option<Credential<'_>> {
        if !self.encoded {
            return (entry.len() <= self.max_len && is_visible(entry))
                .then(|| Credential::borrowed(entry, Carrier::Subprotocol));
        }
        // Four characters carry three bytes: what is longer than that need not be decoded to be refused.
        if entry.len() / 4 * 3 > self.max_len {
            return None;
        }
        let token = String::from_utf8(URL_SAFE_NO_PAD.decode(entry).ok()?);
        let token = token.map_err(|e| e.into_bytes().zeroize()).ok()?;
        let credential = Credential::owned(token, Carrier::Subprotocol);
        (credential.expose().len() <= self.max_len && is_visible(credential.expose())).then_some(credential)
    }
}

impl Extractor for Subprotocol {
    fn extract<'r>(&self, request: &'r AuthRequest<'_>) -> Result<Option<Credential<'r>>, Malformed> {
        if request.transport() != Transport::WebSocket {
            return Ok(None);
        }
        let mut found = None;
        let mut others = false;
        for entry in request.subprotocols() {
            match entry.strip_prefix(self.prefix.as_bytes()) {
                Some(_) if found.is_some() => {
                    return Err(Malformed::new(Carrier::Subprotocol, "two subprotocols with a token"));
                }
                Some(token) => found = Some(token),
                None => others |= !entry.is_empty(),
            }
        }
        let Some(token) = found else {
            return Ok(None);
        };
        if !others {
            return Err(Malformed::new(Carrier::Subprotocol, "no subprotocol is offered beside the token"));
        }
        str::from_utf8(token)
            .ok()
            .and_then(|token| self.decode(token))
            .map(Some)
            .ok_or(Malformed::new(Carrier::Subprotocol, "the token in the subprotocol is too long or not decodable"))
    }

    fn needs(&self, needs: &mut Needs) {
        needs.add_subprotocol_prefix(self.prefix);
    }

    fn schemes(&self, out: &mut Vec<&'static str>) {
        out.push("Bearer");
    }
}
