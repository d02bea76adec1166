//! Clients that speak engine.io and Socket.IO packet by packet.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::{SinkExt as _, StreamExt as _};
use reqwest::Method;
use test_support::server::{WebSocket, connect};
use tokio_tungstenite::tungstenite::Message;

pub(crate) use test_support::server::{Answer, Headers, send};

use crate::support::App;

/// The engine.io packets of a poll.
fn packets(answer: &Answer) -> Vec<String> {
    answer.body.split('\u{1e}').map(str::to_owned).collect()
}

/// A transport that polls.
#[derive(Clone)]
pub(crate) struct Polling {
    addr: SocketAddr,
    pub(crate) sid: String,
    headers: Vec<(String, String)>,
    /// What has come, and nobody has asked for yet.
    inbox: Arc<Mutex<VecDeque<String>>>,
}

impl Polling {
    pub(crate) async fn open<U>(app: &App<U>, headers: Headers<'_>) -> Result<Self, Answer> {
        let addr = app.server.addr;
        let answer = send(addr, Method::GET, "/socket.io/?EIO=4&transport=polling", headers, String::new()).await;
        if answer.status != 200 {
            return Err(answer);
        }
        let open: serde_json::Value = serde_json::from_str(answer.body.strip_prefix('0').unwrap()).unwrap();
        let sid = open["sid"].as_str().unwrap().to_owned();
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Ok(Self { addr, sid, headers, inbox: Arc::default() })
    }

    /// The same `sid` in other hands.
    pub(crate) fn with(&self, headers: Headers<'_>) -> Self {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self { headers, ..self.clone() }
    }

    async fn request(&self, method: Method, body: &str) -> Answer {
        let target = format!("/socket.io/?EIO=4&transport=polling&sid={}", self.sid);
        let headers: Vec<_> = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        send(self.addr, method, &target, &headers, body.to_owned()).await
    }

    pub(crate) async fn poll(&self) -> Answer {
        self.request(Method::GET, "").await
    }

    pub(crate) async fn post(&self, packet: &str) -> Answer {
        self.request(Method::POST, packet).await
    }

    /// The next packet that is no ping.
    async fn packet(&self) -> String {
        loop {
            let next = self.inbox.lock().unwrap().pop_front();
            match next.as_deref() {
                Some("2") => assert_eq!(self.post("3").await.status, 200),
                Some(packet) => return packet.to_owned(),
                None => {
                    let answer = self.poll().await;
                    assert_eq!(answer.status, 200, "{answer:?}");
                    self.inbox.lock().unwrap().extend(packets(&answer));
                }
            }
        }
    }

    /// The next message that starts so.
    pub(crate) async fn message(&self, start: &str) -> String {
        loop {
            match self.packet().await.strip_prefix('4') {
                Some(message) if message.starts_with(start) => return message.to_owned(),
                _ => {}
            }
        }
    }

    /// The answer to a `CONNECT`: `Ok` or the code.
    pub(crate) async fn connect(&self, namespace: &str, auth: &str) -> Result<(), String> {
        assert_eq!(self.post(&connect_packet(namespace, auth)).await.status, 200);
        loop {
            if let Some(decision) = decision(namespace, &self.packet().await) {
                return decision;
            }
        }
    }

    /// What is acknowledged to an event `auth_refresh` with this payload.
    pub(crate) async fn refresh(&self, namespace: &str, payload: &str) -> serde_json::Value {
        assert_eq!(self.post(&refresh_packet(namespace, payload)).await.status, 200);
        loop {
            if let Some(answer) = acknowledgement(namespace, &self.packet().await) {
                return answer;
            }
        }
    }

