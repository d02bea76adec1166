//! Sockets of a login whose end moves: in another tab, on another node.

use std::time::Duration;

use auth_core::{Chain, ManualClock, Revocation};
use axum::{Router, extract::ws::Message, routing::any};
use futures_util::FutureExt as _;
use serde_json::json;
use test_support::{
    eventually,
    login::{LOGIN, Login, Says},
};
use ws_adapter::{AuthLayer, AuthWebSocketUpgrade, Close, Connections, Shutdown, Sockets};

use crate::support::{
    Client, START, Server, User, app, clock, close, expired, jwt_or_basic, presented, principal, token,
};

struct World {
    server: Server,
    clock: ManualClock,
    login: Login,
    connections: Connections,
    shutdown: Shutdown,
}

impl World {
    async fn new() -> Self {
        Self::with(app).await
    }

    async fn with(app: impl FnOnce(AuthLayer<User>) -> Router) -> Self {
        let (clock, login, connections, shutdown) = (clock(), Login::new(), Connections::new(), Shutdown::new());
        let sockets = Sockets::new().connections(&connections).shutdown(&shutdown).without_ping();
        let chain = Chain::new().or(login.clone()).or(jwt_or_basic());
        let layer = AuthLayer::new(chain).timer(clock.clone()).sockets(sockets.expiry_notice(secs(10)));
        Self { server: Server::start(app(layer)).await, clock, login, connections, shutdown }
    }

    /// A socket of the login, which ends in 60 s as far as known.
    async fn open(&self) -> Client {
        let headers = [("authorization", LOGIN), ("sec-websocket-protocol", "auth.v1")];
        let mut client = self.server.connect("/ws", &headers).await.unwrap().0;
        assert!(client.echoes("open").await);
        client
    }

    /// Moves the clock, and waits until the store was asked so often.
    async fn asked_after(&self, span: u64, times: usize) {
        self.clock.advance(secs(span));
        eventually(|| self.login.asked().len() == times).await;
    }

