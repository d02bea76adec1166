//! A server on a free port, and clients for HTTP and WebSocket.

use std::{net::SocketAddr, sync::LazyLock, time::Duration};

use axum::Router;
use futures_util::{SinkExt as _, StreamExt as _};
use http::{HeaderMap, HeaderName};
use reqwest::{Method, redirect};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Error as WsError, Message, client::IntoClientRequest as _, protocol::CloseFrame},
};

use crate::keep_events;

/// The headers of a request, as a test writes them.
pub type Headers<'h> = &'h [(&'h str, &'h str)];

/// A server on a free port of the loopback. It ends with the test.
pub struct Server {
    /// Where it listens.
    pub addr: SocketAddr,
    /// What to abort in the end; `None` if somebody else started it.
    pub task: Option<JoinHandle<()>>,
}

impl Server {
    /// Serves `app`.
    pub async fn start(app: Router) -> Self {
        keep_events();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { addr, task: Some(task) }
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    /// Sends a `GET`.
    pub async fn get(&self, path: &str, headers: Headers<'_>) -> Answer {
        self.send(Method::GET, path, headers, "").await
    }

    /// Sends a request. Redirects are not followed.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: Headers<'_>,
        body: impl Into<reqwest::Body>,
    ) -> Answer {
        send(self.addr, method, path, headers, body).await
    }

    /// Opens a socket, or returns the answer that refused it.
    pub async fn connect(&self, path: &str, headers: Headers<'_>) -> Result<(Client, Answer), Answer> {
        connect(self.addr, path, headers).await.map(|(socket, answer)| (Client(socket), answer))
    }

    /// Opens a socket at `/ws` with this `Authorization`.
    pub async fn open(&self, authorization: &str) -> Client {
        self.connect("/ws", &[("authorization", authorization)]).await.unwrap().0
    }

    /// The answer that refuses a socket at `/ws`.
    pub async fn refused(&self, headers: Headers<'_>) -> Answer {
        match self.connect("/ws", headers).await {
            Ok(_) => panic!("the socket opened"),
            Err(answer) => answer,
        }
    }

    /// The answer to a request line that no HTTP client would send, head and body.
    pub async fn raw(&self, line: &str) -> String {
        let mut stream = TcpStream::connect(self.addr).await.unwrap();
        let request = format!("{line} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", self.addr);
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// Each test has a runtime of its own, so no connection outlives its request.
static HTTP: LazyLock<reqwest::Client> = LazyLock::new(|| {
    let client = reqwest::Client::builder().no_proxy().redirect(redirect::Policy::none());
    client.pool_max_idle_per_host(0).timeout(Duration::from_secs(30)).build().unwrap()
});

/// Sends a request to `addr`. Redirects are not followed.
pub async fn send(
    addr: SocketAddr,
    method: Method,
    target: &str,
    headers: Headers<'_>,
    body: impl Into<reqwest::Body>,
) -> Answer {
    let mut request = HTTP.request(method, format!("http://{addr}{target}")).body(body);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Answer { status, headers, body: response.text().await.unwrap() }
}

/// A WebSocket over TCP.
pub type WebSocket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Opens a WebSocket at `addr`, or returns the answer that refused it.
pub async fn connect(addr: SocketAddr, target: &str, headers: Headers<'_>) -> Result<(WebSocket, Answer), Answer> {
    let mut request = format!("ws://{addr}{target}").into_client_request().unwrap();
    for (name, value) in headers {
        let name: HeaderName = name.parse().unwrap();
        request.headers_mut().append(name, value.parse().unwrap());
    }
    let answer = |response: http::Response<Option<Vec<u8>>>| Answer {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        body: String::from_utf8(response.into_body().unwrap_or_default()).unwrap(),
    };
    match connect_async(request).await {
        Ok((socket, response)) => Ok((socket, answer(response))),
        Err(WsError::Http(response)) => Err(answer(*response)),
        Err(error) => panic!("no HTTP answer: {error}"),
    }
}

/// The answer of a server over HTTP.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// All headers.
    pub headers: HeaderMap,
    /// The body, as text.
    pub body: String,
}

impl Answer {
    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Every `WWW-Authenticate`.
    pub fn challenges(&self) -> Vec<&str> {
        self.headers.get_all("www-authenticate").iter().map(|value| value.to_str().unwrap()).collect()
    }

    /// The code in the problem document; empty if the body isn't one.
    pub fn code(&self) -> String {
        let body: serde_json::Value = serde_json::from_str(&self.body).unwrap_or_default();
        body["code"].as_str().unwrap_or_default().to_owned()
    }

    /// Whether it has this status and this code.
    pub fn is(&self, status: u16, code: &str) -> bool {
        self.status == status && self.code() == code
    }
}

/// The client's end of a WebSocket.
#[derive(Debug)]
pub struct Client(pub WebSocket);

impl Client {
    /// Sends a text.
    pub async fn send(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.unwrap();
    }

    /// The next message, within five seconds. It skips the server's own pings, as browsers do.
    pub async fn next(&mut self) -> Option<Message> {
        loop {
            let next = tokio::time::timeout(Duration::from_secs(5), self.0.next()).await.expect("nothing came");
            match next.and_then(Result::ok) {
                Some(Message::Ping(payload)) if payload == "auth.ping" => {}
                next => return next,
            }
        }
    }

    /// Sends a text, and returns the one that comes back. It skips all pings.
    pub async fn says(&mut self, text: &str) -> String {
        self.send(text).await;
        loop {
            match self.next().await {
                Some(Message::Text(text)) => return text.to_string(),
                Some(Message::Ping(_)) => {}
                other => panic!("no text: {other:?}"),
            }
        }
    }

    /// Whether the server sends this text back.
    pub async fn echoes(&mut self, text: &str) -> bool {
        self.send(text).await;
        self.next().await.is_some_and(|message| message == Message::text(text))
    }

    /// The next message, which must be a JSON text.
    pub async fn json(&mut self) -> serde_json::Value {
        match self.next().await {
            Some(Message::Text(text)) => serde_json::from_str(&text).unwrap(),
            other => panic!("no text: {other:?}"),
        }
    }

    /// Presents a token over the open socket, and returns the answer.
    pub async fn present(&mut self, token: &str) -> serde_json::Value {
        self.send(&presented(token)).await;
        self.json().await
    }

    /// The code and reason of the close. It skips other messages.
    pub async fn closed(&mut self) -> Option<(u16, String)> {
        loop {
            match self.next().await? {
                Message::Close(Some(CloseFrame { code, reason })) => return Some((code.into(), reason.to_string())),
                Message::Close(None) => return None,
                _ => {}
            }
        }
    }
}

/// The message in which a client presents a token.
pub fn presented(token: &str) -> String {
    serde_json::json!({ "type": "auth", "scheme": "bearer", "credentials": token }).to_string()
}

/// A close as [`Client::closed`] returns it.
pub fn close(code: u16, reason: &str) -> Option<(u16, String)> {
    Some((code, reason.to_owned()))
}
