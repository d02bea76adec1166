//! Clients that write bytes.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    time::timeout,
};

use crate::program::bearer;

/// Connects from this address, sends a handshake and returns the status of the response.
pub(crate) async fn handshake(from: Ipv4Addr, to: SocketAddr, path: &str, token: Option<&str>) -> (TcpStream, u16) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((from, 0).into()).unwrap();
    let mut stream = socket.connect(to).await.unwrap();
    let authorization = token.map(|token| format!("authorization: {}\r\n", bearer(token))).unwrap_or_default();
    let head = format!(
        "GET {path} HTTP/1.1\r\nhost: {to}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
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

/// A text frame, masked with zeros.
pub(crate) fn text(payload: &str) -> Vec<u8> {
    frame(0x1, payload.as_bytes())
}

/// A ping, masked with zeros.
pub(crate) fn ping(payload: &[u8]) -> Vec<u8> {
    frame(0x9, payload)
}

fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let len = u16::try_from(payload.len()).unwrap();
    let mut frame = vec![0x80 | opcode];
    match u8::try_from(len) {
        Ok(short) if short < 126 => frame.push(0x80 | short),
        _ => {
            frame.push(0x80 | 126);
            frame.extend(len.to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}
