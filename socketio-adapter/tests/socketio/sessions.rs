//! The cookie of a login at a Socket.IO server. The transport ends with the login.

use auth_core::{BoxError, Chain};
use auth_session::{Session, SessionUsers, Sessions};
use auth_store::MemoryStore;
use axum::{
    Router,
    extract::Path,
    http::StatusCode,
    routing::{get, post},
};
use reqwest::Method;
use ws_adapter::{AuthLayer, Connections, Sockets};

use crate::{
    client::{Answer, Polling, Socket, send},
    support::*,
};

const ORIGIN: &str = "http://localhost:3000";

struct ByName;

#[async_trait::async_trait]
impl SessionUsers for ByName {
    type User = User;

    fn id(&self, user: &User) -> Result<String, BoxError> {
        Ok(user.0.clone())
    }

    async fn find(&self, id: &str) -> Result<Option<User>, BoxError> {
        Ok(Some(User(id.to_owned())))
    }
}

/// An application with logins, in front of Socket.IO too. Clients are told ten seconds before their end.
struct World(App);

impl World {
    async fn new() -> Self {
        let clock = auth_core::ManualClock::new(*START);
        let store = MemoryStore::new().clock(clock.clone());
        let sessions = Sessions::builder(store, ByName, ORIGIN).clock(clock.clone()).build().unwrap();
        let connections = Connections::new();
        connections.follow(sessions.revocations().clone());
        let chain = Chain::new().or(sessions.strategy()).or(jwt_or_basic());
        let layer = AuthLayer::new(chain.revocation(sessions.revocations().clone())).timer(clock.clone());
        let sockets = Sockets::new().connections(&connections).expiry_notice(secs(10));
        let layer = layer.public_origin(ORIGIN).unwrap().sockets(sockets);
        let routes = Router::new()
            .route("/login/{name}", post(log_in))
            .route("/logout", post(async |session: Session<User>| session.logout().await))
            .route("/use", get(async |session: Session<User>| session.sid().unwrap_or_default()));
        let mut app =
            app_behind(|_| layer, |auth| auth, |io| routes.fallback_service(io).layer(sessions.layer())).await;
        app.clock = clock;
        Self(app)
    }

    async fn send(&self, method: Method, path: &str, cookie: &str) -> Answer {
        send(self.0.server.addr, method, path, &[("cookie", cookie), ("origin", ORIGIN)], "").await
    }

    /// The cookie of a new login.
    async fn log_in(&self, name: &str) -> String {
        let answer = self.send(Method::POST, &format!("/login/{name}"), "").await;
        answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned()
    }

    /// A client with this cookie that is in.
    async fn open(&self, cookie: &str) -> Socket {
        let mut socket = Socket::open(&self.0, &[("cookie", cookie), ("origin", ORIGIN)]).await.unwrap();
        assert_eq!(socket.connect("/", "").await, Ok(()));
        socket.echoes("open", "ann: open").await;
        socket
    }

    /// A client with a dead cookie is a guest: it may still say in a packet who it is.
    async fn is_refused(&self, cookie: &str) {
        let headers = [("cookie", cookie), ("origin", ORIGIN)];
        let target = "/socket.io/?EIO=4&transport=websocket";
        let (mut socket, opened) = Socket::handshake(self.0.server.addr, target, &headers).await.unwrap();
        assert!(opened["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
        assert_eq!(socket.connect("/", "").await, Err("unauthorized:missing_credentials".to_owned()));
    }
}

async fn log_in(session: Session<User>, Path(name): Path<String>) -> Result<StatusCode, auth_session::SessionError> {
    session.login(&User(name)).await.map(|()| StatusCode::NO_CONTENT)
}

fn secs(secs: u64) -> std::time::Duration {
    std::time::Duration::from_secs(secs)
}

#[tokio::test]
async fn logout_ends_the_transports_of_the_login_and_no_others() {
    let world = World::new().await;
    let (cookie, other) = (world.log_in("ann").await, world.log_in("ann").await);
    let (mut socket, mut stays) = (world.open(&cookie).await, world.open(&other).await);
    let polling = Polling::open(&world.0, &[("cookie", &cookie), ("origin", ORIGIN)]).await.unwrap();
    assert_eq!(polling.connect("/", "").await, Ok(()));
    assert_eq!(world.send(Method::POST, "/logout", &cookie).await.status, 200);
    let (packets, closed) = socket.end().await;
    assert_eq!(closed, close(4403, "revoked"));
    assert_eq!(packets, [r#"42["auth_closed",{"reason":"revoked"}]"#, "41"]);
    assert!(polling.poll().await.is(401, "session_expired"));
    stays.echoes("still open", "ann: still open").await;
}

#[tokio::test]
async fn cookie_that_has_ended_or_comes_from_elsewhere_opens_nothing() {
    let world = World::new().await;
    let cookie = world.log_in("ann").await;
    for (headers, status, code) in [
        (&[("cookie", cookie.as_str())][..], 403, "origin_required"),
        (&[("cookie", &cookie), ("origin", "https://evil.example")], 403, "origin_not_allowed"),
    ] {
        assert!(Socket::open(&world.0, headers).await.unwrap_err().is(status, code));
    }
    world.send(Method::POST, "/logout", &cookie).await;
    world.is_refused(&cookie).await;
}

#[tokio::test]
async fn idle_end_is_looked_up_again_before_the_transport_ends() {
    let world = World::new().await;
    let cookie = world.log_in("ann").await;
    let mut socket = world.open(&cookie).await;
    world.0.clock.advance(secs(3000));
    assert_eq!(world.send(Method::GET, "/use", &cookie).await.status, 200);
    socket.echoes("used elsewhere", "ann: used elsewhere").await;
    world.0.clock.advance(secs(600));
    socket.echoes("still open", "ann: still open").await;
    world.0.clock.advance(secs(2990));
    assert_eq!(socket.event("auth_expiring").await["ttl"], 10);
    world.0.clock.advance(secs(10));
    assert_eq!(socket.end().await.1, close(4401, "token_expired"));
    world.is_refused(&cookie).await;
}
