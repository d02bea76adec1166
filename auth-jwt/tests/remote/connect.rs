//! A proxy on the loopback.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::SystemTime,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

use crate::issuer::read_head;

const ESTABLISHED: &str = "HTTP/1.1 200 Connection established\r\n\r\n";

/// A server that opens tunnels (`CONNECT`), and records the request heads in lower case.
pub(crate) struct ConnectProxy {
    addr: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl ConnectProxy {
    pub(crate) async fn new() -> Self {
        Self::start(ESTABLISHED, None).await
    }

    /// A proxy that is reached over TLS.
    pub(crate) async fn with_tls(tls: TlsAcceptor) -> Self {
        Self::start(ESTABLISHED, Some(tls)).await
    }

    /// A proxy that gives this answer and opens no tunnel.
    pub(crate) async fn refusing(answer: &'static str) -> Self {
        Self::start(answer, None).await
    }

    async fn start(answer: &'static str, tls: Option<TlsAcceptor>) -> Self {
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        tokio::spawn({
            let asked = Arc::clone(&asked);
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    let (asked, tls) = (Arc::clone(&asked), tls.clone());
                    tokio::spawn(async move {
                        match tls {
                            None => serve(stream, answer, &asked).await,
                            Some(tls) => serve(tls.accept(stream).await?, answer, &asked).await,
                        }
                    });
                }
            }
        });
        Self { addr, asked }
    }

    /// The URL of the proxy, with this prefix before the host.
    pub(crate) fn url(&self, before: &str) -> String {
        format!("{before}{}", self.addr)
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

async fn serve(
    mut client: impl AsyncRead + AsyncWrite + Unpin,
    answer: &str,
    asked: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let head = read_head(&mut client, SystemTime::UNIX_EPOCH).await?;
    let target = head.path;
    asked.lock().unwrap().push(head.head);
    client.write_all(answer.as_bytes()).await?;
    if answer == ESTABLISHED {
        copy_bidirectional(&mut client, &mut TcpStream::connect(target).await?).await?;
    }
    client.shutdown().await
}
