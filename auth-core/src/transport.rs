/// The kind of exchange that is authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Transport {
    /// A plain HTTP request.
    Http,
    /// The opening handshake of a WebSocket: HTTP/1.1 `Upgrade` or HTTP/2 extended `CONNECT`.
    WebSocket,
    /// A Socket.IO `CONNECT` packet.
    SocketIo,
    /// A message on a connection that is already open.
    InBand,
}
