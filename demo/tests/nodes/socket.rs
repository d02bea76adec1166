//! WebSocket and Socket.IO clients.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Error, Message, client::IntoClientRequest as _, protocol::CloseFrame},
};

use crate::program::{Answer, bearer};

/// How long a client waits before its test fails.
const PATIENCE: Duration = Duration::from_secs(35);

/// An open WebSocket.
#[derive(Debug)]
pub(crate) struct Socket(pub(crate) WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    /// Opens `/ws` with a token.
    pub(crate) async fn open(addr: SocketAddr, token: &str) -> Result<Self, Answer> {
        Self::open_at(addr, "/ws", Some(token)).await
    }

    /// Opens `/ws` with a ticket.
    pub(crate) async fn redeem(addr: SocketAddr, ticket: &str) -> Result<Self, Answer> {
        Self::open_at(addr, &format!("/ws?ticket={ticket}"), None).await
    }

    pub(crate) async fn open_at(addr: SocketAddr, path: &str, token: Option<&str>) -> Result<Self, Answer> {
        let mut request = format!("ws://{addr}{path}").into_client_request().unwrap();
        if let Some(token) = token {
            request.headers_mut().insert("authorization", bearer(token).parse().unwrap());
        }
        let begun = Instant::now();
        match timeout(PATIENCE, connect_async(request)).await.expect("no answer") {
            Ok((socket, _)) => Ok(Self(socket)),
            Err(Error::Http(response)) => Err(Answer {
                status: response.status().as_u16(),
                says_when_to_retry: response.headers().contains_key("retry-after"),
                body: String::from_utf8_lossy(response.body().as_deref().unwrap_or_default()).into_owned(),
                took: begun.elapsed(),
            }),
            Err(error) => panic!("no HTTP answer: {error}"),
        }
    }

    /// Opens a Socket.IO client over a WebSocket. It authenticates in `auth`.
    pub(crate) async fn socket_io(addr: SocketAddr, token: &str) -> Self {
        let mut socket = Self::open_at(addr, "/socket.io/?EIO=4&transport=websocket", None).await.unwrap();
        assert!(socket.text().await.unwrap().starts_with("0{"), "the engine opens");
        socket.send(&format!(r#"40{{"token":"{token}"}}"#)).await;
        assert!(socket.text().await.unwrap().starts_with("40{"), "the namespace is joined");
        socket
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.unwrap();
    }

    /// The next text, or `Err` with the close if that comes first. It answers pings of either protocol.
    pub(crate) async fn text(&mut self) -> Result<String, Option<(u16, String)>> {
        loop {
            match timeout(PATIENCE, self.0.next()).await.expect("nothing came") {
                Some(Ok(Message::Text(text))) if text == "2" => self.send("3").await,
                Some(Ok(Message::Text(text))) => return Ok(text.to_string()),
                Some(Ok(Message::Close(close))) => {
                    return Err(close.map(|CloseFrame { code, reason }| (code.into(), reason.to_string())));
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(None),
            }
        }
    }

    /// Whether the WebSocket echoes.
    pub(crate) async fn echoes(&mut self) -> bool {
        self.send("hello").await;
        self.text().await.as_deref() == Ok("server response: hello")
    }

    /// As [`echoes`](Self::echoes), over Socket.IO.
    pub(crate) async fn echoes_events(&mut self) -> bool {
        self.send(r#"42["message","hello"]"#).await;
        self.text().await.as_deref() == Ok(r#"42["message","server response: hello"]"#)
    }

    /// Reads to the end, and returns the close.
    pub(crate) async fn closed(&mut self) -> Option<(u16, String)> {
        loop {
            if let Err(close) = self.text().await {
                return close;
            }
        }
    }
}

/// The close for a revoked credential.
pub(crate) fn revoked() -> Option<(u16, String)> {
    Some((4403, "revoked".into()))
}
