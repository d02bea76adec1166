use std::borrow::Cow;

use auth_core::ConfigError;

/// Why a connection is closed: the code and the reason that the client sees (RFC 6455, 7.4).
///
/// | Close | Under [`CloseCodes::Iana`] | Client should |
/// |---|---|---|
/// | [`TOKEN_EXPIRED`](Self::TOKEN_EXPIRED) 4401 | 3000 | refresh, then reconnect |
/// | [`INVALID_CREDENTIALS`](Self::INVALID_CREDENTIALS) 4401 | 3000 | stop |
/// | [`REVOKED`](Self::REVOKED), [`FORBIDDEN`](Self::FORBIDDEN) 4403 | 3003 | stop |
/// | [`AUTH_TIMEOUT`](Self::AUTH_TIMEOUT), [`PING_TIMEOUT`](Self::PING_TIMEOUT), [`IDLE_TIMEOUT`](Self::IDLE_TIMEOUT) 4408 | 3008 | back off, then reconnect |
/// | [`SUPERSEDED`](Self::SUPERSEDED) 4409 | 3003 | stop |
/// | [`TOO_MANY_CONNECTIONS`](Self::TOO_MANY_CONNECTIONS), [`TOO_MANY_ATTEMPTS`](Self::TOO_MANY_ATTEMPTS) 4429 | 1013 | back off, then reconnect |
/// | [`DISPLACED`](Self::DISPLACED) 4503 | 1013 | back off, then reconnect |
/// | [`RESTARTING`](Self::RESTARTING) 1012, [`INTERNAL_ERROR`](Self::INTERNAL_ERROR) 1011, [`UNAVAILABLE`](Self::UNAVAILABLE) 1013 | the same | back off, then reconnect |
/// | [`TOO_BIG`](Self::TOO_BIG) 1009 | the same | stop |
#[cfg_attr(
    feature = "axum",
    doc = "| [`INVALID_MESSAGE`](Self::INVALID_MESSAGE) 4400, [`SUBPROTOCOL_NOT_ACCEPTABLE`](Self::SUBPROTOCOL_NOT_ACCEPTABLE) 4406 | 1002 | stop |"
)]
/// | [`PROTOCOL_ERROR`](Self::PROTOCOL_ERROR) 1002, [`INVALID_TEXT`](Self::INVALID_TEXT) 1007 | the same | stop |
/// | [`NORMAL`](Self::NORMAL) 1000 | the same | nothing |
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Close {
    code: u16,
    iana: u16,
    reason: Cow<'static, str>,
    is_ours: bool,
}

/// Which codes tell of authentication.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum CloseCodes {
    /// The private codes 4400, 4401, 4403, 4406, 4408, 4409, 4429 and 4503, after the statuses of HTTP.
    #[default]
    Private,
    /// Those that are registered with IANA: 3000 Unauthorized, 3003 Forbidden, 3008 Timeout, 1002 Protocol error and 1013 Try
    /// Again Later. The reasons stay the same; it is they that tell what has ended from what is wrong.
    Iana,
}

impl Close {
    /// The handler is done.
    pub const NORMAL: Self = Self::fixed(1000, "");
    /// The peer broke the protocol.
    pub const PROTOCOL_ERROR: Self = Self::fixed(1002, "protocol_error");
    /// A text message was no UTF-8.
    pub const INVALID_TEXT: Self = Self::fixed(1007, "invalid_text");
    /// The peer is gone without a close (RFC 6455, 7.1.5). The code is never sent (7.4.1).
    pub const ABNORMAL: Self = Self::fixed(1006, "abnormal");
    /// A message was longer than allowed.
    pub const TOO_BIG: Self = Self::fixed(1009, "too_big");
    /// The handler panicked.
    pub const INTERNAL_ERROR: Self = Self::fixed(1011, "internal_error");
    /// The server is shutting down.
    pub const RESTARTING: Self = Self::fixed(1012, "restarting");
    /// A system behind the chain failed, so that nothing can be said about the credential.
    pub const UNAVAILABLE: Self = Self::fixed(1013, "unavailable");
    /// The first message is not one of the protocol that its [`FirstMessageCodec`](crate::FirstMessageCodec) speaks.
    #[cfg(feature = "axum")]
    pub const INVALID_MESSAGE: Self = Self::private(4400, 1002, "invalid_message");
    /// The client offers no subprotocol that the [`FirstMessageCodec`](crate::FirstMessageCodec) speaks.
    #[cfg(feature = "axum")]
    pub const SUBPROTOCOL_NOT_ACCEPTABLE: Self = Self::private(4406, 1002, "subprotocol_not_acceptable");
    /// The credential that opened the connection, or was last presented over it, has ended.
    pub const TOKEN_EXPIRED: Self = Self::private(4401, 3000, "token_expired");
    /// The credential is wrong.
    pub const INVALID_CREDENTIALS: Self = Self::private(4401, 3000, "invalid_credentials");
    /// The credential was revoked.
    pub const REVOKED: Self = Self::private(4403, 3003, "revoked");
    /// The credential is right, but not for this.
    pub const FORBIDDEN: Self = Self::private(4403, 3003, "forbidden");
    /// No credential came in time.
    pub const AUTH_TIMEOUT: Self = Self::private(4408, 3008, "auth_timeout");
    /// The peer has not answered a ping.
    pub const PING_TIMEOUT: Self = Self::private(4408, 3008, "ping_timeout");
    /// The peer has said nothing for too long.
    pub const IDLE_TIMEOUT: Self = Self::private(4408, 3008, "idle_timeout");
    /// A newer connection of the same user has taken the place.
    pub const SUPERSEDED: Self = Self::private(4409, 3003, "superseded");
    /// Too many wrong credentials were presented over connections of the user or the address.
    pub const TOO_MANY_ATTEMPTS: Self = Self::private(4429, 1013, "too_many_attempts");
    /// The user, the address or the server has as many connections as it may.
    pub const TOO_MANY_CONNECTIONS: Self = Self::private(4429, 1013, "too_many_connections");
    /// All places for connections without a credential were taken, and another client needed this one.
    pub const DISPLACED: Self = Self::private(4503, 1013, "displaced");

