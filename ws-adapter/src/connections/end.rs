use crate::Close;

/// Lets the registry end a connection.
///
/// The registry calls it without a lock. It must not block, and it may come more than once: the first reason counts.
pub trait End: Send + Sync {
    /// Ends the connection, because its credential was revoked, or its user opened too many, for example.
    fn end(&self, close: Close);

    /// Ends a connection that is not authenticated yet, because another client takes its place: 4503 `displaced`. A
    /// connection that no longer needs the place may go on.
    fn displace(&self) {
        self.end(Close::DISPLACED);
    }
}
