//! Sockets whose peer reads slowly: every task that waits to write continues in time.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
    time::Duration,
};

use auth_core::ManualClock;
use axum::{Router, extract::ws::Message, response::Response, routing::any, serve::Listener};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::Notify,
    time::{sleep, timeout},
};
use tokio_tungstenite::tungstenite::Message as ClientMessage;
use ws_adapter::{AuthLayer, AuthSocket, AuthWebSocketUpgrade, Connections, Sockets};

use crate::{
    common::eventually,
    support::{Client, FOREVER, Server, User, clock, jwt_or_basic, presented, token},
};

/// How many bytes the link to the client takes. Like a system socket, it only keeps the waker of the last writer.
#[derive(Clone)]
struct Link(Arc<Mutex<(usize, Option<Waker>)>>);

impl Link {
    fn open() -> Self {
        Self(Arc::new(Mutex::new((usize::MAX, None))))
    }

    fn takes(&self, bytes: usize) {
        let waker = {
            let mut link = self.0.lock().unwrap();
            link.0 = bytes;
            link.1.take()
        };
        waker.into_iter().for_each(Waker::wake);
    }
}

struct Slow(TcpStream, Link);

impl AsyncRead for Slow {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, into)
    }
}

impl AsyncWrite for Slow {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let link = self.1.clone();
        let mut link = link.0.lock().unwrap();
        if link.0 == 0 {
            link.1 = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let bytes = &bytes[..bytes.len().min(link.0)];
        let written = std::task::ready!(Pin::new(&mut self.0).poll_write(cx, bytes))?;
        link.0 -= written;
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

struct SlowListener(TcpListener, Link);

impl Listener for SlowListener {
    type Io = Slow;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Slow, SocketAddr) {
        let (stream, address) = self.0.accept().await.unwrap();
        (Slow(stream, self.1.clone()), address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

/// What the handler does.
#[derive(Clone, Copy, Debug)]
struct Handler {
    /// Whether a separate task reads. Otherwise the driver reads ahead of the handler.
    reads: bool,
    /// Whether another task, which sends on request, gives up before the message is sent.
    gives_up: bool,
}

const HANDLERS: [Handler; 4] = [
    Handler { reads: true, gives_up: false },
    Handler { reads: true, gives_up: true },
    Handler { reads: false, gives_up: false },
    Handler { reads: false, gives_up: true },
];

impl Handler {
    async fn run(self, socket: AuthSocket<User>, send: Arc<Notify>, sent: Arc<Notify>) {
        let (mut sink, mut stream) = socket.split();
        let sender = tokio::spawn(async move {
            send.notified().await;
            let sending = sink.send(Message::text("news"));
            if self.gives_up {
                assert!(timeout(Duration::from_millis(20), sending).await.is_err());
            } else {
                sending.await.unwrap();
                sent.notify_one();
            }
            std::future::pending::<()>().await;
            drop(sink);
        });
        if self.reads {
            while let Some(Ok(_)) = stream.next().await {}
        }
        sender.await.unwrap();
        drop(stream);
    }
}

struct World {
    link: Link,
    connections: Connections,
    clock: ManualClock,
    client: Client,
    send: Arc<Notify>,
    sent: Arc<Notify>,
    _server: Server,
}

impl World {
    async fn new(handler: Handler) -> Self {
        let (link, connections, clock) = (Link::open(), Connections::new(), clock());
        let (send, sent) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let told = (Arc::clone(&send), Arc::clone(&sent));
        let route = any(move |ws: AuthWebSocketUpgrade<User>| {
            let (send, sent) = told.clone();
            // In a separate task, so that the driver is not woken with it.
            let run = move |socket| async move { drop(tokio::spawn(handler.run(socket, send, sent)).await) };
            async move { ws.on_upgrade(run) as Response }
        });
        let layer =
            AuthLayer::new(jwt_or_basic()).timer(clock.clone()).sockets(Sockets::new().connections(&connections));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (addr, listener) = (listener.local_addr().unwrap(), SlowListener(listener, link.clone()));
        let app = Router::new().route("/ws", route).layer(layer);
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        let server = Server { addr, task: Some(task) };
        let headers = [("authorization", FOREVER), ("sec-websocket-protocol", "auth.v1")];
        let client = server.connect("/ws", &headers).await.unwrap().0;
        settle().await;
        Self { link, connections, clock, client, send, sent, _server: server }
    }

    /// Sends more pings than the server lets pongs wait.
    async fn flood(&mut self) {
        for _ in 0..200 {
            self.client.0.send(ClientMessage::Ping(vec![0; 125].into())).await.unwrap();
        }
        settle().await;
    }
}

/// Lets the server do all it can.
async fn settle() {
    sleep(Duration::from_millis(40)).await;
}

#[tokio::test]
async fn reader_that_waits_to_write_pongs_continues() {
    for handler in HANDLERS {
        let mut world = World::new(handler).await;
        world.link.takes(0);
        world.flood().await;
        world.link.takes(1);
        settle().await;
        world.send.notify_one();
        settle().await;
        world.link.takes(usize::MAX);
        settle().await;
        assert_eq!(world.connections.count(), 1, "{handler:?}");
        world.client.0.send(ClientMessage::Close(None)).await.unwrap();
        eventually(|| world.connections.count() == 0).await;
    }
}

#[tokio::test]
async fn refresh_answer_is_sent_while_others_wait_to_write() {
    for handler in HANDLERS {
        let mut world = World::new(handler).await;
        world.link.takes(0);
        world.client.send(&presented(&token("ann", 900))).await;
        settle().await;
        world.link.takes(1);
        settle().await;
        world.send.notify_one();
        settle().await;
        world.link.takes(usize::MAX);
        assert_eq!(world.client.json().await["type"], "auth_ok", "{handler:?}");
    }
}

#[tokio::test]
async fn waiting_sender_continues_while_others_wait_to_write() {
    for handler in HANDLERS.into_iter().filter(|handler| !handler.gives_up) {
        let mut world = World::new(handler).await;
        world.link.takes(0);
        world.send.notify_one();
        settle().await;
        world.client.send(&presented(&token("ann", 900))).await;
        world.flood().await;
        world.link.takes(1);
        settle().await;
        world.link.takes(usize::MAX);
        let sent = timeout(Duration::from_secs(5), world.sent.notified()).await;
        assert!(sent.is_ok(), "{handler:?}");
    }
}

#[tokio::test]
async fn peer_that_takes_pongs_slowly_is_not_closed_for_silence() {
    for handler in HANDLERS {
        let mut world = World::new(handler).await;
        world.link.takes(0);
        world.flood().await;
        for _ in 0..5 {
            world.client.0.send(ClientMessage::Ping("here".into())).await.unwrap();
            world.clock.advance(Duration::from_secs(30));
            settle().await;
        }
        assert_eq!(world.connections.count(), 1, "{handler:?}");
        world.link.takes(usize::MAX);
        settle().await;
        world.client.0.send(ClientMessage::Close(None)).await.unwrap();
        eventually(|| world.connections.count() == 0).await;
    }
}
