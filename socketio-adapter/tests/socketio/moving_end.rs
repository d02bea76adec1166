//! Transports of a login whose end moves: in another tab, on another node.

use std::time::Duration;

use auth_core::{Chain, ManualClock};
use futures_util::FutureExt as _;
use test_support::login::{LOGIN, Login, Says};
use ws_adapter::{AuthLayer, Sockets};

use crate::{
    client::{Polling, Socket},
    common::eventually,
    support::*,
};

const TOLD: [&str; 2] = [r#"42["auth_closed",{"reason":"token_expired"}]"#, "41"];
const HEADERS: &[(&str, &str)] = &[("authorization", LOGIN)];

struct World {
    app: App,
    clock: ManualClock,
    login: Login,
}

impl World {
    /// An application whose clients are told ten seconds before their end.
    async fn new() -> Self {
        let (login, clock) = (Login::new(), ManualClock::new(*START));
        let chain = Chain::new().or(login.clone()).or(jwt_or_basic());
        let layer = AuthLayer::new(chain).timer(clock.clone()).sockets(Sockets::new().expiry_notice(secs(10)));
        Self { app: app_with(|_| layer, |auth| auth).await, clock, login }
    }

    /// A client of the login, which ends in 60 s as far as known.
    async fn open(&self) -> Socket {
        let mut socket = Socket::open(&self.app, HEADERS).await.unwrap();
        assert_eq!(socket.connect("/", "").await, Ok(()));
        socket.echoes("open", "ann: open").await;
        socket
    }

    /// A client that was told of its end, ten seconds before.
    async fn told(&self) -> Socket {
        let mut socket = self.open().await;
        self.clock.advance(secs(50));
        assert_eq!(socket.event("auth_expiring").await["ttl"], 10);
        socket
    }

    /// A client whose store does not answer at its end.
    async fn waiting_at_end(&self) -> Socket {
        let socket = self.told().await;
        self.login.say(Says::Hangs);
        self.asked_after(10, 2).await;
        socket
    }

    /// Moves the clock, and waits until the store was asked so often.
    async fn asked_after(&self, span: u64, times: usize) {
        self.clock.advance(secs(span));
        eventually(|| self.login.asked().len() == times).await;
    }
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

#[tokio::test]
async fn login_that_is_used_elsewhere_keeps_its_transport_twice() {
    let world = World::new().await;
    let mut socket = world.open().await;
    world.login.say(Says::Ends(120));
    world.asked_after(50, 1).await;
    world.login.say(Says::Ends(180));
    world.asked_after(60, 2).await;
    world.clock.advance(secs(59));
    socket.echoes("still", "ann: still").await;
    // A namespace that is entered later lives by the moved end too.
    world.app.io.ns("/late", async |_: socketioxide::extract::SocketRef| {});
    assert_eq!(socket.connect("/late", "").await, Ok(()));
    world.clock.advance(secs(1));
    assert_eq!(socket.event("auth_expiring").await["ttl"], 10);
    world.clock.advance(secs(10));
    assert_eq!(socket.end().await.1, close(4401, "token_expired"));
}

#[tokio::test]
async fn login_that_nobody_uses_ends_after_a_notice() {
    let world = World::new().await;
    let mut socket = world.told().await;
    world.clock.advance(secs(10));
    let (packets, closed) = socket.end().await;
    assert_eq!((packets, closed), (TOLD.map(String::from).to_vec(), close(4401, "token_expired")));
}

#[tokio::test]
async fn store_that_fails_ends_nothing_before_the_known_end() {
    let world = World::new().await;
    let mut socket = world.open().await;
    world.login.say(Says::Fails);
    world.clock.advance(secs(50));
    assert_eq!(socket.event("auth_expiring").await["ttl"], 10);
    world.login.say(Says::Ends(120));
    world.asked_after(10, 2).await;
    socket.echoes("still", "ann: still").await;
    world.login.say(Says::HasEnded);
    world.clock.advance(secs(50));
    assert_eq!(socket.end().await.1, close(4401, "token_expired"));
}

#[tokio::test]
async fn store_that_hangs_ends_the_transport_after_five_seconds() {
    let world = World::new().await;
    let mut socket = world.waiting_at_end().await;
    world.clock.advance(secs(5));
    assert_eq!(socket.end().await.1, close(4401, "token_expired"));
}

#[tokio::test]
async fn nothing_passes_between_the_known_end_and_the_answer() {
    let world = World::new().await;
    let mut socket = world.waiting_at_end().await;
    let calls = world.app.calls.count();
    socket.send(r#"42["message","early"]"#).await;
    for session in world.app.io.of("/").unwrap().sockets() {
        session.emit("message", "out").unwrap();
    }
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
    assert!(socket.packet().now_or_never().is_none() && world.app.calls.count() == calls);
    world.login.say(Says::Ends(120));
    let mut packets = [socket.packet().await, socket.packet().await];
    packets.sort();
    assert_eq!(packets, [r#"42["message","ann: early"]"#, r#"42["message","out"]"#]);
}

#[tokio::test]
async fn last_message_of_the_client_is_its_use_and_a_pong_is_not() {
    let world = World::new().await;
    let mut socket = world.open().await;
    world.clock.advance(secs(20));
    socket.echoes("used", "ann: used").await;
    world.clock.advance(secs(10));
    socket.send("3").await;
    world.login.say(Says::Ends(120));
    world.asked_after(20, 1).await;
    assert_eq!(world.login.asked(), [20]);
}

#[tokio::test]
async fn client_that_polls_waits_for_the_answer_too() {
    let world = World::new().await;
    let polling = Polling::open(&world.app, HEADERS).await.unwrap();
    assert_eq!(polling.connect("/", "").await, Ok(()));
    world.clock.advance(secs(20));
    polling.echoes("open", "ann: open").await;
    world.login.say(Says::Ends(60));
    world.asked_after(30, 1).await;
    assert_eq!(world.login.asked(), [20]);
    assert!(polling.message(r#"2["auth_expiring"#).await.contains("10"));
    world.login.say(Says::Hangs);
    world.asked_after(10, 2).await;
    let calls = world.app.calls.count();
    let posted = tokio::spawn({
        let polling = polling.clone();
        async move { polling.post(r#"42["message","early"]"#).await }
    });
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
    assert!(!posted.is_finished() && world.app.calls.count() == calls);
    world.login.say(Says::Ends(120));
    assert_eq!(posted.await.unwrap().status, 200);
    polling.message(r#"2["message","ann: early"]"#).await;
}

#[tokio::test]
async fn fresh_credential_brings_its_own_end() {
    let world = World::new().await;
    let mut socket = world.open().await;
    let fresh = format!(r#"{{"token":"{}"}}"#, token("ann", 100));
    assert_eq!(socket.refresh("/", &fresh).await["ok"], true);
    world.clock.advance(secs(90));
    assert_eq!(socket.event("auth_expiring").await["ttl"], 10);
    world.clock.advance(secs(10));
    assert_eq!(socket.end().await.1, close(4401, "token_expired"));
    assert_eq!(world.login.asked(), [0; 0], "a token does not move");
}
