//! `Basic` with a throttle, on every way to a socket.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use auth_basic::{Basic, BasicLogin};
use auth_core::{Chain, ManualClock, Secret};
use auth_store::{MemoryStore, Throttle};
use axum::{Router, routing::any};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::json;
use ws_adapter::{AuthLayer, ClientAddress, Connections, GraphqlTransportWs, Sockets};

use crate::{
    common::eventually,
    support::{Answer, Client, Counter, Server, User, bearer_of, clock, close, echo, jwt, me},
};

const GRAPHQL: &str = "graphql-transport-ws";

struct World {
    server: Server,
    clock: ManualClock,
    /// How many passwords were looked at.
    asked: Counter,
    /// The cookies of the browser of `ann`.
    device: String,
}

/// `ann` has the password `right`; for `slow` nobody ever answers.
async fn world() -> World {
    let (clock, asked) = (clock(), Counter::default());
    let counter = Arc::clone(&asked);
    let throttle = Throttle::new(MemoryStore::new().clock(clock.clone())).clock(clock.clone());
    let throttle = throttle.devices([Secret::new("d".repeat(32))]).unwrap();
    let token = throttle.device_token("ann", None).unwrap().unwrap();
    let device = format!("theme=dark; __Host-device={}", token.expose());
    let address = ClientAddress::behind_proxies(1);
    let basic = Basic::new("test").throttle(throttle, address).verify(move |login: BasicLogin| {
        counter.fetch_add(1, Ordering::SeqCst);
        async move {
            if login.username() == "slow" {
                std::future::pending::<()>().await;
            }
            (login.password().expose() == "right").then(|| User(login.username().to_owned()))
        }
    });
    let layer = AuthLayer::new(Chain::new().or(jwt()).or(basic)).timer(clock.clone());
    let layer = layer.sockets(Sockets::new().connections(&Connections::new()).client_address(address));
    let plain = Router::new().route("/me", any(me)).route("/ws", any(echo)).layer(layer.clone());
    let app = plain.route("/first", any(echo).layer(layer.clone().first_message()));
    let app = app.route("/graphql", any(echo).layer(layer.first_message().codec(GraphqlTransportWs::new())));
    World { server: Server::start(app).await, clock, asked, device }
}

fn basic(name: &str, password: &str) -> String {
    STANDARD.encode(format!("{name}:{password}"))
}

fn auth(name: &str, password: &str) -> String {
    json!({"type": "auth", "scheme": "basic", "credentials": basic(name, password)}).to_string()
}

impl World {
    async fn get(&self, address: &str, name: &str, password: &str) -> Answer {
        let authorization = format!("Basic {}", basic(name, password));
        self.server.get("/me", &[("x-forwarded-for", address), ("authorization", &authorization)]).await
    }

    async fn open(&self, path: &str, address: &str, more: &[(&str, &str)]) -> Result<Client, Answer> {
        let headers = [&[("x-forwarded-for", address)], more].concat();
        self.server.connect(path, &headers).await.map(|(client, _)| client)
    }

    async fn use_up(&self, address: &str, name: &str) {
        for _ in 0..10 {
            assert_eq!(self.get(address, name, "wrong").await.status, 401);
        }
    }

    async fn first(&self, address: &str, name: &str, password: &str) -> Client {
        let mut client = self.open("/first", address, &[]).await.unwrap();
        client.send(&auth(name, password)).await;
        client
    }

    async fn graphql(&self, address: &str, name: &str, password: &str) -> Client {
        let mut client = self.open("/graphql", address, &[("sec-websocket-protocol", GRAPHQL)]).await.unwrap();
        let authorization = format!("Basic {}", basic(name, password));
        client.send(&json!({"type": "connection_init", "payload": {"Authorization": authorization}}).to_string()).await;
        client
    }
}

#[tokio::test]
async fn requests_handshakes_and_messages_share_one_budget() {
    let world = world().await;
    let at = "192.0.2.1";
    for _ in 0..2 {
        assert_eq!(world.get(at, "ann", "wrong").await.status, 401);
        let authorization = format!("Basic {}", basic("ann", "wrong"));
        let refused = world.open("/ws", at, &[("authorization", &authorization)]).await;
        assert_eq!(refused.err().unwrap().status, 401);
        assert_eq!(world.first(at, "ann", "wrong").await.closed().await, close(4401, "invalid_credentials"));
        assert_eq!(world.graphql(at, "ann", "wrong").await.closed().await, close(4401, "invalid_credentials"));
        assert_eq!(world.get(at, "Ann", "wrong").await.status, 401);
    }
    assert_eq!(world.asked.load(Ordering::SeqCst), 10);
    let answer = world.get(at, "ann", "right").await;
    assert!(answer.is(429, "too_many_attempts"), "{answer:?}");
    assert_eq!((answer.header("retry-after"), answer.header("www-authenticate")), (Some("60"), None));
    let authorization = format!("Basic {}", basic("ann", "right"));
    let refused = world.open("/ws", at, &[("authorization", &authorization)]).await.err().unwrap();
    assert!(refused.is(429, "too_many_attempts") && refused.header("retry-after") == Some("60"), "{refused:?}");
    assert_eq!(world.first(at, "ann", "right").await.closed().await, close(4429, "too_many_attempts"));
    assert_eq!(world.graphql(at, "ann", "right").await.closed().await, close(1013, "too_many_attempts"));
    assert_eq!(world.asked.load(Ordering::SeqCst), 10, "nobody was asked");

    assert_eq!(world.first("192.0.2.2", "ann", "right").await.json().await["type"], "auth_ok");
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(world.graphql(at, "ann", "right").await.json().await["type"], "connection_ack");
}

