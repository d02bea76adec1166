//! A client that writes frames by hand, reads when it likes, and has a small buffer for what it does not read.

use std::time::Duration;

use test_support::raw::handshake;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpSocket,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    task::JoinHandle,
    time::timeout,
};

use crate::support::App;

pub(crate) use test_support::raw::{CLOSE, PING, TEXT, frame};

pub(crate) struct Raw {
    pub(crate) reader: OwnedReadHalf,
    pub(crate) writer: OwnedWriteHalf,
}

impl Raw {
    pub(crate) async fn open(app: &App) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        Self::open_on(app, socket).await
    }

    pub(crate) async fn open_on(app: &App, socket: TcpSocket) -> Self {
        let target = "/socket.io/?EIO=4&transport=websocket";
        let (stream, status) = handshake(socket, app.server.addr, target, None).await;
        assert_eq!(status, 101);
        let (reader, writer) = stream.into_split();
        Self { reader, writer }
    }

    pub(crate) async fn send(&mut self, opcode: u8, payload: &[u8]) {
        self.writer.write_all(&frame(opcode, payload)).await.unwrap();
    }

    /// Reads until this has come.
    pub(crate) async fn reads(&mut self, text: &str) {
        let mut read = Vec::new();
        let found = timeout(Duration::from_secs(5), async {
            while !read.windows(text.len()).any(|window| window == text.as_bytes()) {
                read.push(self.reader.read_u8().await.unwrap());
            }
        });
        found.await.unwrap_or_else(|_| panic!("no {text} came"));
    }

    /// Reads a little now and then from here on. What the operating system of the server has taken comes even after the
    /// server has dropped the connection.
    pub(crate) fn drains_slowly(mut self) -> JoinHandle<()> {
        tokio::spawn(async move {
            let mut chunk = [0; 2048];
            while matches!(self.reader.read(&mut chunk).await, Ok(1..)) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
    }
}

/// Writes the same again and again, until the server takes nothing more for so long; tells whether it took all.
pub(crate) async fn takes_all(writer: &mut OwnedWriteHalf, burst: &[u8], bytes: usize, patience: Duration) -> bool {
    for part in burst.chunks(4096).cycle().take(bytes / 4096) {
        if timeout(patience, writer.write_all(part)).await.is_err() {
            return false;
        }
    }
    true
}
