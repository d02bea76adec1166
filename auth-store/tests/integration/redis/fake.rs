//! A tiny fake Redis that loses connections at a chosen point.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
};

use auth_store::RedisStore;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// Where a connection ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Loss {
    /// It is closed while idle.
    WhileIdle,
    /// The next command resets it and is not read.
    BeforeReading,
    /// The command is read but not answered.
    WithoutAnswer,
    /// Half of the answer is written.
    MidAnswer,
}

/// A record without owner and indexes, of version 1.
const RECORD: &str = "*7\r\n$1\r\n1\r\n$0\r\n\r\n$0\r\n\r\n$20\r\n01000000000000000000\r\n$20\r\n01000000000000000000\r\n\
    $20\r\n02000000000000000000\r\n$5\r\nvalue\r\n";

/// Answers the commands of a store.
pub(crate) struct Fake {
    address: SocketAddr,
    plan: watch::Sender<Option<Loss>>,
    shared: Arc<Mutex<Shared>>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    command: &'static str,
    losses_left: usize,
    read: Vec<String>,
}

impl Fake {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let (address, plan, shared) = (listener.local_addr().unwrap(), watch::Sender::new(None), Arc::default());
        let (planned, state) = (plan.subscribe(), Arc::clone(&shared));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, planned.clone(), Arc::clone(&state)));
            }
        });
        Self { address, plan, shared, task }
    }

    pub(crate) fn store(&self) -> RedisStore {
        RedisStore::new(&format!("redis://{}/", self.address)).unwrap()
    }

    /// Loses `command` this many times from now on.
    pub(crate) fn lose(&self, command: &'static str, loss: Loss, times: usize) {
        *self.shared.lock().unwrap() = Shared { command, losses_left: times, read: Vec::new() };
        self.plan.send_replace(Some(loss));
    }

    /// How often the command has been read since, on all connections.
    pub(crate) fn times_read(&self) -> usize {
        let shared = self.shared.lock().unwrap();
        shared.read.iter().filter(|read| *read == shared.command).count()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    fn is_lost(&mut self) -> bool {
        let is_lost = self.losses_left > 0;
        self.losses_left = self.losses_left.saturating_sub(1);
        is_lost
    }
}

async fn serve(stream: TcpStream, mut plan: watch::Receiver<Option<Loss>>, shared: Arc<Mutex<Shared>>) {
    let mut stream = BufReader::new(stream);
    loop {
        if stream.buffer().is_empty() {
            tokio::select! {
                biased;
                () = closed_while_idle(&mut plan, &shared) => return,
                _ = stream.get_ref().readable() => {}
            }
        }
        let loss = *plan.borrow();
        if loss == Some(Loss::BeforeReading) && shared.lock().unwrap().is_lost() {
            return;
        }
        let Some((command, words)) = command(&mut stream).await else { return };
        let answer = match &*command {
            "HMGET" if words == 4 => "*2\r\n$0\r\n\r\n$0\r\n\r\n",
            "HMGET" => RECORD,
            "EVAL create" | "EVAL enter" => ":1\r\n",
            "EVAL touch" | "EVAL end" => "*2\r\n$0\r\n\r\n$0\r\n\r\n",
            "EVAL save" => "*2\r\n:1\r\n$20\r\n02000000000000000000\r\n",
            "EVAL list" => "*0\r\n",
            "PING" => "+PONG\r\n",
            "GETDEL" => "$5\r\nvalue\r\n",
            "MGET" => "*1\r\n$-1\r\n",
            "PUBLISH" => ":1\r\n",
            _ => "+OK\r\n",
        };
        let is_lost = {
            let mut shared = shared.lock().unwrap();
            shared.read.push(command.clone());
            loss.is_some() && command == shared.command && shared.is_lost()
        };
        let length = match loss {
            Some(Loss::WithoutAnswer) if is_lost => 0,
            _ if is_lost => answer.len() / 2,
            _ => answer.len(),
        };
        if stream.write_all(answer.get(..length).unwrap().as_bytes()).await.is_err() || is_lost {
            return;
        }
    }
}

async fn closed_while_idle(plan: &mut watch::Receiver<Option<Loss>>, shared: &Mutex<Shared>) {
    let is_planned = plan.wait_for(|plan| *plan == Some(Loss::WhileIdle)).await.is_ok();
    let is_lost = is_planned && shared.lock().unwrap().is_lost();
    if !is_lost {
        std::future::pending::<()>().await;
    }
}

/// The name of the next command, for a script with its own, and how many words it has; `None` at the end of the connection.
async fn command(stream: &mut BufReader<TcpStream>) -> Option<(String, usize)> {
    let count = number(stream).await?;
    let mut words = Vec::new();
    for _ in 0..count {
        let mut word = vec![0; number(stream).await? + 2];
        stream.read_exact(&mut word).await.ok()?;
        words.push(String::from_utf8_lossy(&word).trim_end().to_owned());
    }
    let script = words.get(1).and_then(|script| script.strip_prefix("-- ")).and_then(|script| script.lines().next());
    let name = words.first()?;
    Some((script.map_or(name.clone(), |script| format!("{name} {script}")), count))
}

/// The number in a line such as `*3` or `$5`.
async fn number(stream: &mut BufReader<TcpStream>) -> Option<usize> {
    let mut line = String::new();
    stream.read_line(&mut line).await.ok()?;
    line.get(1..)?.trim_end().parse().ok()
}
