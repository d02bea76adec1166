/// How a credential came to us.
///
/// An *explicit* carrier is filled in by the page or program that speaks to us. An *ambient* one is attached by the
/// browser, whoever wrote the page; it proves who the browser belongs to, not who asks. A WebSocket handshake with an
/// ambient credential must therefore show an allowed origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Carrier {
    /// A request header, `Authorization` or another.
    Header,
    /// An entry of `Sec-WebSocket-Protocol`.
    Subprotocol,
    /// A parameter of the query.
    Query,
    /// A field of the body, of the Socket.IO `auth` object or of an in-band message.
    Payload,
    /// A one-time ticket.
    Ticket,
    /// A cookie: ambient.
    Cookie,
    /// A client certificate: ambient.
    ClientCertificate,
}

impl Carrier {
    /// Whether the browser attaches the credential without the page's doing.
    #[must_use]
    pub fn is_ambient(self) -> bool {
        matches!(self, Self::Cookie | Self::ClientCertificate)
    }

    /// Whether the page or program put the credential there itself.
    #[must_use]
    pub fn is_explicit(self) -> bool {
        !self.is_ambient()
    }

    /// The weaker of two carriers: the ambient one, else the first.
    pub(crate) fn weaker(self, other: Self) -> Self {
        if other.is_ambient() && self.is_explicit() { other } else { self }
    }
}
