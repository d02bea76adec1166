//! A client that notes everything it sees.

use std::{net::SocketAddr, sync::Mutex, time::Duration};

use futures_util::{SinkExt as _, StreamExt as _};
use reqwest::Method;
use tokio::{
    join,
    time::{sleep, timeout},
};
use tokio_tungstenite::tungstenite::Message;

use super::server::Arrivals;
use crate::{
    client::{Answer, Headers, Socket, connect_packet, send},
    common::eventually,
};

/// How long a client waits for what should come at once.
const PATIENCE: Duration = Duration::from_secs(5);

/// How the client is let in by the chain. It does the same at a server without one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// A header of every request.
    Header,
    /// The `auth` object of every `CONNECT`.
    Auth,
}

/// An `auth` object that the chain accepts.
pub(super) const AUTH: &str = r#"{"token":"123"}"#;

impl By {
    /// The `auth` object that lets the client in, or `other` if a header does.
    pub(super) fn auth(self, other: &'static str) -> &'static str {
        match self {
            Self::Header => other,
            Self::Auth => AUTH,
        }
    }
}

pub(super) struct Client {
    addr: SocketAddr,
    arrivals: Arrivals,
    by: By,
    seen: Mutex<Vec<String>>,
}

impl Client {
    pub(super) fn new(addr: SocketAddr, arrivals: Arrivals, by: By) -> Self {
        Self { addr, arrivals, by, seen: Mutex::default() }
    }

    /// What it has seen so far: a line for each answer, packet and end, without ids of sessions.
    pub(super) fn seen(self) -> Vec<String> {
        self.seen.into_inner().unwrap()
    }

    fn note(&self, line: &str) {
        self.seen.lock().unwrap().push(without_sid(line));
    }

    pub(super) fn note_answer(&self, Answer { status, headers, body }: &Answer) {
        let kind = match headers.get("content-type").map(|kind| kind.to_str().unwrap()) {
            Some("text/plain; charset=UTF-8") => "text",
            Some("application/json") => "json",
            Some("application/problem+json") => "problem",
            Some(other) => other,
            None => "nothing",
        };
        self.note(format!("{status} {kind} {body}").trim_end());
    }

    /// Notes this, and tells whether more may come.
    fn note_is_packet(&self, line: &str) -> bool {
        self.note(line);
        !line.starts_with(CLOSE) && line != CUT && line != NOTHING
    }

    fn headers(&self) -> Headers<'static> {
        match self.by {
            By::Header => &[("authorization", "Bearer 123")],
            By::Auth => &[],
        }
    }

    /// What a request with this query is answered.
    async fn ask(&self, method: Method, query: &str, body: &str) -> Answer {
        let target = format!("/socket.io/?{query}");
        let answer = timeout(PATIENCE, send(self.addr, method, &target, self.headers(), body.to_owned())).await;
        answer.unwrap_or_else(|_| Answer { status: 0, headers: http::HeaderMap::new(), body: NOTHING.to_owned() })
    }

    /// Notes what a request with this query is answered.
    pub(super) async fn request(&self, method: Method, query: &str) {
        self.note_answer(&self.ask(method, query, "").await);
    }

    /// Notes what is answered to a handshake with this query, and gives the WebSocket.
    pub(super) async fn socket(&self, query: &str) -> Option<WebSocket<'_>> {
        let target = format!("/socket.io/?{query}");
        match Socket::handshake(self.addr, &target, self.headers()).await {
            Ok((socket, _)) => {
                self.note("101");
                Some(WebSocket { client: self, socket })
            }
            Err(answer) => {
                self.note_answer(&answer);
                None
            }
        }
    }

    /// A session that polls. Nothing is noted.
    pub(super) async fn polling(&self) -> Polling<'_> {
        let open = self.ask(Method::GET, POLLING, "").await;
        let sid = between(&open.body, SID, '"').expect("a session").to_owned();
        Polling { client: self, sid }
    }

    /// A session over a WebSocket, whose first ping is answered: a pong that comes after the end would reset the stream,
    /// and the client would not see what ended it. Nothing is noted.
    pub(super) async fn websocket(&self) -> WebSocket<'_> {
        let (socket, _) =
            Socket::handshake(self.addr, &format!("/socket.io/?{WEBSOCKET}"), self.headers()).await.unwrap();
        let mut socket = WebSocket { client: self, socket };
        assert!(socket.next().await.starts_with("0{"));
        assert_eq!(socket.next().await, "2");
        socket.send("3").await;
        socket
    }

    /// The same, connected to the namespace `/`. Nothing is noted.
    pub(super) async fn connected(&self) -> WebSocket<'_> {
        let mut socket = self.websocket().await;
        socket.ask_to_connect("/", "").await;
        assert!(socket.skip().await.starts_with("40{"));
        assert!(socket.skip().await.starts_with(r#"42["auth","#));
        socket
    }
}

/// The queries that open a session.
pub(super) const POLLING: &str = "EIO=4&transport=polling";
pub(super) const WEBSOCKET: &str = "EIO=4&transport=websocket";

/// A session that polls.
pub(super) struct Polling<'c> {
    client: &'c Client,
    sid: String,
}

