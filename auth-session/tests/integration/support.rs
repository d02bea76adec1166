//! An application with logins, and a browser.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use auth_core::{Authenticated, BoxError, Chain, Challenge, ManualClock, Principal, PrincipalId};
use auth_session::{Session, SessionError, SessionUsers, Sessions, SessionsBuilder, async_trait};
use axum::{
    Router,
    extract::{Path, Query},
    http::{HeaderMap, Method, Request, StatusCode},
    response::Response,
    routing::{get, post},
};
use test_support::{
    keep_events,
    server::{Answer, Client, Server},
};
use tower::ServiceExt as _;
use ws_adapter::{AuthLayer, AuthSocket, AuthWebSocketUpgrade, Connections, Protected, Sockets};

use crate::watched::Watched;

/// What a browser says about our own page.
pub(crate) const OURS: (&str, &str) = ("sec-fetch-site", "same-origin");
pub(crate) const ORIGIN: &str = "http://localhost:3000";

pub(crate) fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

pub(crate) fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

pub(crate) fn clock() -> ManualClock {
    ManualClock::new(now())
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct User(pub(crate) String);

impl Principal for User {
    fn principal_id(&self) -> Option<PrincipalId> {
        Some(PrincipalId::new("", &*self.0))
    }
}

/// Knows every user but those that a test has removed.
#[derive(Clone, Default)]
pub(crate) struct Users(Arc<Mutex<HashMap<String, &'static str>>>);

impl Users {
    /// `gone`: unknown; `broken`: cannot be asked; `unnamed`: has no id; `panics`.
    pub(crate) fn set(&self, name: &str, is: &'static str) {
        self.0.lock().unwrap().insert(name.to_owned(), is);
    }

    fn is(&self, name: &str) -> &'static str {
        self.0.lock().unwrap().get(name).copied().unwrap_or_default()
    }
}

#[async_trait]
impl SessionUsers for Users {
    type User = User;

    fn id(&self, user: &User) -> Result<String, BoxError> {
        match self.is(&user.0) {
            "unnamed" => Err("the user has no id".into()),
            "panics" => panic!("a bug of the application"),
            _ => Ok(user.0.clone()),
        }
    }

    async fn find(&self, id: &str) -> Result<Option<User>, BoxError> {
        match self.is(id) {
            "gone" => Ok(None),
            "broken" => Err("the users cannot be asked".into()),
            "panics" => panic!("a bug of the application"),
            _ => Ok(Some(User(id.to_owned()))),
        }
    }
}

/// An application whose store answers at once, as one in memory does.
pub(crate) type App = AppOf<true>;

/// An application, its store, users and clock. `AT_ONCE`: whether the store answers at once where it can.
#[derive(Clone)]
pub(crate) struct AppOf<const AT_ONCE: bool> {
    pub(crate) clock: ManualClock,
    pub(crate) store: Watched,
    pub(crate) users: Users,
    pub(crate) sessions: Sessions<User>,
    pub(crate) router: Router,
}

impl<const AT_ONCE: bool> AppOf<AT_ONCE> {
    pub(crate) fn new() -> Self {
        Self::with(|builder| builder)
    }

    pub(crate) fn with(set: impl Fn(SessionsBuilder<User>) -> SessionsBuilder<User>) -> Self {
        Self::at(ORIGIN, set)
    }

    pub(crate) fn at(origin: &str, set: impl Fn(SessionsBuilder<User>) -> SessionsBuilder<User>) -> Self {
        keep_events();
        let (clock, users) = (clock(), Users::default());
        let store = Watched::new(&clock, AT_ONCE);
        let builder = Sessions::builder(store.clone(), users.clone(), origin).clock(clock.clone());
        let sessions = set(builder).build().unwrap();
        let router = routes(&sessions, &clock);
        Self { clock, store, users, sessions, router }
    }

    pub(crate) fn chain(&self) -> Chain<User> {
        chain(&self.sessions)
    }

    pub(crate) fn browser(&self) -> Browser {
        Browser::of(self.router.clone())
    }

    pub(crate) async fn serve(&self) -> Server {
        Server::start(self.router.clone()).await
    }

    /// A browser in which this user is logged in.
    pub(crate) async fn logged_in(&self, name: &str) -> Browser {
        let mut browser = self.browser();
        assert_eq!(browser.post(&format!("/login/{name}")).await.status, 204);
        browser
    }

    pub(crate) async fn sids(&self, name: &str) -> Vec<String> {
        let logins = self.sessions.logins(&User(name.to_owned())).await.unwrap();
        logins.iter().map(|login| login.sid().to_owned()).collect()
    }
}

/// The application with a socket at `/ws`, which echoes. It ends when its login does.
pub(crate) fn with_socket(sessions: &Sessions<User>, clock: &ManualClock, app: Router) -> Router {
    let connections = Connections::new();
    connections.follow(sessions.revocations().clone());
    let layer = AuthLayer::new(chain(sessions)).timer(clock.clone());
    let layer = layer.public_origin(ORIGIN).unwrap().sockets(Sockets::new().connections(&connections).without_ping());
    // Both layers in one call. Everywhere else there are two.
    Protected::new((sessions.layer(), layer)).route("/ws", get(echo)).public(app).into_router()
}

async fn echo(ws: AuthWebSocketUpgrade<User>) -> Response {
    ws.on_upgrade(async |mut socket: AuthSocket<User>| {
        while let Some(message) = socket.recv().await {
            drop(socket.send(message).await);
        }
    })
}

fn chain(sessions: &Sessions<User>) -> Chain<User> {
    let chain = Chain::new().or(sessions.strategy()).revocation(sessions.revocations().clone());
    chain.fallback_challenge(Challenge::bearer("test"))
}

pub(crate) fn routes(sessions: &Sessions<User>, clock: &ManualClock) -> Router {
    let guarded = Router::new()
        .route("/me", get(|user: Authenticated<User>| async move { user.0.clone() }))
        .route_layer(AuthLayer::new(chain(sessions)).timer(clock.clone()));
    let optional = Router::new()
        .route("/greet", get(greet))
        .route_layer(AuthLayer::optional(chain(sessions)).timer(clock.clone()));
    let all = sessions.clone();
    Router::new()
        .route("/login/{name}", post(log_in))
        .route(
            "/end-all/{name}",
            post(async move |Path(name): Path<String>| no_content(all.end_all(&User(name)).await)),
        )
        .route("/logout", post(|session: Session<User>| async move { no_content(session.logout().await) }))
        .route(
            "/step-up",
            post(|session: Session<User>| async move { no_content(session.step_up(&["otp"], Some("mfa")).await) }),
        )
        .route("/end-others", post(|session: Session<User>| async move { no_content(session.end_others().await) }))
        .route("/put/{name}/{value}", post(put))
        .route(
            "/get/{name}",
            get(|session: Session<User>, Path(name): Path<String>| async move {
                session.get::<String>(&name).unwrap_or_else(|| "-".to_owned())
            }),
        )
        .route(
            "/del/{name}",
            post(|session: Session<User>, Path(name): Path<String>| async move { session.remove(&name) }),
        )
        .route("/sid", get(|session: Session<User>| async move { session.sid().unwrap_or_default() }))
        .route("/plain", get(|| async { "plain" }))
        .merge(guarded)
        .merge(optional)
        .layer(sessions.layer())
}

async fn greet(user: Option<Authenticated<User>>) -> String {
    user.map_or_else(|| "nobody".to_owned(), |user| user.0.clone())
}

fn no_content(done: Result<(), SessionError>) -> Result<StatusCode, SessionError> {
    done.map(|()| StatusCode::NO_CONTENT)
}

async fn log_in(
    session: Session<User>,
    Path(name): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Result<StatusCode, SessionError> {
    // "/login/@" is the user with the empty id.
    let user = User(if name == "@" { String::new() } else { name });
    let mut login = session.login(&user).remember(query.contains_key("remember")).amr(["pwd"]);
    if query.contains_key("keep") {
        login = login.keep_data();
    }
    if let Some(label) = query.get("label") {
        login = login.label(label);
    }
    no_content(login.await)
}

async fn put(
    session: Session<User>,
    Path((name, value)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<StatusCode, SessionError> {
    let repeat = headers.get("x-repeat").map_or(1, |times| times.to_str().unwrap().parse().unwrap());
    no_content(session.insert(&name, value.repeat(repeat)))
}

/// A browser that keeps one cookie, and whose page is ours unless a header says more.
#[derive(Clone)]
pub(crate) struct Browser {
    asks: Asked,
    /// `name=value`.
    pub(crate) cookie: Option<String>,
}

#[derive(Clone)]
enum Asked {
    /// Without a connection.
    Router(Router),
    Server(SocketAddr),
}

impl Browser {
    pub(crate) fn of(router: Router) -> Self {
        Self { asks: Asked::Router(router), cookie: None }
    }

    /// A browser that asks a server, over TCP.
    pub(crate) fn at(server: &Server) -> Self {
        Self { asks: Asked::Server(server.addr), cookie: None }
    }

    /// The same cookie in a tab that asks another server.
    pub(crate) fn on(&self, server: &Server) -> Self {
        Self { cookie: self.cookie.clone(), ..Self::at(server) }
    }

    /// A browser that asks the same, with this cookie.
    pub(crate) fn with(&self, cookie: Option<String>) -> Self {
        Self { cookie, ..self.clone() }
    }

    /// Opens the socket at `/ws`.
    pub(crate) async fn open(&self) -> Client {
        let Asked::Server(addr) = self.asks else { panic!("a socket needs a server") };
        let headers = [("cookie", self.cookie.as_deref().unwrap()), ("origin", ORIGIN)];
        Client(test_support::server::connect(addr, "/ws", &headers).await.unwrap().0)
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.send("GET", path, &[]).await
    }

    pub(crate) async fn post(&mut self, path: &str) -> Answer {
        self.send("POST", path, &[]).await
    }

    pub(crate) async fn send(&mut self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.send_body(method, path, headers, "").await
    }

    pub(crate) async fn send_body(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<axum::body::Body>,
    ) -> Answer {
        let mut headers = headers.to_vec();
        headers.extend(self.cookie.as_ref().map(|cookie| ("cookie", cookie.as_str())));
        if !headers.iter().any(|(name, _)| ["sec-fetch-site", "origin", "referer"].contains(name)) {
            headers.push(OURS);
        }
        let answer = match &self.asks {
            Asked::Router(router) => call(router.clone(), method, path, &headers, body.into()).await,
            Asked::Server(addr) => {
                let body = axum::body::to_bytes(body.into(), usize::MAX).await.unwrap();
                test_support::server::send(*addr, method.parse::<Method>().unwrap(), path, &headers, body).await
            }
        };
        self.take_cookie(&answer);
        answer
    }

    pub(crate) fn take_cookie(&mut self, answer: &Answer) {
        if let Some(set) = answer.header("set-cookie") {
            assert_eq!(answer.header("cache-control"), Some("no-store"));
            let pair = set.split(';').next().unwrap().to_owned();
            self.cookie = if set.contains("Max-Age=0") { None } else { Some(pair) };
        }
    }

    /// Who is logged in: the answer of `/me`.
    pub(crate) async fn me(&mut self) -> Result<String, (u16, String)> {
        let answer = self.get("/me").await;
        if answer.status == 200 { Ok(answer.body) } else { Err((answer.status, answer.code())) }
    }

    /// The secret in the cookie.
    pub(crate) fn secret(&self) -> String {
        self.cookie.as_ref().unwrap().split_once('.').unwrap().1.to_owned()
    }
}

async fn call(router: Router, method: &str, path: &str, headers: &[(&str, &str)], body: axum::body::Body) -> Answer {
    let mut request = Request::builder().method(method).uri(path).header("host", "localhost:3000");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = router.oneshot(request.body(body).unwrap()).await.unwrap();
    let (head, body) = response.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    Answer { status: head.status.as_u16(), headers: head.headers, body: String::from_utf8(body.to_vec()).unwrap() }
}

pub(crate) fn refused<T>(status: u16, code: &str) -> Result<T, (u16, String)> {
    Err((status, code.to_owned()))
}

pub(crate) fn is(name: &str) -> Result<String, (u16, String)> {
    Ok(name.to_owned())
}
