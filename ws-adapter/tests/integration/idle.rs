//! Sockets on which nothing happens.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use auth_core::{Clock, ManualClock, Timer};
use axum::{Router, extract::ws::Message as AxumMessage, routing::any};
use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _, future::poll_fn};
use tokio::task::yield_now;
use tokio_tungstenite::tungstenite::Message;
use ws_adapter::{AuthLayer, AuthSocket, AuthWebSocketUpgrade, Sockets};

use crate::support::{Client, Counter, FOREVER, Server, User, clock, jwt_or_basic};

/// Counts how often someone begins to wait.
struct CountingTimer(ManualClock, Counter);

impl Clock for CountingTimer {
    fn now(&self) -> SystemTime {
        self.0.now()
    }

    fn monotonic(&self) -> Duration {
        self.0.monotonic()
    }
}

impl Timer for CountingTimer {
    fn sleep_until(&self, deadline: SystemTime) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        self.1.fetch_add(1, Ordering::SeqCst);
        self.0.sleep_until(deadline)
    }

    fn sleep(&self, span: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        self.1.fetch_add(1, Ordering::SeqCst);
        self.0.sleep(span)
    }
}

struct World {
    clock: ManualClock,
    sleeps: Counter,
    polls: Counter,
    client: Client,
    _server: Server,
}

/// Where the handler uses its socket.
#[derive(Clone, Copy, Debug)]
enum Place {
    ItsTask,
    OtherTask,
    /// It uses only the halves of the socket.
    Halves,
}

const PLACES: [Place; 3] = [Place::ItsTask, Place::OtherTask, Place::Halves];

/// How long each poll of a handler takes. So it is polled again a little after it began to wait.
const POLL: Duration = Duration::from_millis(7);

/// Counts the polls of a handler.
#[derive(Clone)]
struct Polls(ManualClock, Counter);

/// Sends back every message, also pings and pongs, as text. Counts its polls.
async fn report(place: Place, socket: AuthSocket<User>, polls: Polls) {
    match place {
        Place::ItsTask => counted(polls, report_from(socket)).await,
        Place::OtherTask => drop(tokio::spawn(counted(polls, report_from(socket))).await),
        Place::Halves => {
            let (mut sink, mut stream) = socket.split();
            let reporting = async move {
                while let Some(Ok(message)) = stream.next().await {
                    sink.send(AxumMessage::text(format!("{message:?}"))).await.unwrap();
                }
            };
            counted(polls, reporting).await;
        }
    }
}

async fn report_from(mut socket: AuthSocket<User>) {
    while let Some(message) = socket.recv().await {
        socket.send(AxumMessage::text(format!("{message:?}"))).await.unwrap();
    }
}

async fn counted(Polls(clock, polls): Polls, future: impl Future<Output = ()>) {
    let mut future = Box::pin(future);
    let counted = poll_fn(move |cx| {
        polls.fetch_add(1, Ordering::SeqCst);
        let polled = future.poll_unpin(cx);
        clock.advance(POLL);
        polled
    });
    counted.await;
}

impl World {
    /// A socket without end or pings.
    async fn new(place: Place) -> Self {
        let (clock, sleeps, polls) = (clock(), Counter::default(), Counter::default());
        let count = Polls(clock.clone(), Arc::clone(&polls));
        let route = any(move |ws: AuthWebSocketUpgrade<User>| async move {
            ws.on_upgrade(move |socket| report(place, socket, count))
        });
        let layer = AuthLayer::new(jwt_or_basic())
            .timer(CountingTimer(clock.clone(), Arc::clone(&sleeps)))
            .sockets(Sockets::new().without_ping());
        let server = Server::start(Router::new().route("/ws", route).layer(layer)).await;
        let client = server.open(FOREVER).await;
        let mut world = Self { clock, sleeps, polls, client, _server: server };
        world.reports(Message::text("open")).await;
        world
    }

