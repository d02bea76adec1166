//! The line between one node and Redis.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::{
    io,
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// What becomes of connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Flows,
    /// Those that are there break, and new ones too.
    Breaks,
    /// Nothing gets through, and nobody is told. What has come to stand still stays so.
    StandsStill,
}

/// A line to a server that can be cut.
pub(crate) struct Line {
    pub(crate) addr: SocketAddr,
    state: watch::Sender<State>,
    task: JoinHandle<()>,
}

impl Line {
    pub(crate) async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (state, seen) = watch::channel(State::Flows);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, server, seen.clone()));
            }
        });
        Self { addr, state, task }
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
    let mut far = None;
    if now == State::Flows {
        let Ok(stream) = TcpStream::connect(server).await else { return };
        tokio::select! {
            _ = io::copy_bidirectional(&mut client, far.insert(stream)) => return,
            _ = state.changed() => now = *state.borrow(),
        }
    }
    if now == State::StandsStill {
        // Both ends are held open, and nothing is read.
        std::future::pending::<()>().await;
    }
}
