//! The line between one node and Redis.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use test_support::redis::Server;
use tokio::{
    io::{self, AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
    time::sleep,
};

const LATE: Duration = Duration::from_millis(5);

/// How the line treats connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Flows,
    /// Published messages pass at once. Answers come 5 ms late.
    AnswersLate,
    /// Existing and new connections break.
    Breaks,
    /// Nothing gets through, without an error. A connection that stopped stays stopped.
    StandsStill,
}

/// A line to Redis that is slow or can be cut.
pub(crate) struct Line {
    addr: SocketAddr,
    state: watch::Sender<State>,
    task: JoinHandle<()>,
}

impl Line {
    pub(crate) async fn to(server: &Server, state: State) -> Self {
        let server: SocketAddr = server.url().trim_start_matches("redis://").trim_end_matches('/').parse().unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (state, seen) = watch::channel(state);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, server, seen.clone()));
            }
        });
        Self { addr, state, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://{}/", self.addr)
    }

    pub(crate) fn set(&self, state: State) {
        self.state.send_replace(state);
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn carry(mut client: TcpStream, server: SocketAddr, mut state: watch::Receiver<State>) {
    let mut now = *state.borrow_and_update();
    let mut held = None;
    if matches!(now, State::Flows | State::AnswersLate) {
        let Ok(server) = TcpStream::connect(server).await else { return };
        tokio::select! {
            () = copy(&mut client, held.insert(server), now) => return,
            _ = state.changed() => now = *state.borrow(),
        }
    }
    if now == State::StandsStill {
        // Both ends stay open, and nothing is read.
        std::future::pending::<()>().await;
    }
}

async fn copy(client: &mut TcpStream, server: &mut TcpStream, state: State) {
    let (mut asks, mut hears) = client.split();
    let (mut answers, mut is_asked) = server.split();
    let back = async {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(len @ 1..) = answers.read(&mut buffer).await {
            let bytes = buffer.get(..len).unwrap();
            let is_news = bytes.windows(7).any(|word| word == b"message");
            if state == State::AnswersLate && !is_news {
                sleep(LATE).await;
            }
            if hears.write_all(bytes).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        _ = io::copy(&mut asks, &mut is_asked) => {}
        () = back => {}
    }
}
