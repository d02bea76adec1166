//! Peers that disconnect while the handler does not read.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use auth_core::ManualClock;
use axum::{Router, extract::ws::Message, routing::any};
use futures_util::{SinkExt as _, StreamExt as _, stream::FuturesUnordered};
use tokio::{
    sync::{Notify, broadcast},
    time::timeout,
};
use tokio_tungstenite::{MaybeTlsStream, tungstenite::Message as ClientMessage};
use ws_adapter::{AuthLayer, AuthSocket, AuthWebSocketUpgrade, Connections, Overflow, Sockets};

use crate::{
    common::eventually,
    support::{Client, FOREVER, Server, User, bearer_of, clock, jwt_or_basic, presented, token},
};

struct World {
    server: Server,
    connections: Connections,
    clock: ManualClock,
    /// How many handlers are running.
    running: Arc<AtomicUsize>,
}

impl World {
    async fn new<F, Fut>(handler: F) -> Self
    where
        F: Fn(AuthSocket<User>) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        Self::with(Connections::new(), handler).await
    }

    async fn with<F, Fut>(connections: Connections, handler: F) -> Self
    where
        F: Fn(AuthSocket<User>) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let (clock, running) = (clock(), Arc::new(AtomicUsize::new(0)));
        let layer =
            AuthLayer::new(jwt_or_basic()).timer(clock.clone()).sockets(Sockets::new().connections(&connections));
        let counter = Arc::clone(&running);
        let route = any(move |ws: AuthWebSocketUpgrade<User>| {
            let (handler, running) = (handler.clone(), Running::new(&counter));
            async move {
                ws.on_upgrade(move |socket| async move {
                    handler(socket).await;
                    drop(running);
                })
            }
        });
        let server = Server::start(Router::new().route("/ws", route).layer(layer)).await;
        Self { server, connections, clock, running }
    }

    fn running(&self) -> usize {
        self.running.load(Ordering::SeqCst)
    }
}

struct Running(Arc<AtomicUsize>);

impl Running {
    fn new(counter: &Arc<AtomicUsize>) -> Self {
        counter.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(counter))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// How a peer disconnects.
#[derive(Clone, Copy, Debug)]
enum Going {
    Reset,
    Fin,
    CloseFrame,
}

impl Going {
    const ALL: [Self; 3] = [Self::Reset, Self::Fin, Self::CloseFrame];

