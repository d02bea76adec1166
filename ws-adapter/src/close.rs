use std::borrow::Cow;

/// Why a socket is closed: the code and the reason that the client sees (RFC 6455, 7.4).
///
/// | Close | Client should |
/// |---|---|
/// | [`TOKEN_EXPIRED`](Self::TOKEN_EXPIRED) 4401 | refresh, then reconnect |
/// | [`RESTARTING`](Self::RESTARTING) 1012, [`INTERNAL_ERROR`](Self::INTERNAL_ERROR) 1011, [`UNAVAILABLE`](Self::UNAVAILABLE) 1013 | back off, then reconnect |
/// | 4401 `invalid_credentials`, 4403 `forbidden` or `revoked`: see [`AuthLayer::accept_then_close`](crate::AuthLayer::accept_then_close) | stop |
/// | [`TOO_BIG`](Self::TOO_BIG) 1009 | stop |
/// | [`PROTOCOL_ERROR`](Self::PROTOCOL_ERROR) 1002, [`INVALID_TEXT`](Self::INVALID_TEXT) 1007 | stop |
/// | [`NORMAL`](Self::NORMAL) 1000 | nothing |
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Close {
    code: u16,
    reason: Cow<'static, str>,
}

impl Close {
    /// The handler is done.
    pub const NORMAL: Self = Self::fixed(1000, "");
    /// The peer broke the protocol.
    pub const PROTOCOL_ERROR: Self = Self::fixed(1002, "protocol_error");
    /// A text message was no UTF-8.
    pub const INVALID_TEXT: Self = Self::fixed(1007, "invalid_text");
    /// A message was longer than allowed.
    pub const TOO_BIG: Self = Self::fixed(1009, "too_big");
    /// The handler panicked.
    pub const INTERNAL_ERROR: Self = Self::fixed(1011, "internal_error");
    /// A system behind the chain failed, so that nothing can be said about the credential.
    pub const UNAVAILABLE: Self = Self::fixed(1013, "unavailable");
    /// The server is shutting down.
    pub const RESTARTING: Self = Self::fixed(1012, "restarting");
    /// The credential that opened the socket has ended.
    pub const TOKEN_EXPIRED: Self = Self::fixed(4401, "token_expired");

    /// A close with a code of the application's own: 4000 to 4999, or 3000 to 3999 where it is registered with IANA
    /// (RFC 6455, 7.4.2). The reason is cut at 123 bytes, the most that fits.
    ///
    /// # Panics
    /// If the code is another: a peer takes those as a broken protocol.
    #[must_use]
    pub fn new(code: u16, reason: impl Into<Cow<'static, str>>) -> Self {
        assert!((3000..5000).contains(&code), "a close code of an application is 3000 to 4999");
        let mut reason = reason.into();
        if reason.len() > 123 {
            let end = reason.floor_char_boundary(123);
            reason.to_mut().truncate(end);
        }
        Self { code, reason }
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

    const fn fixed(code: u16, reason: &'static str) -> Self {
        Self { code, reason: Cow::Borrowed(reason) }
    }
}
