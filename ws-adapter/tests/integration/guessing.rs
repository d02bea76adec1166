//! Clients that use their own connections to guess the credentials of others.

use std::{
    future,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use auth_basic::{Basic, BasicLogin};
use auth_core::{BoxError, Chain, ManualClock, async_trait};
use axum::{Router, response::Response, routing::any};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use ws_adapter::{
    Attempt, AttemptLimiter, AttemptPlace, AuthLayer, AuthWebSocketUpgrade, ClientAddress, Connections, Sockets,
};

use crate::{
    common::eventually,
    support::{Client, Counter, Server, User, clock, close, jwt, presented, token},
};

struct World {
    server: Server,
    clock: ManualClock,
    /// How many passwords were checked.
    hashed: Counter,
}

impl World {
    /// A silent socket behind tokens and logins; `/first` takes first messages.
    async fn new(connections: Connections) -> Self {
        let (clock, hashed) = (clock(), Counter::default());
        let counter = Arc::clone(&hashed);
        let basic = Basic::new("test").verify(move |login: BasicLogin| {
            counter.fetch_add(1, Ordering::SeqCst);
            async move { (login.password().expose() == "right").then(|| User(login.username().to_owned())) }
        });
        let layer = AuthLayer::new(Chain::new().or(jwt()).or(basic)).timer(clock.clone());
        let layer =
            layer.sockets(Sockets::new().connections(&connections).client_address(ClientAddress::behind_proxies(1)));
        let open = any(|ws: AuthWebSocketUpgrade<User>| async move {
            let respond: Response = ws.on_upgrade(async |mut socket| while socket.recv().await.is_some() {});
            respond
        });
        let app = Router::new().route("/ws", open.clone().layer(layer.clone()));
        let app = app.route("/first", open.layer(layer.first_message()));
        Self { server: Server::start(app).await, clock, hashed }
    }

    async fn open(&self, authorization: &str, address: &str) -> Client {
        let headers =
            [("authorization", authorization), ("sec-websocket-protocol", "auth.v1"), ("x-forwarded-for", address)];
        self.server.connect("/ws", &headers).await.unwrap().0
    }

    fn hashed(&self) -> usize {
        self.hashed.load(Ordering::SeqCst)
    }
}

fn guest() -> String {
    format!("Bearer {}", token("guest", 100_000))
}

fn login(user: &str, password: &str) -> String {
    let credentials = STANDARD.encode(format!("{user}:{password}"));
    json!({ "type": "auth", "scheme": "basic", "credentials": credentials }).to_string()
}

async fn present(client: &mut Client, text: &str) -> Value {
    client.send(text).await;
    client.json().await
}

#[tokio::test]
async fn good_token_between_guesses_does_not_reset_the_count() {
    let world = World::new(Connections::new()).await;
    let mut client = world.open(&guest(), "192.0.2.1").await;
    let own = presented(&token("guest", 100_000));
    for guess in ["one", "right"] {
        assert_eq!(
            present(&mut client, &login("admin", guess)).await,
            json!({"type": "auth_error", "code": "invalid_credentials"})
        );
    }
    assert_eq!(present(&mut client, &own).await["type"], "auth_ok");
    client.send(&login("admin", "three")).await;
    assert_eq!(client.closed().await, close(4401, "invalid_credentials"));
    assert_eq!(world.hashed(), 3);
}

#[tokio::test]
async fn guesses_over_many_connections_of_one_user_share_one_limit() {
    let world = World::new(Connections::new()).await;
    let mut told = Vec::new();
    for n in 0..10 {
        // Two over each connection, and each connection from another address.
        let mut client = world.open(&guest(), &format!("192.0.2.{n}")).await;
        for _ in 0..2 {
            told.push(present(&mut client, &login("admin", "guess")).await["code"].as_str().unwrap().to_owned());
        }
    }
    let (looked_at, refused) = told.split_at(10);
    assert!(looked_at.iter().all(|code| code == "invalid_credentials"), "{told:?}");
    assert!(refused.iter().all(|code| code == "too_many_attempts"), "{told:?}");
    assert_eq!(world.hashed(), 10);
    // The user's own fresh token is not checked either; another user's is.
    let mut client = world.open(&guest(), "192.0.2.99").await;
    assert_eq!(present(&mut client, &presented(&token("guest", 900))).await["code"], "too_many_attempts");
    let mut other = world.open(&format!("Bearer {}", token("ann", 60)), "192.0.2.1").await;
    assert_eq!(present(&mut other, &presented(&token("ann", 900))).await["type"], "auth_ok");
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(present(&mut client, &presented(&token("guest", 900))).await["type"], "auth_ok");
}

#[tokio::test]
async fn guesses_of_many_users_from_one_address_share_one_limit() {
    let world = World::new(Connections::new()).await;
    for n in 0..20 {
        let mut client = world.open(&format!("Bearer {}", token(&format!("user {n}"), 900)), "192.0.2.1").await;
        for _ in 0..2 {
            present(&mut client, &login("admin", "guess")).await;
        }
    }
    assert_eq!(world.hashed(), 30);
}

#[tokio::test]
async fn wrong_first_messages_count_by_address() {
    let world = World::new(Connections::new()).await;
    let first = async |address: &str, text: &str| {
        let mut client = world.server.connect("/first", &[("x-forwarded-for", address)]).await.unwrap().0;
        client.send(text).await;
        client
    };
    for _ in 0..30 {
        let mut client = first("192.0.2.1", &login("admin", "guess")).await;
        assert_eq!(client.closed().await, close(4401, "invalid_credentials"));
    }
    let mut client = first("192.0.2.1", &login("ann", "right")).await;
    assert_eq!(client.closed().await, close(4429, "too_many_attempts"));
    assert_eq!(world.hashed(), 30);
    assert_eq!(first("192.0.2.2", &login("ann", "right")).await.json().await["type"], "auth_ok");
}

#[tokio::test]
async fn good_credentials_never_use_up_the_limit() {
    let world = World::new(Connections::new()).await;
    let mut client = world.open(&guest(), "192.0.2.1").await;
    for secs in 900..1000 {
        assert_eq!(present(&mut client, &presented(&token("guest", secs))).await["type"], "auth_ok");
    }
}

/// A limiter that keeps its own count, or is unavailable.
#[derive(Clone, Default)]
struct Own {
    taken: Arc<AtomicUsize>,
    given_back: Arc<AtomicUsize>,
    is_away: bool,
}

#[async_trait]
impl AttemptLimiter for Own {
    async fn take(&self, attempt: &Attempt<'_>) -> Result<Option<Box<dyn AttemptPlace>>, BoxError> {
        assert_eq!(attempt.user().map(|user| user.subject()), Some("guest"));
        assert_eq!(attempt.address().map(|address| address.to_string()).as_deref(), Some("192.0.2.1"));
        assert!(attempt.connection().is_some());
        if self.is_away {
            return Err("the store is down".into());
        }
        let place: Box<dyn AttemptPlace> = Box::new(Self::clone(self));
        Ok((self.taken.fetch_add(1, Ordering::SeqCst) < 3).then_some(place))
    }
}

impl AttemptPlace for Own {
    fn give_back(self: Box<Self>) {
        self.given_back.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn custom_limiter_sees_every_attempt_and_gets_back_good_ones() {
    let own = Own::default();
    let world = World::new(Connections::new().attempt_limiter(own.clone())).await;
    let mut client = world.open(&guest(), "192.0.2.1").await;
    assert_eq!(present(&mut client, &presented(&token("guest", 900))).await["type"], "auth_ok");
    assert_eq!(present(&mut client, &login("admin", "guess")).await["code"], "invalid_credentials");
    // An outage is not a wrong credential.
    assert_eq!(present(&mut client, &presented(&token("broken", 900))).await["code"], "unavailable");
    assert_eq!((own.taken.load(Ordering::SeqCst), own.given_back.load(Ordering::SeqCst)), (3, 2));
    for _ in 0..5 {
        assert_eq!(present(&mut client, &presented(&token("guest", 900))).await["code"], "too_many_attempts");
    }
}

#[tokio::test]
async fn limiter_that_is_unavailable_admits_nothing() {
    let world = World::new(Connections::new().attempt_limiter(Own { is_away: true, ..Own::default() })).await;
    let mut client = world.open(&guest(), "192.0.2.1").await;
    for _ in 0..5 {
        assert_eq!(present(&mut client, &presented(&token("guest", 900))).await["code"], "unavailable");
    }
    assert_eq!(world.hashed(), 0);
}

/// Gives everybody a place, and counts the places that are held.
struct Holding(Counter);

struct Held(Counter);

#[async_trait]
impl AttemptLimiter for Holding {
    async fn take(&self, _: &Attempt<'_>) -> Result<Option<Box<dyn AttemptPlace>>, BoxError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(Some(Box::new(Held(Arc::clone(&self.0)))))
    }
}

impl AttemptPlace for Held {
    fn give_back(self: Box<Self>) {}
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn refresh_of_a_peer_that_left_holds_no_place() {
    let held = Counter::default();
    let connections = Connections::new().attempt_limiter(Holding(Arc::clone(&held)));
    let hangs = Basic::new("test").verify(|_: BasicLogin| future::pending::<Option<User>>());
    let layer = AuthLayer::new(Chain::new().or(jwt()).or(hangs)).timer(clock());
    let layer = layer.sockets(Sockets::new().connections(&connections));
    let goes_on = any(|ws: AuthWebSocketUpgrade<User>| async move {
        ws.on_upgrade(async |mut socket| {
            while socket.recv().await.is_some() {}
            future::pending::<()>().await;
        })
    });
    let server = Server::start(Router::new().route("/ws", goes_on).layer(layer)).await;
    let headers = [("authorization", guest()), ("sec-websocket-protocol", "auth.v1".to_owned())];
    let mut client = server.connect("/ws", &headers.each_ref().map(|(name, value)| (*name, &**value))).await.unwrap().0;
    client.send(&login("admin", "guess")).await;
    eventually(|| held.load(Ordering::SeqCst) == 1).await;
    drop(client);
    eventually(|| held.load(Ordering::SeqCst) == 0).await;
}