impl<'c> Polling<'c> {
    pub(super) async fn ask(&self, method: Method, body: &str) -> Answer {
        self.client.ask(method, &format!("{POLLING}&sid={}", self.sid), body).await
    }

    pub(super) async fn poll(&self) {
        self.client.note_answer(&self.ask(Method::GET, "").await);
    }

    /// Polls until so many packets have come, and notes each of them.
    pub(super) async fn packets(&self, count: usize) {
        let mut came = 0;
        while came < count {
            let answer = self.ask(Method::GET, "").await;
            assert_eq!(answer.status, 200, "{answer:?}");
            for packet in answer.body.split('\u{1e}') {
                self.client.note(packet);
                came += 1;
            }
        }
    }

    /// What a poll is answered, and what `then` gives, which begins while the poll waits.
    pub(super) async fn poll_beside<T>(&self, then: impl Future<Output = T>) -> (Answer, T) {
        let arrived = self.client.arrivals.count();
        let then = async {
            eventually(|| self.client.arrivals.count() > arrived).await;
            // It has nothing else to wait for.
            sleep(Duration::from_millis(100)).await;
            then.await
        };
        join!(self.ask(Method::GET, ""), then)
    }

    pub(super) async fn post(&self, packet: &str) {
        self.client.note_answer(&self.ask(Method::POST, packet).await);
    }

    /// A WebSocket for the same session.
    pub(super) async fn socket(&self) -> Option<WebSocket<'c>> {
        self.client.socket(&format!("{WEBSOCKET}&sid={}", self.sid)).await
    }

    /// Goes over to a WebSocket.
    pub(super) async fn upgrade(&self) -> WebSocket<'c> {
        let mut socket = self.socket().await.unwrap();
        socket.send("2probe").await;
        socket.sees().await;
        socket.send("5").await;
        socket
    }
}

pub(super) struct WebSocket<'c> {
    client: &'c Client,
    socket: Socket,
}

impl WebSocket<'_> {
    pub(super) async fn send(&mut self, packet: &str) {
        self.socket.send(packet).await;
    }

    pub(super) async fn send_binary(&mut self, bytes: &[u8]) {
        self.socket.0.send(Message::binary(bytes.to_vec())).await.unwrap();
    }

    pub(super) async fn close(&mut self) {
        self.socket.0.close(None).await.unwrap();
    }

    /// Sends a `CONNECT`, and notes the decision and the event `auth` that the application sends.
    pub(super) async fn connect(&mut self, namespace: &str, auth: &str) {
        self.ask_to_connect(namespace, auth).await;
        self.sees().await;
        self.sees().await;
    }

    pub(super) async fn ask_to_connect(&mut self, namespace: &str, auth: &str) {
        let auth = if auth.is_empty() { self.client.by.auth("") } else { auth };
        self.send(&connect_packet(namespace, auth)).await;
    }

    /// Notes the next packet that is not a ping, or the end. Pings are answered.
    pub(super) async fn sees(&mut self) {
        let next = self.skip().await;
        self.client.note(&next);
    }

    /// Notes the next packet, which may be a ping.
    pub(super) async fn sees_ping(&mut self) {
        let next = self.next().await;
        self.client.note(&next);
    }

    /// Notes everything until the end.
    pub(super) async fn sees_end(&mut self) {
        while self.client.note_is_packet(&self.skip().await) {}
    }

    /// The same, without a pong.
    pub(super) async fn sees_end_without_pongs(&mut self) {
        while self.client.note_is_packet(&self.next().await) {}
    }

    /// The next packet that is not a ping, or the end. Pings are answered.
    async fn skip(&mut self) -> String {
        loop {
            match self.next().await {
                // The server may be gone, or the client have closed the WebSocket.
                ping if ping == "2" => drop(self.socket.0.send(Message::text("3")).await),
                next => return next,
            }
        }
    }

    async fn next(&mut self) -> String {
        match timeout(PATIENCE, self.socket.0.next()).await {
            Ok(Some(Ok(Message::Text(packet)))) => packet.to_string(),
            Ok(Some(Ok(Message::Binary(bytes)))) => format!("{:?}", &bytes[..]),
            Ok(Some(Ok(Message::Close(Some(close))))) => format!("{CLOSE} {} {}", u16::from(close.code), close.reason),
            Ok(Some(Ok(Message::Close(None)))) => CLOSE.to_owned(),
            Ok(Some(Ok(frame))) => format!("{frame:?}"),
            // Whether this is read as an end or as a reset depends on what is on the way.
            Ok(Some(Err(_)) | None) => CUT.to_owned(),
            Err(_) => NOTHING.to_owned(),
        }
    }
}

/// A close frame, and the end of a stream without one.
const CLOSE: &str = "close";
const CUT: &str = "cut";
const NOTHING: &str = "nothing came";

const SID: &str = r#""sid":""#;

fn between<'t>(text: &'t str, start: &str, end: char) -> Option<&'t str> {
    text.split_once(start)?.1.split_once(end).map(|(found, _)| found)
}

fn without_sid(line: &str) -> String {
    match between(line, SID, '"') {
        Some(sid) => line.replace(sid, "…"),
        None => line.to_owned(),
    }
}