    /// A close with a code of the application's own: 4000 to 4999, or 3000 to 3999 where it is registered with IANA
    /// (RFC 6455, 7.4.2). The reason is cut at 123 bytes, the most that fits.
    ///
    /// # Panics
    /// If the code is another: a peer takes those as a broken protocol. Where it is not a constant, use
    /// [`try_new`](Self::try_new).
    #[expect(clippy::panic, reason = "documented: codes are constants, and one that is wrong shows at the first close")]
    #[must_use]
    #[track_caller]
    pub fn new(code: u16, reason: impl Into<Cow<'static, str>>) -> Self {
        Self::try_new(code, reason).unwrap_or_else(|error| panic!("{error}"))
    }

    /// As [`new`](Self::new), for a code that comes from a configuration or from another server.
    ///
    /// # Errors
    /// If the code is not one of 3000 to 4999.
    pub fn try_new(code: u16, reason: impl Into<Cow<'static, str>>) -> Result<Self, ConfigError> {
        if !(3000..5000).contains(&code) {
            return Err(ConfigError::new(format!("a close code of an application is 3000 to 4999, and {code} is not")));
        }
        let mut reason = reason.into();
        if reason.len() > 123 {
            // `floor_char_boundary` is too new.
            let end = (0..=123).rev().find(|&end| reason.is_char_boundary(end)).unwrap_or_default();
            reason.to_mut().truncate(end);
        }
        Ok(Self { code, iana: code, reason, is_ours: false })
    }

    /// The code.
    #[must_use]
    pub fn code(&self) -> u16 {
        self.code
    }

    /// The reason.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// The reason, if it is one of ours.
    pub(crate) fn known_reason(&self) -> Option<&'static str> {
        match self.reason {
            Cow::Borrowed("") if self.is_ours => Some("normal"),
            Cow::Borrowed(reason) if self.is_ours => Some(reason),
            _ => None,
        }
    }

    /// The same close in these codes.
    #[must_use]
    pub fn in_codes(self, codes: CloseCodes) -> Self {
        match codes {
            CloseCodes::Private => self,
            CloseCodes::Iana => Self { code: self.iana, ..self },
        }
    }

    /// The same close under another code, whatever codes the layer answers with.
    #[cfg(feature = "axum")]
    pub(crate) fn with_code(&self, code: u16) -> Self {
        Self { code, iana: code, ..self.clone() }
    }

    /// Whether it is one of the constants, and not the application's own.
    #[cfg(feature = "axum")]
    pub(crate) fn is_ours(&self) -> bool {
        self.is_ours
    }

    const fn fixed(code: u16, reason: &'static str) -> Self {
        Self::private(code, code, reason)
    }

    const fn private(code: u16, iana: u16, reason: &'static str) -> Self {
        Self { code, iana, reason: Cow::Borrowed(reason), is_ours: true }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_iana_stand_for_the_private_ones_and_no_others() {
        for (close, iana) in [
            (Close::TOKEN_EXPIRED, 3000),
            (Close::INVALID_CREDENTIALS, 3000),
            (Close::REVOKED, 3003),
            (Close::FORBIDDEN, 3003),
            (Close::SUPERSEDED, 3003),
            (Close::AUTH_TIMEOUT, 3008),
            (Close::PING_TIMEOUT, 3008),
            (Close::IDLE_TIMEOUT, 3008),
            (Close::TOO_MANY_CONNECTIONS, 1013),
            (Close::TOO_MANY_ATTEMPTS, 1013),
            (Close::DISPLACED, 1013),
            (Close::RESTARTING, 1012),
            #[cfg(feature = "axum")]
            (Close::INVALID_MESSAGE, 1002),
            #[cfg(feature = "axum")]
            (Close::SUBPROTOCOL_NOT_ACCEPTABLE, 1002),
            (Close::NORMAL, 1000),
            (Close::new(4401, "the application's"), 4401),
        ] {
            let (private, reason) = (close.code(), close.reason().to_owned());
            assert_eq!(close.clone().in_codes(CloseCodes::Private).code(), private);
            let close = close.in_codes(CloseCodes::Iana);
            assert_eq!((close.code(), close.reason()), (iana, &*reason));
        }
    }

    #[test]
    fn reason_of_the_applications_own_is_not_known_even_if_it_is_empty() {
        assert_eq!(Close::new(4000, "").known_reason(), None);
        assert_eq!(Close::NORMAL.known_reason(), Some("normal"));
    }
}