    /// A socket whose store does not answer at its end.
    async fn waiting_at_end(&self) -> Client {
        let mut client = self.open().await;
        self.clock.advance(secs(50));
        assert_eq!(client.json().await, json!({"type": "auth_expiring", "ttl": 10}));
        self.login.say(Says::Hangs);
        self.asked_after(10, 2).await;
        client
    }
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

#[tokio::test]
async fn login_that_is_used_elsewhere_keeps_its_socket_twice() {
    let world = World::new().await;
    let mut client = world.open().await;
    world.login.say(Says::Ends(120));
    world.asked_after(50, 1).await;
    world.login.say(Says::Ends(180));
    world.asked_after(60, 2).await;
    world.clock.advance(secs(59));
    // No notice came before.
    assert!(client.echoes("still here").await);
    world.clock.advance(secs(1));
    assert_eq!(client.json().await, json!({"type": "auth_expiring", "ttl": 10}));
    world.clock.advance(secs(10));
    assert_eq!(client.closed().await, expired());
}

#[tokio::test]
async fn end_that_moves_after_the_notice_keeps_the_socket() {
    let world = World::new().await;
    let mut client = world.open().await;
    world.clock.advance(secs(50));
    assert_eq!(client.json().await, json!({"type": "auth_expiring", "ttl": 10}));
    world.login.say(Says::Ends(120));
    world.asked_after(10, 2).await;
    assert!(client.echoes("still here").await);
    world.clock.advance(secs(50));
    assert_eq!(client.json().await, json!({"type": "auth_expiring", "ttl": 10}));
    world.clock.advance(secs(10));
    assert_eq!(client.closed().await, expired());
}

#[tokio::test]
async fn login_that_nobody_uses_ends_after_a_notice() {
    let world = World::new().await;
    let mut client = world.open().await;
    world.clock.advance(secs(50));
    assert_eq!(client.json().await, json!({"type": "auth_expiring", "ttl": 10}));
    world.clock.advance(secs(10));
    assert_eq!(client.closed().await, expired());
}

#[tokio::test]
async fn store_that_fails_at_the_notice_does_no_harm() {
    for says in [Says::Fails, Says::Panics] {
        let world = World::new().await;
        let mut client = world.open().await;
        world.login.say(says);
        world.clock.advance(secs(50));
        assert_eq!(client.json().await, json!({"type": "auth_expiring", "ttl": 10}));
        world.login.say(Says::Ends(120));
        world.asked_after(10, 2).await;
        assert!(client.echoes("still here").await);
    }
}

#[tokio::test]
async fn socket_ends_if_the_store_cannot_say_that_its_end_has_moved() {
    for says in [Says::Fails, Says::Panics, Says::HasEnded] {
        let world = World::new().await;
        let mut client = world.open().await;
        world.clock.advance(secs(50));
        assert_eq!(client.json().await["type"], "auth_expiring");
        world.login.say(says);
        world.clock.advance(secs(10));
        assert_eq!(client.closed().await, expired(), "{says:?}");
    }
}

#[tokio::test]
async fn login_that_has_ended_early_closes_the_socket_at_its_notice() {
    let world = World::new().await;
    let mut client = world.open().await;
    world.login.say(Says::HasEnded);
    world.clock.advance(secs(50));
    assert_eq!(client.closed().await, expired());
}

#[tokio::test]
async fn store_that_hangs_ends_the_socket_after_five_seconds() {
    let world = World::new().await;
    let mut client = world.waiting_at_end().await;
    world.clock.advance(Duration::from_millis(4999));
    assert!(client.closed().now_or_never().is_none());
    world.clock.advance(Duration::from_millis(1));
    assert_eq!(client.closed().await, expired());
}

#[tokio::test]
async fn end_that_comes_before_the_first_answer_waits_for_it() {
    let world = World::new().await;
    let mut client = world.open().await;
    world.login.say(Says::Hangs);
    world.asked_after(50, 1).await;
    world.clock.advance(secs(10));
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    world.login.say(Says::Ends(120));
    assert!(client.echoes("still here").await);
    world.clock.advance(secs(60));
    assert_eq!(client.closed().await, expired());
}

#[tokio::test]
async fn nothing_passes_between_the_known_end_and_the_answer() {
    for (says, passes) in [(Says::Ends(120), true), (Says::Ends(60), false)] {
        let (received, mut messages) = tokio::sync::mpsc::unbounded_channel();
        let (answers, answer) = tokio::sync::mpsc::unbounded_channel::<()>();
        let answer = std::sync::Arc::new(tokio::sync::Mutex::new(answer));
        let handler = any(move |ws: AuthWebSocketUpgrade<User>| async move {
            ws.on_upgrade(move |mut socket| async move {
                socket.send(Message::text("open")).await.unwrap();
                loop {
                    let mut answer = answer.lock().await;
                    tokio::select! {
                        message = socket.recv() => match message {
                            Some(message) => received.send(message).unwrap(),
                            None => return,
                        },
                        _ = answer.recv() => {
                            drop(answer);
                            received.send(Message::text("sending")).unwrap();
                            if socket.send(Message::text("sent")).await.is_err() {
                                return;
                            }
                        }
                    }
                }
            })
        });
        let world = World::with(|layer| Router::new().route("/ws", handler).layer(layer)).await;
        let mut client = world.server.open(LOGIN).await;
        assert_eq!(client.next().await.unwrap().into_text().unwrap(), "open");
        world.asked_after(50, 1).await;
        world.login.say(Says::Hangs);
        world.asked_after(10, 2).await;
        client.send("early").await;
        answers.send(()).unwrap();
        assert_eq!(messages.recv().await, Some(Message::text("sending")));
        // The client's message is at the server by now, or behind.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert!(messages.try_recv().is_err() && client.next().now_or_never().is_none());
        world.login.say(says);
        if passes {
            assert_eq!(client.next().await.unwrap().into_text().unwrap(), "sent");
            assert_eq!(messages.recv().await, Some(Message::text("early")));
        } else {
            assert_eq!(client.closed().await, expired());
            assert!(messages.try_recv().is_err());
        }
    }
}

#[tokio::test]
async fn whatever_ends_the_socket_does_not_wait_for_the_store() {
    let world = World::new().await;
    let mut client = world.waiting_at_end().await;
    world.connections.close(&Revocation::user(principal("ann"), *START + secs(60)), &Close::REVOKED);
    assert_eq!(client.closed().await, close(4403, "revoked"));

    let world = World::new().await;
    let mut client = world.waiting_at_end().await;
    world.shutdown.begin();
    assert_eq!(client.closed().await, close(1012, "restarting"));

    let world = World::new().await;
    let client = world.waiting_at_end().await;
    // The peer's own end is seen with the answer.
    drop(client);
    world.login.say(Says::Ends(120));
    eventually(|| world.connections.count() == 0).await;
}

#[tokio::test]
async fn last_message_of_the_client_is_its_use() {
    let world = World::new().await;
    let mut client = world.open().await;
    world.clock.advance(secs(30));
    assert!(client.echoes("used").await);
    world.login.say(Says::Ends(120));
    world.asked_after(20, 1).await;
    assert_eq!(world.login.asked(), [30]);
    let world = World::new().await;
    let _idle = world.open().await;
    world.asked_after(50, 1).await;
    assert_eq!(world.login.asked(), [0], "the opening");
}

#[tokio::test]
async fn fresh_credential_brings_its_own_end() {
    let world = World::new().await;
    let mut client = world.open().await;
    assert_eq!(client.present(&token("ann", 100)).await["type"], "auth_ok");
    world.clock.advance(secs(90));
    assert_eq!(client.json().await, json!({"type": "auth_expiring", "ttl": 10}));
    world.clock.advance(secs(10));
    assert_eq!(client.closed().await, expired());
    assert_eq!(world.login.asked(), [0; 0], "a token does not move");
}

#[tokio::test]
async fn fresh_credential_makes_the_answer_about_the_old_one_worthless() {
    let world = World::new().await;
    let mut client = world.open().await;
    world.login.say(Says::Hangs);
    world.asked_after(50, 1).await;
    assert_eq!(client.present(&token("ann", 100)).await["type"], "auth_ok");
    world.login.say(Says::HasEnded);
    assert!(client.echoes("still here").await);
    world.clock.advance(secs(40));
    assert_eq!(client.json().await["type"], "auth_expiring");
}

#[tokio::test]
async fn credential_that_comes_past_the_known_end_is_read_after_the_answer() {
    let world = World::new().await;
    let mut client = world.waiting_at_end().await;
    client.send(&presented(&token("ann", 600))).await;
    world.login.say(Says::Ends(120));
    assert_eq!(client.json().await["type"], "auth_ok");
}

#[tokio::test]
async fn machine_that_has_slept_asks_before_it_closes() {
    let world = World::new().await;
    let mut client = world.open().await;
    world.login.say(Says::Ends(5000));
    world.asked_after(4000, 1).await;
    assert!(client.echoes("still here").await);
}

#[tokio::test]
async fn login_in_a_first_message_is_asked_about_too() {
    let (clock, login) = (clock(), Login::new());
    let chain = Chain::new().or(login.clone()).or(jwt_or_basic());
    let layer = AuthLayer::new(chain).timer(clock.clone()).sockets(Sockets::new().expiry_notice(secs(10)));
    let app = Router::new().route("/ws", any(crate::support::echo)).layer(layer.first_message());
    let server = Server::start(app).await;
    let mut client = server.connect("/ws", &[]).await.unwrap().0;
    client.send(r#"{"type":"auth","scheme":"Login","credentials":"ann"}"#).await;
    assert_eq!(client.json().await, json!({"type": "auth_ok", "ttl": 60}));
    assert!(client.echoes("open").await);
    login.say(Says::Ends(120));
    clock.advance(secs(60));
    eventually(|| login.asked().len() == 1).await;
    assert!(client.echoes("still here").await);
    login.say(Says::HasEnded);
    clock.advance(secs(60));
    assert_eq!(client.closed().await, expired());
}

#[tokio::test]
async fn first_of_nested_layers_to_end_is_the_one_that_is_asked() {
    let (outer, inner) = (Login::new(), Login::new());
    let layer = |login: &Login, clock: &ManualClock| {
        AuthLayer::new(Chain::new().or(login.clone()).or(jwt_or_basic())).timer(clock.clone())
    };
    let clock = clock();
    let app = app(layer(&inner, &clock)).layer(layer(&outer, &clock));
    let server = Server::start(app).await;
    let mut client = server.open(LOGIN).await;
    assert!(client.echoes("open").await);
    outer.say(Says::Ends(120));
    inner.say(Says::Ends(600));
    clock.advance(secs(60));
    eventually(|| outer.asked().len() == 1 && inner.asked().len() == 1).await;
    assert!(client.echoes("still here").await);
    clock.advance(secs(60));
    assert_eq!(client.closed().await, expired());
    assert_eq!(inner.asked().len(), 1);
}
