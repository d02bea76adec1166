use std::borrow::Cow;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use zeroize::{Zeroize as _, Zeroizing};

use super::{Credential, Extractor, Malformed, credential::is_visible};
use crate::{
    AuthRequest, Carrier, Challenge, Needs, Transport,
    config::{self, ConfigError},
};

/// The longest token in a subprotocol, in bytes: 4 KiB.
pub(super) const DEFAULT_MAX_LEN: usize = 4 * 1024;

/// Jupyter's clients write this in front of a token.
const JUPYTER_PREFIX: &str = "v1.token.websocket.jupyter.org.";
/// They offer this beside it, for the server to answer.
const JUPYTER_ANSWER: &str = "v1.token.websocket.jupyter.org";

/// An entry of `Sec-WebSocket-Protocol` that is `prefix`, then the token in base64url without padding:
/// `auth.bearer.<base64url>`.
///
/// A browser cannot set headers on a WebSocket, but it can offer subprotocols. This extractor looks at handshakes only. The
/// client must offer at least one other subprotocol, since the server answers with an offered one and must not answer with
/// the token. The middleware takes the entry out before the handler sees the request.
///
/// The entry is malformed if it repeats, cannot be decoded, comes without another subprotocol, or is longer than 4 KiB
/// (see [`max_len`](Subprotocol::max_len)).
///
/// # Panics
/// If `prefix` is not a token (RFC 6455, 4.1). Where it comes from a configuration, use [`try_subprotocol`].
#[must_use]
#[track_caller]
pub fn subprotocol(prefix: impl Into<Cow<'static, str>>) -> Subprotocol {
    config::built(try_subprotocol(prefix))
}

/// As [`subprotocol`], for a prefix that comes from a configuration.
///
/// # Errors
/// If `prefix` is not a token (RFC 6455, 4.1).
pub fn try_subprotocol(prefix: impl Into<Cow<'static, str>>) -> Result<Subprotocol, ConfigError> {
    let prefix = config::token("the prefix of a subprotocol", prefix)?;
    Ok(Subprotocol { prefix, coding: Coding::Base64Url, answer: None, max_len: DEFAULT_MAX_LEN })
}

/// As [`subprotocol`], but the token is not encoded. It may hold only characters that a subprotocol allows, as a JWT does.
///
/// # Panics
/// As [`subprotocol`]. Where the prefix comes from a configuration, use [`try_raw_subprotocol`].
#[must_use]
#[track_caller]
pub fn raw_subprotocol(prefix: impl Into<Cow<'static, str>>) -> Subprotocol {
    config::built(try_raw_subprotocol(prefix))
}

/// As [`raw_subprotocol`], for a prefix that comes from a configuration.
///
/// # Errors
/// As [`try_subprotocol`].
pub fn try_raw_subprotocol(prefix: impl Into<Cow<'static, str>>) -> Result<Subprotocol, ConfigError> {
    Ok(Subprotocol { coding: Coding::Raw, ..try_subprotocol(prefix)? })
}

/// The form of Jupyter's clients (Jupyter Enhancement Proposal 119): `v1.token.websocket.jupyter.org.<token>`, with the token
/// percent-encoded as by `encodeURIComponent`. Clients also offer `v1.token.websocket.jupyter.org`, which names no protocol.
///
/// The middleware takes the entry with the token out. It answers with the other one if the handler chooses no subprotocol,
/// such as `v1.kernel.websocket.jupyter.org`. Everything else is as for [`subprotocol`].
#[must_use]
pub fn jupyter_subprotocol() -> Subprotocol {
    let (prefix, answer) = (Cow::Borrowed(JUPYTER_PREFIX), Some(JUPYTER_ANSWER));
    Subprotocol { prefix, coding: Coding::Percent, answer, max_len: DEFAULT_MAX_LEN }
}

/// Made by [`subprotocol`], [`raw_subprotocol`] and [`jupyter_subprotocol`].
#[derive(Clone, Debug)]
pub struct Subprotocol {
    prefix: Cow<'static, str>,
    coding: Coding,
    /// The answer if the handler chooses no subprotocol.
    answer: Option<&'static str>,
    max_len: usize,
}

/// How the token is written.
#[derive(Clone, Copy, Debug)]
enum Coding {
    Base64Url,
    Percent,
    Raw,
}

impl Subprotocol {
    /// Sets the longest token, in bytes after decoding. The default is 4 KiB.
    #[must_use]
    pub fn max_len(mut self, bytes: usize) -> Self {
        self.max_len = bytes;
        self
    }

    fn decode<'e>(&self, entry: &'e str) -> Option<Credential<'e>> {
        let credential = match self.coding {
            Coding::Raw => Credential::borrowed(entry, Carrier::Subprotocol),
            // An encoded text of this length is too long in any case, so it isn't decoded.
            Coding::Base64Url if entry.len() / 4 * 3 > self.max_len => return None,
            Coding::Percent if entry.len() / 3 > self.max_len => return None,
            Coding::Base64Url => owned(URL_SAFE_NO_PAD.decode(entry).ok()?)?,
            Coding::Percent => owned(percent_decoded(entry)?)?,
        };
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
                    return Err(Malformed::new(Carrier::Subprotocol, "two subprotocols hold a token"));
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
        str::from_utf8(token).ok().and_then(|token| self.decode(token)).map(Some).ok_or_else(|| {
            Malformed::new(Carrier::Subprotocol, "the token in the subprotocol is too long or not decodable")
        })
    }

    fn needs(&self, needs: &mut Needs) {
        needs.add_subprotocol_prefix(self.prefix.clone());
        if let Some(answer) = self.answer {
            needs.add_subprotocol_answer(answer);
        }
    }

    fn challenges(&self, out: &mut Vec<Challenge>) {
        out.push(Challenge::api_key("subprotocol", &self.prefix));
    }
}

fn owned(token: Vec<u8>) -> Option<Credential<'static>> {
    let token = String::from_utf8(token).map_err(|error| error.into_bytes().zeroize()).ok()?;
    Some(Credential::owned(token, Carrier::Subprotocol))
}

/// `None` if a `%` is not followed by two hexadecimal digits.
fn percent_decoded(text: &str) -> Option<Vec<u8>> {
    let mut bytes = text.bytes();
    // Full capacity from the start: a reallocation would leave a part of the token in memory.
    let mut decoded = Zeroizing::new(Vec::with_capacity(text.len()));
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => (hex(bytes.next()?)? << 4) | hex(bytes.next()?)?,
            other => other,
        });
    }
    Some(std::mem::take(&mut *decoded))
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}
