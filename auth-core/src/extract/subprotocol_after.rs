use std::borrow::Cow;

use super::{Credential, Extractor, Malformed, credential::is_visible, subprotocol::DEFAULT_MAX_LEN};
use crate::{
    AuthRequest, Carrier, Challenge, Needs, Transport,
    config::{self, ConfigError},
};

/// The entry of `Sec-WebSocket-Protocol` that follows the entry `word`: `new WebSocket(url, ['bearer', token])`.
///
/// The token is not encoded, so it may hold only characters that a subprotocol allows, as a JWT does. The word is
/// case-sensitive. This extractor looks at handshakes only.
///
/// The middleware always takes the entry with the token out, and leaves the word. It answers with the word if the handler
/// chooses nothing else and the client does not offer the layer's own subprotocol: a browser that offers subprotocols drops
/// a connection whose answer names none.
///
/// The entry is malformed if the word appears twice, if nothing follows it, or if the token is not visible ASCII or longer
/// than 4 KiB (see [`max_len`](SubprotocolAfter::max_len)).
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
    /// Sets the longest token, in bytes. The default is 4 KiB.
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
            (Some(_), Some(_)) => malformed("the word before the token is repeated"),
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
