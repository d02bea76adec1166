//! Streams of bytes to the server: a TCP connection, or a stream of HTTP/2.

use std::{io::ErrorKind, net::Ipv4Addr, sync::Arc, time::Duration};

use axum::body::Bytes;
use futures_util::future::poll_fn;
use h2::{Reason, RecvStream, SendStream, client, ext::Protocol};
use http::Request;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpSocket, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    select,
    time::timeout,
};

use crate::world::{Cut, Phase, Result, World};

/// How long an answer may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The address of a client, and how it connects.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) world: Arc<World>,
    /// An address of the loopback. One has too few ports for all the connections of a minute.
    pub(crate) source: Ipv4Addr,
    /// The `X-Forwarded-For` of a proxy.
    pub(crate) address: String,
    /// Uses a small receive buffer, so that unread data soon waits at the server.
    pub(crate) small: bool,
}

impl Client {
    pub(crate) async fn tcp(&self) -> Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        if self.small {
            socket.set_recv_buffer_size(4096)?;
        }
        socket.bind((self.source, 0).into())?;
        let stream = timeout(PATIENCE, socket.connect(self.world.server)).await??;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// An HTTP/2 connection on which the server has enabled extended CONNECT.
    pub(crate) async fn h2(&self) -> Result<client::SendRequest<Bytes>> {
        let mut builder = client::Builder::new();
        if self.small {
            builder.initial_window_size(4096).initial_connection_window_size(65_535);
        }
        let (mut sender, connection) = builder.handshake(self.tcp().await?).await.map_err(lost)?;
        let world = Arc::clone(&self.world);
        tokio::spawn(async move {
            select! {
                _ = connection => {}
                // From then on, neither the connection nor its pings are answered.
                () = world.reached(Phase::Frozen) => world.reached(Phase::Gone).await,
            }
        });
        // The setting comes with the server's first frame, so it is known after one request.
        sender = sender.ready().await.map_err(lost)?;
        let request = Request::get(format!("http://{}/", self.world.server)).body(()).map_err(strange)?;
        let (answer, _) = sender.send_request(request, true).map_err(lost)?;
        timeout(PATIENCE, answer).await?.map_err(lost)?;
        sender.ready().await.map_err(lost)
    }

    pub(crate) fn extended_connect(&self, path: &str, headers: &[(&str, &str)]) -> Result<Request<()>> {
        let request = Request::connect(format!("http://{}{path}", self.world.server))
            .extension(Protocol::from_static("websocket"))
            .header("sec-websocket-version", "13")
            .header("x-forwarded-for", &self.address);
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)).body(()).map_err(strange)
    }
}

/// Both directions separately, so that a client can write and read at the same time.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) out: Out,
    pub(crate) back: Back,
}

#[derive(Debug)]
pub(crate) enum Out {
    Tcp(OwnedWriteHalf),
    H2(SendStream<Bytes>),
}

#[derive(Debug)]
pub(crate) enum Back {
    Tcp(OwnedReadHalf),
    H2(RecvStream),
}

impl Wire {
    pub(crate) fn tcp(stream: TcpStream) -> Self {
        let (back, out) = stream.into_split();
        Self { out: Out::Tcp(out), back: Back::Tcp(back) }
    }

    pub(crate) fn h2(out: SendStream<Bytes>, back: RecvStream) -> Self {
        Self { out: Out::H2(out), back: Back::H2(back) }
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.out.write(bytes).await
    }

    pub(crate) async fn read(&mut self, into: &mut Vec<u8>) -> Result<()> {
        self.back.read(into).await
    }

    /// Sends FIN, as a peer without close frames does.
    pub(crate) async fn finish(&mut self) -> Result<()> {
        match &mut self.out {
            Out::Tcp(stream) => Ok(stream.shutdown().await?),
            Out::H2(stream) => stream.send_data(Bytes::new(), true).map_err(lost),
        }
    }

    pub(crate) fn reset(self) {
        match self.out {
            Out::Tcp(stream) => {
                let _ = stream.as_ref().set_zero_linger();
                // Dropping it would send a GOAWAY first.
                stream.forget();
            }
            Out::H2(mut stream) => stream.send_reset(Reason::CANCEL),
        }
    }
}

impl Out {
    /// Waits while the server does not read.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        match self {
            Self::Tcp(stream) => stream.write_all(bytes).await?,
            Self::H2(stream) => {
                let mut rest = Bytes::copy_from_slice(bytes);
                while !rest.is_empty() {
                    stream.reserve_capacity(rest.len());
                    let some = poll_fn(|context| stream.poll_capacity(context)).await;
                    let some = some.ok_or(Cut::Lost(ErrorKind::BrokenPipe))?.map_err(lost)?;
                    stream.send_data(rest.split_to(some.min(rest.len())), false).map_err(lost)?;
                }
            }
        }
        Ok(())
    }
}

impl Back {
    /// Reads more bytes, after those in the buffer.
    pub(crate) async fn read(&mut self, into: &mut Vec<u8>) -> Result<()> {
        match self {
            Self::Tcp(stream) => {
                if stream.read_buf(into).await? == 0 {
                    return Err(Cut::Lost(ErrorKind::UnexpectedEof));
                }
            }
            Self::H2(stream) => {
                let data = stream.data().await.ok_or(Cut::Lost(ErrorKind::UnexpectedEof))?.map_err(lost)?;
                stream.flow_control().release_capacity(data.len()).map_err(lost)?;
                into.extend_from_slice(&data);
            }
        }
        Ok(())
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
pub(crate) fn lost(error: h2::Error) -> Cut {
    Cut::Lost(error.get_io().map_or(ErrorKind::ConnectionAborted, std::io::Error::kind))
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn strange(error: http::Error) -> Cut {
    Cut::Strange(error.to_string())
}