    /// Lets time pass, in steps that are shorter than a poll.
    async fn pass(&self, span: Duration) {
        let end = self.clock.monotonic() + span;
        while self.clock.monotonic() < end {
            self.clock.advance(Duration::from_millis(5));
            settle().await;
        }
    }

    fn counts(&self) -> [usize; 2] {
        [&self.sleeps, &self.polls].map(|counter: &Arc<AtomicUsize>| counter.load(Ordering::SeqCst))
    }

    /// The client sends a message, and the handler receives it.
    async fn reports(&mut self, message: Message) {
        let kind = match message {
            Message::Ping(_) => "Ping",
            Message::Pong(_) => "Pong",
            _ => "Text",
        };
        self.client.0.send(message).await.unwrap();
        self.reported(kind).await;
    }

    /// The handler reports a message of this kind next.
    async fn reported(&mut self, kind: &str) {
        loop {
            match self.client.next().await.unwrap() {
                Message::Text(report) => return assert!(report.starts_with(kind), "{report}"),
                other => assert!(other.is_pong()),
            }
        }
    }
}

/// Lets all tasks run that can. They are on this thread.
async fn settle() {
    for _ in 0..32 {
        yield_now().await;
    }
}

#[tokio::test]
async fn idle_socket_neither_sets_a_timer_nor_polls_its_handler() {
    for place in PLACES {
        let mut world = World::new(place).await;
        for _ in 0..2 {
            world.pass(Duration::from_secs(2)).await;
            let counts = world.counts();
            world.pass(Duration::from_secs(10)).await;
            for _ in 0..10 {
                world.clock.advance(Duration::from_secs(60));
                settle().await;
            }
            assert_eq!(world.counts(), counts, "{place:?}");
            world.reports(Message::text("still there")).await;
        }
    }
}

/// As it does while it reads itself.
#[tokio::test]
async fn handler_that_has_waited_long_still_sees_pings_and_pongs() {
    for place in PLACES {
        let mut world = World::new(place).await;
        for message in [Message::Ping("a".into()), Message::Pong("b".into()), Message::text("c")] {
            world.pass(Duration::from_secs(2)).await;
            world.reports(message).await;
        }
    }
}

#[tokio::test]
async fn handler_that_has_waited_long_sees_all_that_comes_at_once() {
    for place in PLACES {
        let mut world = World::new(place).await;
        world.pass(Duration::from_secs(2)).await;
        for message in [Message::Pong("a".into()), Message::Pong("b".into()), Message::text("c")] {
            world.client.0.feed(message).await.unwrap();
        }
        world.client.0.flush().await.unwrap();
        for kind in ["Pong", "Pong", "Text"] {
            world.reported(kind).await;
        }
    }
}

/// The handler's task is on another runtime, and goes on.
#[tokio::test]
async fn waiting_handler_ends_when_the_runtime_of_its_socket_stops() {
    for waits_for in [0, 2] {
        let (clock, handlers) = (clock(), tokio::runtime::Handle::current());
        let (over, mut ended) = tokio::sync::mpsc::channel(1);
        let route = any(move |ws: AuthWebSocketUpgrade<User>| async move {
            ws.on_upgrade(move |mut socket| async move {
                handlers.spawn(async move { over.send(socket.recv().await).await });
            })
        });
        let layer = AuthLayer::new(jwt_or_basic()).timer(clock.clone());
        let stopping = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let app = Router::new().route("/ws", route).layer(layer);
        let server = stopping.spawn(Server::start(app)).await.unwrap();
        let client = server.open(FOREVER).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        clock.advance(Duration::from_secs(waits_for));
        tokio::time::sleep(Duration::from_millis(50)).await;
        stopping.shutdown_background();
        let message = tokio::time::timeout(Duration::from_secs(5), ended.recv()).await.expect("it waits for ever");
        assert_eq!(message, Some(None), "{waits_for}");
        drop(client);
    }
}
