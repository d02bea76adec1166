use std::borrow::Cow;

use super::{Credential, Extractor, Malformed, credential::is_visible, subprotocol::DEFAULT_MAX_LEN};
use crate::{
    AuthRequest, Carrier, Challenge, Needs, Transport,
    config::{self, ConfigError},
};

/// The entry of `Sec-WebSocket-Protocol` that follows the entry `word`: `new WebSocket(url, ['bearer', token])`.
///
/// The token stands as it is, so it must be made of characters that a subprotocol may hold, as a JWT is. The word is
/// compared exactly, in its case. Looked at in handshakes only.
///
/// The middleware takes the entry with the token out, whatever is decided, and leaves the word. It answers the word if the
/// handler chooses nothing else and the layer's own subprotocol is not offered: a browser that has offered subprotocols gives
/// up a connection without an answer.
///
/// The word twice, nothing after it, anything but visible ASCII, or more than 4 KiB (settable with
/// [`max_len`](SubprotocolAfter::max_len)): malformed.
///
/// # Panics
/// If `word` is not a token (RFC 6455, 4.1). Where it comes from a configuration, use [`try_subprotocol_after`].
#[must_use]
#[track_caller]
pub fn subprotocol_after(word: impl Into<Cow<'static, str>>) -> SubprotocolAfter {
    config::built(try_subprotocol_after(word))
}

/// As [`subprotocol_after`], for a word that comes from a configuration.
///
/// # Errors
/// If `word` is not a token (RFC 6455, 4.1).
pub fn try_subprotocol_after(word: impl Into<Cow<'static, str>>) -> Result<SubprotocolAfter, ConfigError> {
    let word = config::token("the word before a subprotocol", word)?;
    Ok(SubprotocolAfter { word, max_len: DEFAULT_MAX_LEN })
}

/// Made by [`subprotocol_after`].
#[derive(Clone, Debug)]
pub struct SubprotocolAfter {
    word: Cow<'static, str>,
    max_len: usize,
}

impl SubprotocolAfter {
    /// The longest token, in bytes.
    #[must_use]
    pub fn max_len(mut self, bytes: usize) -> Self {
        self.max_len = bytes;
        self
    }
}

impl Extractor for SubprotocolAfter {
    fn extract<'r>(&self, request: &'r AuthRequest<'_>) -> Result<Option<Credential<'r>>, Malformed> {
        if request.transport() != Transport::WebSocket {
            return Ok(None);
        }
        let malformed = |what| Err(Malformed::new(Carrier::Subprotocol, what));
        let mut found = request.subprotocols_after(&self.word);
        match (found.next(), found.next()) {
            (None, _) => Ok(None),
            (Some(_), Some(_)) => malformed("two words before a token"),
            (Some(token), None) => match token.and_then(|token| str::from_utf8(token).ok()) {
                Some(token) if token.len() <= self.max_len && is_visible(token) => {
                    Ok(Some(Credential::borrowed(token, Carrier::Subprotocol)))
                }
                _ => malformed("no token follows the word, or it is too long"),
            },
        }
    }

    fn needs(&self, needs: &mut Needs) {
        needs.add_subprotocol_word(self.word.clone());
        needs.add_subprotocol_answer(self.word.clone());
    }

    fn challenges(&self, out: &mut Vec<Challenge>) {
        out.push(Challenge::api_key("subprotocol", &self.word));
    }
}
