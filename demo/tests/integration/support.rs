use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, SystemTime},
};

use auth_core::ManualClock;
use auth_store::MemoryStore;
use demo::{Server, Settings, app, sign};
use futures_util::{SinkExt as _, StreamExt as _};
use reqwest::{Method, RequestBuilder, Response};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Error as WsError, Message, client::IntoClientRequest as _, protocol::CloseFrame},
};

/// `admin:password`
pub(crate) const BASIC: &str = "Basic YWRtaW46cGFzc3dvcmQ=";
/// `admin:guess`
pub(crate) const WRONG_BASIC: &str = "Basic YWRtaW46Z3Vlc3M=";

/// The demo on a free port, with a manual clock.
pub(crate) struct Demo {
    pub(crate) addr: SocketAddr,
    pub(crate) clock: ManualClock,
    settings: Settings,
    stop: Option<oneshot::Sender<()>>,
    pub(crate) task: JoinHandle<()>,
}

impl Demo {
    pub(crate) async fn start() -> Self {
        Self::start_with(Server::default()).await
    }

    /// With settings that `set` has changed.
    pub(crate) async fn start_set(set: impl FnOnce(&mut Settings)) -> Self {
        Self::start_both(Server::default(), set).await
    }

    pub(crate) async fn start_with(server: Server) -> Self {
        Self::start_both(server, |_| ()).await
    }

    async fn start_both(server: Server, set: impl FnOnce(&mut Settings)) -> Self {
        let clock = ManualClock::new(SystemTime::now());
        let mut settings = Settings::new("secret");
        settings.timer = Arc::new(clock.clone());
        let store = MemoryStore::new().clock(clock.clone());
        (settings.store, settings.records) = (Arc::new(store.clone()), Arc::new(store.clone()));
        settings.budgets = Arc::new(store);
        set(&mut settings);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let signal = async { stopped.await.unwrap_or_default() };
        let task = tokio::spawn(server.run(listener, app(&settings).unwrap(), settings.shutdown.clone(), signal));
        Self { addr, clock, settings, stop: Some(stop), task }
    }

    /// Does what Ctrl-C does.
    pub(crate) fn stop(&mut self) {
        let _ = self.stop.take().unwrap().send(());
    }

    /// `Bearer` and a token of `admin` that is valid for `secs` seconds.
    pub(crate) fn bearer(&self, secs: u64) -> String {
        let token = sign(&self.settings, "1001", Duration::from_secs(secs)).unwrap();
        format!("Bearer {}", token.expose())
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        client.request(method, format!("http://{}{path}", self.addr))
    }

    pub(crate) async fn get(&self, path: &str, authorization: Option<&str>) -> Response {
        let mut request = self.request(Method::GET, path);
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        request.send().await.unwrap()
    }

    /// Opens a socket, or returns the status of the refusal.
    pub(crate) async fn connect(&self, name: &'static str, value: &str) -> Result<Client, u16> {
        self.connect_to("/ws", &[(name, value)]).await
    }

    /// As [`connect`](Self::connect), at another path.
    pub(crate) async fn connect_to(&self, path: &str, headers: &[(&'static str, &str)]) -> Result<Client, u16> {
        let mut request = format!("ws://{}{path}", self.addr).into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        match connect_async(request).await {
            Ok((socket, _)) => Ok(Client(socket)),
            Err(WsError::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("no HTTP answer: {error}"),
        }
    }

    pub(crate) fn advance(&self, secs: u64) {
        self.clock.advance(Duration::from_secs(secs));
    }
}

/// The client's end of a socket.
#[derive(Debug)]
pub(crate) struct Client(pub(crate) WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Client {
    pub(crate) async fn next(&mut self) -> Option<Message> {
        let next = tokio::time::timeout(Duration::from_secs(30), self.0.next()).await;
        next.expect("nothing came").and_then(Result::ok)
    }

    /// Sends a text, and returns the answer.
    pub(crate) async fn says(&mut self, text: &str) -> String {
        self.0.send(Message::text(text)).await.unwrap();
        loop {
            match self.next().await {
                Some(Message::Text(text)) => return text.to_string(),
                Some(Message::Ping(_)) => {}
                other => panic!("no text: {other:?}"),
            }
        }
    }

    pub(crate) async fn closed(&mut self) -> Option<(u16, String)> {
        loop {
            if let Message::Close(frame) = self.next().await? {
                return frame.map(|CloseFrame { code, reason }| (code.into(), reason.to_string()));
            }
        }
    }
}

pub(crate) async fn code(response: Response) -> (u16, String) {
    let status = response.status().as_u16();
    let body: serde_json::Value = response.json().await.unwrap();
    (status, body.get("code").and_then(|code| code.as_str()).unwrap_or_default().to_owned())
}

pub(crate) fn challenges(response: &Response) -> Vec<&str> {
    response.headers().get_all("www-authenticate").iter().map(|value| value.to_str().unwrap()).collect()
}
