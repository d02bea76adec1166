//! HTTP/1.1 requests over one connection.

use tokio::time::timeout;

use super::{Client, Wire, wire::PATIENCE};
use crate::world::{Cut, Result};

#[derive(Debug)]
pub(crate) struct Http {
    wire: Wire,
    unread: Vec<u8>,
    address: String,
}

impl Http {
    pub(crate) async fn connect(client: &Client) -> Result<Self> {
        Ok(Self { wire: Wire::tcp(client.tcp().await?), unread: Vec::new(), address: client.address.clone() })
    }

    /// Each of the `headers` ends with a line break.
    pub(crate) fn head(&self, method: &str, target: &str, headers: &str) -> String {
        format!("{method} {target} HTTP/1.1\r\nhost: soak\r\nx-forwarded-for: {}\r\n{headers}\r\n", self.address)
    }

    pub(crate) async fn get(&mut self, target: &str, headers: &str) -> Result<()> {
        let head = self.head("GET", target, headers);
        self.wire.write(head.as_bytes()).await
    }

    pub(crate) async fn post(&mut self, target: &str, body: &str) -> Result<()> {
        let head = self.head("POST", target, &format!("content-length: {}\r\n", body.len()));
        self.wire.write(&[head.as_bytes(), body.as_bytes()].concat()).await
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.wire.write(bytes).await
    }

    pub(crate) async fn read(&mut self) -> Result<()> {
        self.wire.read(&mut self.unread).await
    }

    pub(crate) fn reset(self) {
        self.wire.reset();
    }

    /// Status and body of the next answer. The server may hold a poll as long as it likes.
    pub(crate) async fn answer(&mut self) -> Result<(u16, String)> {
        loop {
            if let Some((status, start, length)) = head_of(&self.unread)?
                && self.unread.len() >= start + length
            {
                let whole: Vec<u8> = self.unread.drain(..start + length).collect();
                return Ok((status, String::from_utf8_lossy(whole.get(start..).unwrap_or_default()).into_owned()));
            }
            self.read().await?;
        }
    }

    /// The body of an answer that must be 200.
    pub(crate) async fn good(&mut self) -> Result<String> {
        match timeout(PATIENCE, self.answer()).await?? {
            (200, body) => Ok(body),
            (status, body) => Err(Cut::Status(status, super::code(&body))),
        }
    }

    /// The stream, and the bytes that were read after the response, once the server has answered with 101.
    pub(crate) async fn upgraded(mut self) -> Result<(Wire, Vec<u8>)> {
        match timeout(PATIENCE, self.answer()).await?? {
            (101, _) => Ok((self.wire, self.unread)),
            (status, body) => Err(Cut::Status(status, super::code(&body))),
        }
    }
}

/// The status, the start of the body and its length; `None` until the head is complete.
fn head_of(bytes: &[u8]) -> Result<Option<(u16, usize, usize)>> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).to_ascii_lowercase();
    let status = head.get(9..12).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| Cut::Strange(format!("no status in {head:?}")))?;
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    match length.map(|length| length.trim().parse()) {
        Some(Ok(length)) => Ok(Some((status, end + 4, length))),
        // The answer to an upgrade has no body.
        None if status == 101 => Ok(Some((status, end + 4, 0))),
        _ => Err(Cut::Strange(format!("no length in {head:?}"))),
    }
}
