/// How a credential arrived.
///
/// The page or program that sends the request fills in an *explicit* carrier. The browser attaches an *ambient* one by itself,
/// for any page: it shows whose browser it is, not which page sends the request. So a WebSocket handshake with an ambient
/// credential must come from an allowed origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Carrier {
    /// A request header, `Authorization` or another.
    Header,
    /// An entry of `Sec-WebSocket-Protocol`.
    Subprotocol,
    /// A parameter of the query.
    Query,
    /// A field of the body, of the Socket.IO `auth` object, or of an in-band message.
    Payload,
    /// A one-time ticket.
    Ticket,
    /// A cookie: ambient.
    Cookie,
    /// A client certificate: ambient.
    ClientCertificate,
}

impl Carrier {
    /// Whether the browser attaches the credential by itself.
    #[must_use]
    pub fn is_ambient(self) -> bool {
        matches!(self, Self::Cookie | Self::ClientCertificate)
    }

    /// Whether the page or program put the credential there itself.
    #[must_use]
    pub fn is_explicit(self) -> bool {
        !self.is_ambient()
    }

    /// The weaker of two carriers: the ambient one, or else the first.
    pub(crate) fn weaker(self, other: Self) -> Self {
        if other.is_ambient() && self.is_explicit() { other } else { self }
    }
}
