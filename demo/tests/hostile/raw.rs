//! Clients that write bytes.

use std::net::{Ipv4Addr, SocketAddr};

use test_support::raw::{PING, TEXT, frame};
use tokio::net::{TcpSocket, TcpStream};

use crate::program::bearer;

/// Connects from this address, sends a handshake and returns the status of the response.
pub(crate) async fn handshake(from: Ipv4Addr, to: SocketAddr, path: &str, token: Option<&str>) -> (TcpStream, u16) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((from, 0).into()).unwrap();
    test_support::raw::handshake(socket, to, path, token.map(bearer).as_deref()).await
}

/// A text frame, masked with zeros.
pub(crate) fn text(payload: &str) -> Vec<u8> {
    frame(TEXT, payload.as_bytes())
}

/// A ping, masked with zeros.
pub(crate) fn ping(payload: &[u8]) -> Vec<u8> {
    frame(PING, payload)
}
