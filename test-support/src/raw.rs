//! A WebSocket client that writes bytes.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    time::timeout,
};

/// The opcode of a text frame.
pub const TEXT: u8 = 0x1;
/// The opcode of a close frame.
pub const CLOSE: u8 = 0x8;
/// The opcode of a ping.
pub const PING: u8 = 0x9;

/// A final frame of a client, masked with zeros (RFC 6455, 5.2). The payload has at most 65,535 bytes.
pub fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let head = match u8::try_from(payload.len()) {
        Ok(len) if len < 126 => vec![0x80 | opcode, 0x80 | len],
        _ => [&[0x80 | opcode, 0x80 | 126][..], &u16::try_from(payload.len()).unwrap().to_be_bytes()].concat(),
    };
    [&head, &[0; 4][..], payload].concat()
}

/// Connects and sends a handshake. Returns the status of the answer, within 20 seconds.
pub async fn handshake(
    socket: TcpSocket,
    to: SocketAddr,
    target: &str,
    authorization: Option<&str>,
) -> (TcpStream, u16) {
    let mut stream = socket.connect(to).await.unwrap();
    let authorization = authorization.map(|value| format!("authorization: {value}\r\n")).unwrap_or_default();
    let head = format!(
        "GET {target} HTTP/1.1\r\nhost: {to}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n{authorization}\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        let byte = timeout(Duration::from_secs(20), stream.read_u8()).await.expect("no answer").unwrap();
        answer.push(byte);
    }
    let status = String::from_utf8(answer).unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    (stream, status)
}
