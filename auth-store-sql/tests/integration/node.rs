//! A node of a service with logins and sockets, and a browser.

use auth_core::{Authenticated, BoxError, Chain, Challenge, ManualClock, Principal, PrincipalId};
use auth_session::{Session, SessionError, SessionUsers, Sessions, async_trait};
use auth_store::{Records, Store};
use axum::{
    Router,
    extract::Path,
    http::{Method, StatusCode},
    response::Response,
    routing::{get, post},
};
use test_support::server::{Answer, Client, Server, connect, send};
use ws_adapter::{AuthLayer, AuthSocket, AuthWebSocketUpgrade, Connections, Protected, Sockets};

const ORIGIN: &str = "http://localhost:3000";

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct User(pub(crate) String);

impl Principal for User {
    fn principal_id(&self) -> Option<PrincipalId> {
        Some(PrincipalId::new("", &*self.0))
    }
}

struct Users;

#[async_trait]
impl SessionUsers for Users {
    type User = User;

    fn id(&self, user: &User) -> Result<String, BoxError> {
        Ok(user.0.clone())
    }

    async fn find(&self, id: &str) -> Result<Option<User>, BoxError> {
        Ok(Some(User(id.to_owned())))
    }
}

/// With a store, connections and a server of its own.
pub(crate) struct Node {
    pub(crate) sessions: Sessions<User>,
    pub(crate) server: Server,
}

impl Node {
    pub(crate) async fn start(store: impl Store + Records + Clone, clock: &ManualClock) -> Self {
        let sessions = Sessions::builder(store, Users, ORIGIN).clock(clock.clone()).build().unwrap();
        Self { server: Server::start(app(&sessions, clock)).await, sessions }
    }

    pub(crate) async fn logged_in(&self, name: &str) -> Browser {
        let mut browser = Browser::new();
        assert_eq!(browser.post(self, &format!("/login/{name}")).await.status, 204);
        browser
    }

    pub(crate) async fn logins(&self, name: &str) -> usize {
        self.sessions.logins(&User(name.to_owned())).await.unwrap().len()
    }
}

fn app(sessions: &Sessions<User>, clock: &ManualClock) -> Router {
    let chain = Chain::new().or(sessions.strategy()).revocation(sessions.revocations().clone());
    let chain = chain.fallback_challenge(Challenge::bearer("test"));
    let connections = Connections::new();
    connections.follow(sessions.revocations().clone());
    let layer = AuthLayer::new(chain.clone()).timer(clock.clone()).public_origin(ORIGIN).unwrap();
    let layer = layer.sockets(Sockets::new().connections(&connections).without_ping());
    let guarded = Router::new().route("/me", get(|user: Authenticated<User>| async move { user.0.clone() }));
    let open = Router::new()
        .route("/login/{name}", post(log_in))
        .route("/logout", post(|session: Session<User>| async move { no_content(session.logout().await) }))
        .route(
            "/step-up",
            post(|session: Session<User>| async move { no_content(session.step_up(&["otp"], Some("mfa")).await) }),
        )
        .route("/put/{name}/{value}", post(put))
        .route(
            "/get/{name}",
            get(|session: Session<User>, Path(name): Path<String>| async move {
                session.get::<String>(&name).unwrap_or_else(|| "-".to_owned())
            }),
        )
        .merge(guarded.route_layer(AuthLayer::new(chain).timer(clock.clone())))
        .layer(sessions.layer());
    Protected::new((sessions.layer(), layer)).route("/ws", get(echo)).public(open).into_router()
}

async fn log_in(session: Session<User>, Path(name): Path<String>) -> Result<StatusCode, SessionError> {
    no_content(session.login(&User(name)).amr(["pwd"]).await)
}

async fn put(session: Session<User>, Path((name, value)): Path<(String, String)>) -> Result<StatusCode, SessionError> {
    no_content(session.insert(&name, value))
}

fn no_content(done: Result<(), SessionError>) -> Result<StatusCode, SessionError> {
    done.map(|()| StatusCode::NO_CONTENT)
}

async fn echo(ws: AuthWebSocketUpgrade<User>) -> Response {
    ws.on_upgrade(async |mut socket: AuthSocket<User>| {
        while let Some(message) = socket.recv().await {
            drop(socket.send(message).await);
        }
    })
}

/// Keeps one cookie, and asks any node.
#[derive(Clone)]
pub(crate) struct Browser {
    cookie: Option<String>,
}

impl Browser {
    pub(crate) fn new() -> Self {
        Self { cookie: None }
    }

    pub(crate) async fn get(&mut self, node: &Node, path: &str) -> Answer {
        self.ask(node, Method::GET, path).await
    }

    pub(crate) async fn post(&mut self, node: &Node, path: &str) -> Answer {
        self.ask(node, Method::POST, path).await
    }

    /// Who is logged in, or the code of the refusal.
    pub(crate) async fn me(&mut self, node: &Node) -> String {
        let answer = self.get(node, "/me").await;
        if answer.status == 200 { answer.body } else { format!("{} {}", answer.status, answer.code()) }
    }

    /// Opens a socket.
    pub(crate) async fn open(&self, node: &Node) -> Client {
        let headers = [("cookie", self.cookie.as_deref().unwrap()), ("origin", ORIGIN)];
        Client(connect(node.server.addr, "/ws", &headers).await.unwrap().0)
    }

    async fn ask(&mut self, node: &Node, method: Method, path: &str) -> Answer {
        let mut headers = vec![("sec-fetch-site", "same-origin")];
        headers.extend(self.cookie.as_ref().map(|cookie| ("cookie", cookie.as_str())));
        let answer = send(node.server.addr, method, path, &headers, Vec::new()).await;
        if let Some(set) = answer.header("set-cookie") {
            let pair = set.split(';').next().unwrap().to_owned();
            self.cookie = if set.contains("Max-Age=0") { None } else { Some(pair) };
        }
        answer
    }
}