    pub(crate) async fn echoes(&self, text: &str, answer: &str) {
        assert_eq!(self.post(&format!(r#"42["message","{text}"]"#)).await.status, 200);
        assert_eq!(self.message(r#"2["message""#).await, format!(r#"2["message","{answer}"]"#));
    }

    /// Goes over to a WebSocket.
    pub(crate) async fn upgrade(&self) -> Result<Socket, Answer> {
        let headers: Vec<_> = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let target = format!("/socket.io/?EIO=4&transport=websocket&sid={}", self.sid);
        let mut socket = Socket::handshake(self.addr, &target, &headers).await?.0;
        socket.send("2probe").await;
        assert_eq!(socket.next().await.unwrap(), Message::text("3probe"));
        socket.send("5").await;
        Ok(socket)
    }
}

/// Waits until this client may open a transport: the clock of socketioxide is not ours.
pub(crate) async fn opens_again<U>(app: &App<U>, headers: Headers<'_>, within: Duration) {
    let opened = async {
        while Polling::open(app, headers).await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(within, opened).await.unwrap();
}

/// A transport that is a WebSocket.
#[derive(Debug)]
pub(crate) struct Socket(pub(crate) WebSocket);

impl Socket {
    pub(crate) async fn open<U>(app: &App<U>, headers: Headers<'_>) -> Result<Self, Answer> {
        let (mut socket, _) =
            Self::handshake(app.server.addr, "/socket.io/?EIO=4&transport=websocket", headers).await?;
        let open = socket.next().await.unwrap().into_text().unwrap();
        assert!(open.starts_with("0{\"sid\":"), "{open}");
        Ok(socket)
    }

    pub(crate) async fn handshake(
        addr: SocketAddr,
        target: &str,
        headers: Headers<'_>,
    ) -> Result<(Self, http::HeaderMap), Answer> {
        connect(addr, target, headers).await.map(|(socket, answer)| (Self(socket), answer.headers))
    }

    pub(crate) async fn send(&mut self, packet: &str) {
        self.0.send(Message::text(packet)).await.unwrap();
    }

    /// The next message; `None` at the end. Pings of engine.io are answered on the way.
    pub(crate) async fn next(&mut self) -> Option<Message> {
        loop {
            let next = tokio::time::timeout(Duration::from_secs(5), self.0.next()).await.expect("nothing came");
            match next?.ok()? {
                ping if ping == Message::text("2") => self.send("3").await,
                message => {
                    if message.is_close() {
                        // The answer to it, which the server waits for.
                        let _ = self.0.flush().await;
                    }
                    return Some(message);
                }
            }
        }
    }

    pub(crate) async fn packet(&mut self) -> String {
        self.next().await.expect("the end came").into_text().unwrap().to_string()
    }

    pub(crate) async fn connect(&mut self, namespace: &str, auth: &str) -> Result<(), String> {
        self.try_connect(namespace, auth).await.expect("the end came")
    }

    /// The same, or the close if that comes first.
    pub(crate) async fn try_connect(
        &mut self,
        namespace: &str,
        auth: &str,
    ) -> Result<Result<(), String>, Option<(u16, String)>> {
        self.send(&connect_packet(namespace, auth)).await;
        loop {
            match self.next().await {
                Some(Message::Text(packet)) => {
                    if let Some(decision) = decision(namespace, &packet) {
                        return Ok(decision);
                    }
                }
                Some(Message::Close(close)) => return Err(close.map(|c| (c.code.into(), c.reason.to_string()))),
                Some(_) => {}
                None => return Err(None),
            }
        }
    }

    pub(crate) async fn echoes(&mut self, text: &str, answer: &str) {
        self.send(&format!(r#"42["message","{text}"]"#)).await;
        loop {
            let packet = self.packet().await;
            if packet.starts_with(r#"42["message""#) {
                assert_eq!(packet, format!(r#"42["message","{answer}"]"#));
                return;
            }
        }
    }

    /// What is acknowledged to an event `auth_refresh` with this payload.
    pub(crate) async fn refresh(&mut self, namespace: &str, payload: &str) -> serde_json::Value {
        self.send(&refresh_packet(namespace, payload)).await;
        self.acknowledged(namespace).await
    }

    pub(crate) async fn acknowledged(&mut self, namespace: &str) -> serde_json::Value {
        loop {
            if let Some(answer) = acknowledgement(namespace, &self.packet().await) {
                return answer;
            }
        }
    }

    /// The next event of this name, and all that came with it.
    pub(crate) async fn event(&mut self, name: &str) -> serde_json::Value {
        loop {
            let packet = self.packet().await;
            let event = packet.strip_prefix("42").and_then(|event| serde_json::from_str(event).ok());
            if let Some(serde_json::Value::Array(event)) = event
                && event[0] == name
            {
                return event[1].clone();
            }
        }
    }

    /// The Socket.IO packets until the end, and the close.
    pub(crate) async fn end(&mut self) -> (Vec<String>, Option<(u16, String)>) {
        let mut packets = Vec::new();
        loop {
            match self.next().await {
                Some(Message::Text(text)) => packets.push(text.to_string()),
                Some(Message::Close(close)) => {
                    return (packets, close.map(|close| (close.code.into(), close.reason.to_string())));
                }
                Some(_) => {}
                None => return (packets, None),
            }
        }
    }
}

fn prefix(namespace: &str) -> String {
    if namespace == "/" { String::new() } else { format!("{namespace},") }
}

pub(crate) fn connect_packet(namespace: &str, auth: &str) -> String {
    format!("40{}{auth}", prefix(namespace))
}

pub(crate) fn refresh_packet(namespace: &str, payload: &str) -> String {
    format!(r#"42{}7["auth_refresh",{payload}]"#, prefix(namespace))
}

/// What the packet acknowledges, if it is about this namespace.
fn acknowledgement(namespace: &str, packet: &str) -> Option<serde_json::Value> {
    let answer = packet.strip_prefix("43")?.strip_prefix(&*prefix(namespace))?.strip_prefix('7')?;
    let mut answer: Vec<serde_json::Value> = serde_json::from_str(answer).unwrap();
    assert_eq!(answer.len(), 1);
    answer.pop()
}

/// The decision, if the packet is one about this namespace.
fn decision(namespace: &str, packet: &str) -> Option<Result<(), String>> {
    let body = |kind: &str| packet.strip_prefix(kind)?.strip_prefix(&*prefix(namespace)).filter(|b| b.starts_with('{'));
    if body("40").is_some() {
        return Some(Ok(()));
    }
    let error: serde_json::Value = serde_json::from_str(body("44")?).unwrap();
    Some(Err(error["message"].as_str().unwrap().to_owned()))
}