#[tokio::test]
async fn renewal_with_too_many_failures_is_an_auth_error_and_the_socket_stays() {
    let world = world().await;
    let headers =
        [("sec-websocket-protocol", "auth.v1"), ("authorization", &*format!("Basic {}", basic("ann", "right")))];
    let mut client = world.open("/ws", "192.0.2.1", &headers).await.unwrap();
    world.use_up("192.0.2.1", "ann").await;
    for _ in 0..5 {
        client.send(&auth("ann", "right")).await;
        assert_eq!(client.json().await, json!({"type": "auth_error", "code": "too_many_attempts"}));
    }
    // The name of somebody else is not looked at, and is no failure of theirs.
    for _ in 0..2 {
        client.send(&auth("bob", "wrong")).await;
        assert_eq!(client.json().await, json!({"type": "auth_error", "code": "invalid_credentials"}));
    }
    assert_eq!(world.asked.load(Ordering::SeqCst), 11);
    world.clock.advance(Duration::from_secs(60));
    client.send(&auth("ann", "right")).await;
    assert_eq!(client.json().await["type"], "auth_ok");
    assert!(client.echoes("still here").await);
}

/// Strangers have used up the account. The cookies of a handshake don't count for what comes later, but this one is no credential.
#[tokio::test]
async fn owner_with_the_device_cookie_logs_in_over_open_connections_too() {
    let world = world().await;
    for n in 1..11 {
        world.use_up(&format!("192.0.2.{n}"), "ann").await;
    }
    let (at, right) = ("192.0.2.99", format!("Basic {}", basic("ann", "right")));
    for cookie in [world.device.as_str(), "theme=dark"] {
        let is_known = cookie == world.device;
        let mut client = world.open("/first", at, &[("cookie", cookie)]).await.unwrap();
        client.send(&auth("ann", "right")).await;
        if is_known {
            assert_eq!(client.json().await["type"], "auth_ok");
        } else {
            assert_eq!(client.closed().await, close(4429, "too_many_attempts"));
        }
        let headers = [("cookie", cookie), ("sec-websocket-protocol", GRAPHQL)];
        let mut client = world.open("/graphql", at, &headers).await.unwrap();
        client.send(&json!({"type": "connection_init", "payload": {"Authorization": right}}).to_string()).await;
        if is_known {
            assert_eq!(client.json().await["type"], "connection_ack");
        } else {
            assert_eq!(client.closed().await, close(1013, "too_many_attempts"));
        }
    }
    // A renewal.
    let headers = [("cookie", &*world.device), ("sec-websocket-protocol", "auth.v1"), ("authorization", &*right)];
    let mut client = world.open("/ws", at, &headers).await.unwrap();
    client.send(&auth("ann", "right")).await;
    assert_eq!(client.json().await["type"], "auth_ok");
    let refused = world.open("/ws", at, &headers[1..]).await.err().unwrap();
    assert!(refused.is(429, "too_many_attempts"), "{refused:?}");
}

/// A token is not a guess at a password.
#[tokio::test]
async fn token_works_while_the_password_is_throttled() {
    let world = world().await;
    world.use_up("192.0.2.1", "ann").await;
    let headers = [("x-forwarded-for", "192.0.2.1"), ("authorization", &*bearer_of("ann"))];
    assert_eq!(world.server.get("/me", &headers).await.status, 200);
}

#[tokio::test]
async fn client_that_leaves_before_the_answer_has_used_a_place() {
    let world = world().await;
    for n in 1..=10 {
        let client = if n % 2 == 0 {
            world.first("192.0.2.1", "slow", "x").await
        } else {
            world.graphql("192.0.2.1", "slow", "x").await
        };
        eventually(|| world.asked.load(Ordering::SeqCst) == n).await;
        drop(client);
    }
    let answer = world.get("192.0.2.1", "slow", "x").await;
    assert!(answer.is(429, "too_many_attempts") && answer.header("retry-after") == Some("1"), "{answer:?}");
    // Nobody has settled them, so they have failed.
    world.clock.advance(Duration::from_secs(120));
    let answer = world.get("192.0.2.1", "slow", "x").await;
    assert!(answer.is(429, "too_many_attempts") && answer.header("retry-after") == Some("60"), "{answer:?}");
}

/// Over TCP: from one address, and from 500.
#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_guesses_at_once_for_one_account_share_one_budget() {
    for (addresses, expected) in [(1, 10), (500, 100)] {
        let world = Arc::new(world().await);
        let mut codes = HashMap::<u16, usize>::new();
        // 100 connections at a time.
        let tasks = (0..100_u32).map(|n| {
            let world = Arc::clone(&world);
            tokio::spawn(async move {
                let mut statuses = Vec::new();
                for round in 0..10 {
                    let n = (n * 10 + round) % addresses;
                    let address = format!("10.0.{}.{}", n / 250, n % 250 + 1);
                    statuses.push(world.get(&address, "ann", "wrong").await.status);
                }
                statuses
            })
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await.unwrap().into_iter().for_each(|status| *codes.entry(status).or_default() += 1);
        }
        assert_eq!(world.asked.load(Ordering::SeqCst), expected);
        assert_eq!(codes, HashMap::from([(401, expected), (429, 1000 - expected)]));
    }
}
