//! One application with users, tokens and a store that can fail; a server for it; clients.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, LazyLock},
    time::{Duration, SystemTime},
};

use auth_basic::{Basic, BasicLogin};
use auth_core::{
    Authenticated, BoxError, Chain, ManualClock, Principal, PrincipalId, Strategy,
    extract::{Extractor, bearer, cookie, subprotocol},
};
use auth_jwt::{Jwt, Signer};
use axum::{Router, body::Body, response::Response, routing::any};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_util::{SinkExt as _, StreamExt as _};
use serde::{Deserialize, Serialize};
use tokio::{net::TcpListener, net::TcpStream, task::JoinHandle};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{
        Error as WsError, Message,
        client::IntoClientRequest as _,
        http::{HeaderName, Response as WsResponse},
        protocol::CloseFrame,
    },
};
use ws_adapter::{AuthLayer, AuthWebSocketUpgrade, Bodies, Read};

const SECRET: &[u8] = b"a secret of at least thirty-two bytes";

/// The instant at which the tests take place; they move it by hand.
pub(crate) static START: LazyLock<SystemTime> =
    LazyLock::new(|| SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000));

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct User(pub(crate) String);

impl Principal for User {
    fn principal_id(&self) -> Option<PrincipalId> {
        Some(principal(&self.0))
    }
}

pub(crate) fn principal(name: &str) -> PrincipalId {
    PrincipalId::new("", name)
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Claims {
    sub: String,
    exp: u64,
}

/// `ann:password`: a credential without an end.
pub(crate) const FOREVER: &str = "Basic YW5uOnBhc3N3b3Jk";

/// A token of `sub` that ends `secs` after the start; it may be negative.
pub(crate) fn token(sub: &str, secs: i64) -> String {
    token_from(*START, sub, secs)
}

/// A token of `sub` that ends `secs` after now, by the clock of the system.
pub(crate) fn real_token(sub: &str, secs: i64) -> String {
    token_from(SystemTime::now(), sub, secs)
}

/// A token with these claims.
pub(crate) fn signed(claims: &serde_json::Value) -> String {
    Signer::hs256(SECRET).unwrap().sign(claims).unwrap().expose().to_owned()
}

/// A token of `sub` that ends `secs` after the start, with an id and a session of its own.
pub(crate) fn token_with_id(sub: &str, secs: u64, id: &str) -> String {
    let start = START.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let session = format!("session of {id}");
    signed(&serde_json::json!({ "sub": sub, "iat": start, "exp": start + secs, "jti": id, "sid": session }))
}

fn token_from(start: SystemTime, sub: &str, secs: i64) -> String {
    let start = start.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let claims = Claims { sub: sub.into(), exp: start.checked_add_signed(secs).unwrap() };
    Signer::hs256(SECRET).unwrap().sign(&claims).unwrap().expose().to_owned()
}

pub(crate) fn bearer_of(sub: &str) -> String {
    format!("Bearer {}", token(sub, 60))
}

/// `broken`, `panic` and `stuck` are users at whom the store fails in these ways; `nobody` is none.
async fn find(name: String) -> Result<Option<User>, BoxError> {
    // Once over the executor, as a real store would.
    tokio::task::yield_now().await;
    match name.as_str() {
        "broken" => Err("the store is down".into()),
        "panic" => panic!("the callback panics"),
        "stuck" => std::future::pending().await,
        "nobody" => Ok(None),
        _ => Ok(Some(User(name))),
    }
}

pub(crate) fn jwt_from(extractor: impl Extractor) -> impl Strategy<User = User> {
    Jwt::<Claims>::hs256(SECRET).unwrap().realm("test").extract(extractor).verify(|claims: Claims| find(claims.sub))
}

pub(crate) fn jwt() -> impl Strategy<User = User> {
    jwt_from(bearer().or(subprotocol("auth.bearer.")).or(cookie("jwt")))
}

/// Knows everybody whose password is `password`.
pub(crate) fn basic() -> impl Strategy<User = User> {
    Basic::new("test").verify(|login: BasicLogin| async move {
        let known = login.password().expose() == "password";
        Ok::<_, Infallible>(known.then(|| User(login.username().to_owned())))
    })
}

pub(crate) fn jwt_or_basic() -> Chain<User> {
    Chain::new().or(jwt()).or(basic())
}

pub(crate) const JWT_OR_BASIC: [&str; 2] = ["Bearer realm=\"test\"", "Basic realm=\"test\", charset=\"UTF-8\""];

pub(crate) fn clock() -> ManualClock {
    ManualClock::new(*START)
}

/// A layer whose time stands at the start.
pub(crate) fn layer<U: Principal>(chain: Chain<U>) -> AuthLayer<U> {
    AuthLayer::new(chain).timer(clock())
}

/// The same, for a chain that looks into bodies.
pub(crate) fn reading<U: Principal>(chain: Chain<U>) -> AuthLayer<U, Read> {
    AuthLayer::reading_bodies(chain).timer(clock())
}

pub(crate) async fn me(user: Authenticated<User>) -> String {
    user.0.clone()
}

pub(crate) async fn echo(ws: AuthWebSocketUpgrade<User>) -> Response {
    ws.on_upgrade(|mut socket| async move {
        while let Some(message) = socket.recv().await {
            if socket.send(message).await.is_err() {
                break;
            }
        }
    })
}

/// The routes that most tests ask: `/me` and `/ws` behind one layer.
pub(crate) fn app<M: Bodies<Body>>(layer: AuthLayer<User, M>) -> Router {
    Router::new().route("/me", any(me)).route("/ws", any(echo)).layer(layer)
}

/// A server on a free port, which ends with the test.
pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    /// `None` if somebody else has started it.
    pub(crate) task: Option<JoinHandle<()>>,
}

