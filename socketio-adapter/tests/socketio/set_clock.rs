//! The clock of the machine is set while transports are open: durations go on, and ends of credentials follow it.

use std::time::Duration;

use auth_core::{Clock as _, ManualClock};
use ws_adapter::{AuthLayer, Connections, Shutdown, Sockets};

use crate::{
    client::{Polling, Socket},
    common::eventually,
    support::*,
};

const BACK: i64 = -20 * 60;
const FORWARD: i64 = 60 * 60;

/// The clock of a machine: time passes, and somebody sets it.
#[derive(Clone)]
struct Machine(ManualClock);

impl Machine {
    fn new() -> Self {
        Self(ManualClock::new(*START))
    }

    fn set_by(&self, secs: i64) {
        let (now, by) = (self.0.now(), Duration::from_secs(secs.unsigned_abs()));
        self.0.set(if secs < 0 { now - by } else { now + by });
    }

    /// So many seconds, with some time for what was sent before them and for what they bring about.
    async fn passes(&self, secs: u64) {
        tokio::time::sleep(Duration::from_millis(50)).await;
        self.0.advance(Duration::from_secs(secs));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn app_on(machine: &Machine, configure: impl FnOnce(AuthLayer<User>) -> AuthLayer<User>) -> App {
    app_with(|layer| configure(layer.timer(machine.0.clone())), |auth| auth).await
}

#[tokio::test]
async fn silent_transport_is_closed_in_time_whatever_the_clock_is_set_to() {
    for by in [BACK, FORWARD] {
        let machine = Machine::new();
        let connections = Connections::new().max_pending(2);
        let app = app_on(&machine, |layer| layer.sockets(Sockets::new().connections(&connections))).await;
        let mut by_nobody = Socket::open(&app, &[]).await.unwrap();
        let mut by_ann = Socket::open(&app, &[("authorization", &basic_of("ann", "password"))]).await.unwrap();
        let polling = Polling::open(&app, &[]).await.unwrap();
        machine.set_by(by);
        machine.passes(9).await;
        assert_eq!(app.io.open(), 3, "{by}");
        machine.passes(1).await;
        for socket in [&mut by_nobody, &mut by_ann] {
            assert_eq!(socket.end().await, (vec![], close(4408, "auth_timeout")), "{by}");
        }
        eventually(|| app.io.open() == 0 && connections.pending() == 0).await;
        assert!(polling.poll().await.is(400, "unknown_session"));
    }
}

#[tokio::test]
async fn set_clock_does_not_delay_the_close_after_the_last_namespace() {
    for by in [BACK, FORWARD] {
        let machine = Machine::new();
        let app = app_on(&machine, |layer| layer).await;
        let mut socket = Socket::open(&app, &[("authorization", &basic_of("ann", "password"))]).await.unwrap();
        assert_eq!(socket.connect("/", "").await, Ok(()));
        socket.send("41").await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        machine.set_by(by);
        machine.passes(9).await;
        assert_eq!(app.io.open(), 1, "{by}");
        machine.passes(1).await;
        assert_eq!(socket.end().await.1, close(4408, "auth_timeout"), "{by}");
    }
}

#[tokio::test]
async fn clock_set_back_does_not_keep_a_left_namespace_open() {
    let machine = Machine::new();
    let app = app_on(&machine, |layer| layer).await;
    let (mut socket, _kept) = left_and_kept(&app).await;
    machine.set_by(BACK);
    machine.passes(300).await;
    machine.passes(10).await;
    assert_eq!(socket.end().await.1, close(4408, "auth_timeout"));
}

#[tokio::test]
async fn set_clock_does_not_delay_the_shutdown() {
    for by in [BACK, FORWARD] {
        let machine = Machine::new();
        let shutdown = Shutdown::new();
        let app = app_on(&machine, |layer| layer.sockets(Sockets::new().shutdown(&shutdown))).await;
        let mut sockets = Vec::new();
        for _ in 0..40 {
            let socket = Socket::open(&app, &[("authorization", &basic_of("ann", "password"))]).await;
            let mut socket = socket.unwrap();
            assert_eq!(socket.connect("/", "").await, Ok(()));
            sockets.push(socket);
        }
        shutdown.begin_over(Duration::from_secs(8));
        tokio::time::sleep(Duration::from_millis(50)).await;
        machine.set_by(by);
        machine.passes(4).await;
        // 1 of 2^40 that all go in one half.
        assert!(app.io.open() > 0, "{by}: not all at once");
        machine.passes(4).await;
        for mut socket in sockets {
            assert_eq!(socket.end().await.1, close(1012, "restarting"), "{by}");
        }
    }
}

#[tokio::test]
async fn credential_ends_by_the_clock_as_it_is_set() {
    let machine = Machine::new();
    let app = app_on(&machine, |layer| layer).await;
    let mut socket = Socket::open(&app, &[]).await.unwrap();
    assert_eq!(socket.connect("/", &auth_for("ann", 60)).await, Ok(()));
    machine.set_by(-30);
    machine.passes(80).await;
    socket.echoes("hi", "ann: hi").await;
    machine.set_by(10);
    assert_eq!(socket.end().await.1, close(4401, "token_expired"));
}

#[tokio::test]
async fn client_is_told_of_the_end_by_the_clock_as_it_is_set() {
    let machine = Machine::new();
    let app = app_on(&machine, |layer| layer).await;
    let mut socket = Socket::open(&app, &[]).await.unwrap();
    assert_eq!(socket.connect("/", &auth_for("ann", 600)).await, Ok(()));
    socket.echoes("hi", "ann: hi").await;
    machine.set_by(540);
    assert_eq!(socket.event("auth_expiring").await["ttl"], 60);
    // What it was told once, it is not told again.
    machine.set_by(-540);
    machine.passes(540).await;
    machine.passes(60).await;
    let (packets, closed) = socket.end().await;
    assert!(!packets.iter().any(|packet| packet.contains("auth_expiring")), "{packets:?}");
    assert_eq!(closed, close(4401, "token_expired"));
}