    async fn go(self, mut client: Client) {
        let MaybeTlsStream::Plain(stream) = client.0.get_mut() else { panic!("TLS") };
        match self {
            Self::Reset => stream.set_zero_linger().unwrap(),
            Self::Fin => {}
            Self::CloseFrame => {
                client.0.send(ClientMessage::Close(None)).await.unwrap();
                // This waits for the answer.
                std::mem::forget(client);
            }
        }
    }
}

#[tokio::test]
async fn lost_peer_frees_its_place_at_once_while_the_handler_waits() {
    let world = World::new(async |socket| {
        std::future::pending::<()>().await;
        drop(socket);
    })
    .await;
    for going in Going::ALL {
        let client = world.server.open(FOREVER).await;
        eventually(|| world.connections.count() == 1).await;
        going.go(client).await;
        eventually(|| world.connections.count() == 0).await;
        // A handler that waits forever has a minute to finish its work.
        assert_eq!(world.running(), 1, "{going:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
        world.clock.advance(Duration::from_secs(60));
        eventually(|| world.running() == 0).await;
    }
}

#[tokio::test]
async fn reconnecting_user_leaves_no_more_handlers_than_the_limit() {
    for (connections, limit) in [(Connections::new(), 10), (Connections::new().per_user(2, Overflow::RejectNew), 2)] {
        let world = World::with(connections, async |socket| {
            std::future::pending::<()>().await;
            drop(socket);
        })
        .await;
        let open_and_go = async |credential: &str, going: Going| {
            let client = world.server.open(credential).await;
            eventually(|| world.connections.count() == 1).await;
            going.go(client).await;
            eventually(|| world.connections.count() == 0).await;
        };
        for _ in 0..5 {
            for going in Going::ALL {
                open_and_go(FOREVER, going).await;
            }
        }
        eventually(|| world.running() == limit).await;
        // Another user has their own places.
        open_and_go(&bearer_of("bob"), Going::Reset).await;
        assert_eq!(world.running(), limit + 1);
        tokio::time::sleep(Duration::from_millis(20)).await;
        world.clock.advance(Duration::from_secs(60));
        eventually(|| world.running() == 0).await;
    }
}

#[tokio::test]
async fn lost_peer_frees_its_place_while_the_handler_only_sends() {
    let (push, _) = broadcast::channel(16);
    let pushes = push.clone();
    let world = World::new(move |mut socket| {
        let mut pushed = pushes.subscribe();
        async move {
            while let Ok(text) = pushed.recv().await {
                let _: Result<(), axum::Error> = socket.send(Message::text::<String>(text)).await;
            }
        }
    })
    .await;
    for going in Going::ALL {
        let client = world.server.open(FOREVER).await;
        eventually(|| world.running() == 1).await;
        push.send("news".to_owned()).unwrap();
        going.go(client).await;
        eventually(|| world.connections.count() == 0).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
        world.clock.advance(Duration::from_secs(60));
        eventually(|| world.running() == 0).await;
    }
}

/// A connection that is lost silently: sending a ping fails, or no pong comes.
#[tokio::test]
async fn vanished_peer_is_noticed_while_the_handler_waits() {
    let world = World::new(async |socket| {
        std::future::pending::<()>().await;
        drop(socket);
    })
    .await;
    let client = world.server.open(FOREVER).await;
    eventually(|| world.connections.count() == 1).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    world.clock.advance(Duration::from_secs(60));
    tokio::time::sleep(Duration::from_millis(20)).await;
    world.clock.advance(Duration::from_secs(20));
    eventually(|| world.connections.count() == 0 && world.running() == 0).await;
    drop(client);
}

#[tokio::test]
async fn handler_finishes_the_request_of_a_peer_that_left() {
    let (asked, finish, done) = (Arc::new(Notify::new()), Arc::new(Notify::new()), Arc::new(AtomicUsize::new(0)));
    let (ask, go_on, count) = (Arc::clone(&asked), Arc::clone(&finish), Arc::clone(&done));
    let world = World::new(move |mut socket| {
        let (ask, go_on, count) = (Arc::clone(&ask), Arc::clone(&go_on), Arc::clone(&count));
        async move {
            while let Some(Message::Text(_)) = socket.recv().await {
                ask.notify_one();
                go_on.notified().await;
                count.fetch_add(1, Ordering::SeqCst);
            }
        }
    })
    .await;
    let mut client = world.server.open(FOREVER).await;
    client.send("save this").await;
    client.send("and that").await;
    asked.notified().await;
    Going::CloseFrame.go(client).await;
    finish.notify_one();
    asked.notified().await;
    finish.notify_one();
    eventually(|| done.load(Ordering::SeqCst) == 2 && world.running() == 0).await;
    assert_eq!(world.connections.count(), 0);
}

#[tokio::test]
async fn refresh_and_pings_work_while_the_handler_never_reads() {
    let world = World::new(async |socket| {
        std::future::pending::<()>().await;
        drop(socket);
    })
    .await;
    let headers = [("authorization", &*format!("Bearer {}", token("ann", 60))), ("sec-websocket-protocol", "auth.v1")];
    let mut client = world.server.connect("/ws", &headers).await.unwrap().0;
    client.send(&presented(&token("ann", 900))).await;
    assert_eq!(client.json().await["ttl"], 900);
    client.0.send(ClientMessage::Ping("are you there".into())).await.unwrap();
    assert_eq!(client.next().await, Some(ClientMessage::Pong("are you there".into())));
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(client.present(&token("ann", 900)).await["type"], "auth_ok");
}

/// Reads one message, then waits forever.
async fn read_one_and_wait(mut socket: AuthSocket<User>) {
    let first = socket.recv().await;
    assert!(first.is_some());
    std::future::pending::<()>().await;
}

/// Reads one message, waits a while for another and then does something else. A stream can't show that.
async fn give_up_next(mut socket: AuthSocket<User>) {
    assert!(socket.next().await.is_some());
    assert!(timeout(Duration::from_millis(20), socket.next()).await.is_err());
    std::future::pending::<()>().await;
}

async fn give_up_half(socket: AuthSocket<User>) {
    let (sink, mut stream) = socket.split();
    assert!(stream.next().await.is_some());
    assert!(timeout(Duration::from_millis(20), stream.next()).await.is_err());
    std::future::pending::<()>().await;
    drop(sink);
}

async fn echo(mut socket: AuthSocket<User>) {
    while let Some(Ok(message)) = socket.next().await {
        socket.send(message).await.unwrap();
    }
}

#[tokio::test]
async fn handler_that_has_waited_long_gets_the_next_message() {
    let same = World::new(echo).await;
    let other = World::new(async |socket| drop(tokio::spawn(echo(socket)).await)).await;
    // This polls only what was woken.
    let among_others = World::new(async |socket| {
        let tick = async {
            for _ in 0..10 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let all: [Pin<Box<dyn Future<Output = ()> + Send>>; 2] = [Box::pin(echo(socket)), Box::pin(tick)];
        FuturesUnordered::from_iter(all).collect::<()>().await;
    })
    .await;
    for (name, world) in [("same task", same), ("other task", other), ("among others", among_others)] {
        let headers = [("authorization", FOREVER), ("sec-websocket-protocol", "auth.v1")];
        let mut client = world.server.connect("/ws", &headers).await.unwrap().0;
        for round in 0..3 {
            tokio::time::sleep(Duration::from_millis(20)).await;
            world.clock.advance(Duration::from_secs(1));
            tokio::time::sleep(Duration::from_millis(20)).await;
            if round == 1 {
                assert_eq!(client.present(&token("ann", 900)).await["type"], "auth_ok", "{name}");
            }
            for text in ["one", "two", "three"] {
                client.send(text).await;
            }
            for text in ["one", "two", "three"] {
                assert_eq!(client.next().await, Some(ClientMessage::text(text)), "{name}");
            }
        }
        Going::Fin.go(client).await;
        eventually(|| world.running() == 0).await;
    }
}

#[tokio::test]
async fn lost_peer_is_noticed_while_the_handler_is_busy() {
    let world = World::new(read_one_and_wait).await;
    let spawned = World::new(async |socket| drop(tokio::spawn(read_one_and_wait(socket)).await)).await;
    let late = World::new(async |socket| {
        tokio::time::sleep(Duration::from_millis(50)).await;
        read_one_and_wait(socket).await;
    })
    .await;
    let given_up = World::new(async |mut socket| {
        socket.recv().await;
        let wait = timeout(Duration::from_millis(20), socket.recv());
        assert!(wait.await.is_err());
        std::future::pending::<()>().await;
    })
    .await;
    let next_given_up = World::new(give_up_next).await;
    let spawned_given_up = World::new(async |socket| drop(tokio::spawn(give_up_next(socket)).await)).await;
    let half_given_up = World::new(give_up_half).await;
    let worlds = [
        ("same task", world, 0),
        ("other task", spawned, 0),
        ("read ahead", late, 0),
        ("given up", given_up, 0),
        ("a poll of the stream given up", next_given_up, 1),
        ("in another task", spawned_given_up, 1),
        ("of a half", half_given_up, 1),
    ];
    for (name, world, after_secs) in worlds {
        for going in Going::ALL {
            let mut client = world.server.open(FOREVER).await;
            client.send("do this").await;
            tokio::time::sleep(Duration::from_millis(100)).await;
            assert_eq!(world.connections.count(), 1, "{name} {going:?}");
            going.go(client).await;
            world.clock.advance(Duration::from_secs(after_secs));
            eventually(|| world.connections.count() == 0).await;
        }
    }
}

#[tokio::test]
async fn refresh_and_pings_work_while_the_handler_is_busy() {
    let worlds = [(World::new(read_one_and_wait).await, 0), (World::new(give_up_next).await, 1)];
    for (world, after_secs) in worlds {
        let headers =
            [("authorization", &*format!("Bearer {}", token("ann", 60))), ("sec-websocket-protocol", "auth.v1")];
        let mut client = world.server.connect("/ws", &headers).await.unwrap().0;
        tokio::time::sleep(Duration::from_millis(20)).await;
        client.send("do this").await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        client.0.send(ClientMessage::Ping("are you there".into())).await.unwrap();
        world.clock.advance(Duration::from_secs(after_secs));
        assert_eq!(client.next().await, Some(ClientMessage::Pong("are you there".into())));
        assert_eq!(client.present(&token("ann", 900)).await["type"], "auth_ok");
    }
}