impl Server {
    pub(crate) async fn start(app: Router) -> Self {
        crate::common::keep_events();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { addr, task: Some(task) }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    pub(crate) async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.send(reqwest::Method::GET, path, headers, "").await
    }

    pub(crate) async fn send(
        &self,
        method: reqwest::Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<reqwest::Body>,
    ) -> Answer {
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap();
        let mut request = client.request(method, self.url(path)).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap();
        let mut answer = Answer::of(response.status().as_u16(), response.headers());
        answer.body = response.text().await.unwrap();
        answer
    }

    /// Opens a socket, or gives the answer that refused it.
    pub(crate) async fn connect(&self, path: &str, headers: &[(&str, &str)]) -> Result<(Client, Answer), Answer> {
        let mut request = format!("ws://{}{path}", self.addr).into_client_request().unwrap();
        for (name, value) in headers {
            let name: HeaderName = name.parse().unwrap();
            request.headers_mut().append(name, value.parse().unwrap());
        }
        let answer = |response: &WsResponse<Option<Vec<u8>>>| {
            let mut answer = Answer::of(response.status().as_u16(), response.headers());
            answer.body = String::from_utf8(response.body().clone().unwrap_or_default()).unwrap();
            answer
        };
        match connect_async(request).await {
            Ok((socket, response)) => Ok((Client(socket), answer(&response))),
            Err(WsError::Http(response)) => Err(answer(&response)),
            Err(error) => panic!("no HTTP answer: {error}"),
        }
    }

    pub(crate) async fn open(&self, authorization: &str) -> Client {
        self.connect("/ws", &[("authorization", authorization)]).await.unwrap().0
    }

    pub(crate) async fn refused(&self, headers: &[(&str, &str)]) -> Answer {
        match self.connect("/ws", headers).await {
            Ok(_) => panic!("the socket opened"),
            Err(answer) => answer,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// A route whose handler says nothing, and reads what comes or does not.
pub(crate) fn silent(reads: bool) -> Router {
    let handler = any(move |ws: AuthWebSocketUpgrade<User>| async move {
        ws.on_upgrade(move |mut socket| async move {
            if !reads {
                std::future::pending::<()>().await;
            }
            while socket.recv().await.is_some() {}
        })
    });
    Router::new().route("/ws", handler)
}

/// The subprotocols by which a page sends `token`.
pub(crate) fn protocols(token: &str) -> String {
    format!("auth.v1, auth.bearer.{}", URL_SAFE_NO_PAD.encode(token))
}

/// What a server has answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: http::HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    fn of(status: u16, headers: &http::HeaderMap) -> Self {
        Self { status, headers: headers.clone(), body: String::new() }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn challenges(&self) -> Vec<&str> {
        self.headers.get_all("www-authenticate").iter().map(|value| value.to_str().unwrap()).collect()
    }

    /// The code of the problem; empty if the body is none.
    pub(crate) fn code(&self) -> String {
        let body: serde_json::Value = serde_json::from_str(&self.body).unwrap_or_default();
        body["code"].as_str().unwrap_or_default().to_owned()
    }

    pub(crate) fn is(&self, status: u16, code: &str) -> bool {
        self.status == status && self.code() == code
    }
}

/// The client's end of a socket.
#[derive(Debug)]
pub(crate) struct Client(pub(crate) WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Client {
    pub(crate) async fn send(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.unwrap();
    }

    /// The next message; the server's own pings are passed over, as browsers do.
    pub(crate) async fn next(&mut self) -> Option<Message> {
        loop {
            let next = tokio::time::timeout(Duration::from_secs(5), self.0.next()).await.expect("nothing came");
            match next.and_then(Result::ok) {
                Some(Message::Ping(payload)) if payload == "auth.ping" => {}
                next => return next,
            }
        }
    }

    pub(crate) async fn echoes(&mut self, text: &str) -> bool {
        self.send(text).await;
        self.next().await.is_some_and(|message| message == Message::text(text))
    }

    /// The next message, which must be a JSON text.
    pub(crate) async fn json(&mut self) -> serde_json::Value {
        match self.next().await {
            Some(Message::Text(text)) => serde_json::from_str(&text).unwrap(),
            other => panic!("no text: {other:?}"),
        }
    }

    /// Presents a credential over the open socket, and gives the answer.
    pub(crate) async fn present(&mut self, token: &str) -> serde_json::Value {
        self.send(&presented(token)).await;
        self.json().await
    }

    /// The code and reason of the close; other messages are passed over.
    pub(crate) async fn closed(&mut self) -> Option<(u16, String)> {
        loop {
            match self.next().await? {
                Message::Close(Some(CloseFrame { code, reason })) => return Some((code.into(), reason.to_string())),
                Message::Close(None) => return None,
                _ => {}
            }
        }
    }
}

/// The message by which a client presents a token.
pub(crate) fn presented(token: &str) -> String {
    serde_json::json!({ "type": "auth", "scheme": "bearer", "credentials": token }).to_string()
}

pub(crate) fn close(code: u16, reason: &str) -> Option<(u16, String)> {
    Some((code, reason.into()))
}

pub(crate) fn expired() -> Option<(u16, String)> {
    Some((4401, "token_expired".into()))
}

/// A counter that is shared with a handler.
pub(crate) type Counter = Arc<std::sync::atomic::AtomicUsize>;
