//! WebSockets, frame by frame.

use super::{Client, Http, Wire, wire::lost};
use crate::world::{Cut, Result};

pub(crate) const TEXT: u8 = 0x1;
pub(crate) const PING: u8 = 0x9;
const CLOSE: u8 = 0x8;
const PONG: u8 = 0xa;

#[derive(Debug)]
pub(crate) struct Socket {
    pub(crate) wire: Wire,
    unread: Vec<u8>,
}

/// A final frame, masked with zeros.
pub(crate) fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x80 | opcode];
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(length), _) if length < 126 => frame.push(0x80 | length),
        (_, Ok(length)) => {
            frame.push(0x80 | 126);
            frame.extend(length.to_be_bytes());
        }
        _ => {
            frame.push(0x80 | 127);
            frame.extend((payload.len() as u64).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

impl Socket {
    pub(crate) async fn over_http1(client: &Client, path: &str, headers: &[(&str, &str)]) -> Result<Self> {
        let mut http = Http::connect(client).await?;
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        http.get(path, &format!("{HANDSHAKE}{headers}")).await?;
        let (wire, unread) = http.upgraded().await?;
        Ok(Self { wire, unread })
    }

    pub(crate) async fn over_http2(client: &Client, path: &str, headers: &[(&str, &str)]) -> Result<Self> {
        let (answer, send) =
            client.h2().await?.send_request(client.extended_connect(path, headers)?, false).map_err(lost)?;
        let answer = answer.await.map_err(lost)?;
        if answer.status() != 200 {
            return Err(Cut::Status(answer.status().as_u16(), String::new()));
        }
        Ok(Self { wire: Wire::h2(send, answer.into_body()), unread: Vec::new() })
    }

    pub(crate) async fn send(&mut self, text: &str) -> Result<()> {
        self.wire.write(&frame(TEXT, text.as_bytes())).await
    }

    /// The next text. It answers pings, and a close, which is an error.
    pub(crate) async fn next(&mut self) -> Result<String> {
        loop {
            let (opcode, payload) = self.frame().await?;
            match opcode {
                TEXT => return Ok(String::from_utf8_lossy(&payload).into_owned()),
                PING => self.wire.write(&frame(PONG, &payload)).await?,
                CLOSE => {
                    let _ = self.wire.write(&frame(CLOSE, &payload)).await;
                    let (code, reason) = payload.split_at_checked(2).unwrap_or_default();
                    let code = code.try_into().map_or(1005, u16::from_be_bytes);
                    return Err(Cut::Closed(code, String::from_utf8_lossy(reason).into_owned()));
                }
                _ => {}
            }
        }
    }

    /// Reads to the end without answering, and returns how the connection ended.
    pub(crate) async fn drain(&mut self) -> Cut {
        loop {
            match self.frame().await {
                Ok((CLOSE, payload)) => {
                    let (code, reason) = payload.split_at_checked(2).unwrap_or_default();
                    let code = code.try_into().map_or(1005, u16::from_be_bytes);
                    return Cut::Closed(code, String::from_utf8_lossy(reason).into_owned());
                }
                Ok(_) => {}
                Err(cut) => return cut,
            }
        }
    }

    /// Closes, and waits for the answer.
    pub(crate) async fn close(mut self) -> Result<()> {
        self.wire.write(&frame(CLOSE, &1000_u16.to_be_bytes())).await?;
        loop {
            if let (CLOSE, _) = self.frame().await? {
                return Ok(());
            }
        }
    }

    async fn frame(&mut self) -> Result<(u8, Vec<u8>)> {
        loop {
            if let Some((opcode, start, length)) = head_of(&self.unread)
                && let Some(end) = start.checked_add(length)
                && self.unread.len() >= end
            {
                let mut whole: Vec<u8> = self.unread.drain(..end).collect();
                return Ok((opcode, whole.split_off(start)));
            }
            self.wire.read(&mut self.unread).await?;
        }
    }
}

pub(crate) const HANDSHAKE: &str = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
                                    sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// The opcode, the start of the payload and its length. Servers don't mask.
fn head_of(bytes: &[u8]) -> Option<(u8, usize, usize)> {
    let opcode = bytes.first()? & 0xf;
    let (start, length) = match *bytes.get(1)? {
        126 => (4, usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?))),
        127 => (10, usize::try_from(u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)).ok()?),
        length => (2, usize::from(length)),
    };
    Some((opcode, start, length))
}
