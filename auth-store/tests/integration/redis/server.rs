//! Stores for the Redis of a test, and proxies that lose what passes.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
};

use auth_store::RedisStore;
#[cfg(feature = "redis-tls")]
use test_support::redis::{AUTHORITY, CERTIFICATE, KEY, Kind};
use test_support::redis::{Cluster, Server};
use tokio::{
    io::{self, AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

pub(crate) trait Stored {
    /// A store with connections of its own.
    fn store(&self) -> RedisStore;
}

impl Stored for Server {
    fn store(&self) -> RedisStore {
        match self.kind() {
            #[cfg(feature = "redis-tls")]
            Kind::Tls { asks_client } => RedisStore::with_tls(&self.url(), &tls(*asks_client)).unwrap(),
            _ => RedisStore::new(&self.url()).unwrap(),
        }
    }
}

impl Stored for Cluster {
    fn store(&self) -> RedisStore {
        let urls = self.urls();
        RedisStore::cluster(urls.iter().map(String::as_str)).unwrap()
    }
}

/// Trusts the authority of the tests.
#[cfg(feature = "redis-tls")]
pub(crate) fn tls(shows_certificate: bool) -> auth_store::RedisTls {
    let tls = auth_store::RedisTls::ca(AUTHORITY).unwrap();
    if shows_certificate { tls.client_certificate(CERTIFICATE, KEY).unwrap() } else { tls }
}

/// A proxy to a server that loses the answer to a chosen command.
pub(crate) struct Forgetful {
    address: SocketAddr,
    forgets: Arc<Mutex<Option<&'static str>>>,
    task: JoinHandle<()>,
}

impl Forgetful {
    pub(crate) async fn before(server: &Server) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let (address, port) = (listener.local_addr().unwrap(), server.port());
        let forgets = Arc::<Mutex<Option<&'static str>>>::default();
        let shared = Arc::clone(&forgets);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(forget(client, port, Arc::clone(&shared)));
            }
        });
        Self { address, forgets, task }
    }

    pub(crate) fn store(&self) -> RedisStore {
        RedisStore::new(&format!("redis://{}/", self.address)).unwrap()
    }

    /// Closes the connection after the next command with this word, when the server has processed it.
    pub(crate) fn forget(&self, word: &'static str) {
        *self.forgets.lock().unwrap() = Some(word);
    }

    pub(crate) fn has_forgotten(&self) -> bool {
        self.forgets.lock().unwrap().is_none()
    }
}

impl Drop for Forgetful {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn forget(mut client: TcpStream, port: u16, forgets: Arc<Mutex<Option<&'static str>>>) {
    let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
    let (mut asked, mut answered) = (vec![0; 100_000], vec![0; 100_000]);
    loop {
        tokio::select! {
            read = client.read(&mut asked) => {
                let Ok(read @ 1..) = read else { return };
                let bytes = asked.get(..read).unwrap();
                server.write_all(bytes).await.unwrap();
                let is_lost = {
                    let mut forgets = forgets.lock().unwrap();
                    let word = forgets.filter(|word| String::from_utf8_lossy(bytes).contains(word));
                    word.is_some_and(|_| forgets.take().is_some())
                };
                if is_lost {
                    let _ = server.read(&mut answered).await;
                    return;
                }
            }
            read = server.read(&mut answered) => {
                let Ok(read @ 1..) = read else { return };
                client.write_all(answered.get(..read).unwrap()).await.unwrap();
            }
        }
    }
}

/// A proxy to a server that can stop all traffic without closing connections.
pub(crate) struct Line {
    address: SocketAddr,
    flows: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Line {
    pub(crate) async fn to(server: &Server) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let (address, port) = (listener.local_addr().unwrap(), server.port());
        let flows = watch::Sender::new(true);
        let flowing = flows.subscribe();
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, port, flowing.clone()));
            }
        });
        Self { address, flows, task }
    }

    pub(crate) fn store(&self) -> RedisStore {
        RedisStore::new(&format!("redis://{}/", self.address)).unwrap()
    }

    /// Stops all traffic silently. Connections that are cut stay cut.
    pub(crate) fn cut(&self) {
        self.flows.send_replace(false);
    }

    /// Lets new connections through again.
    pub(crate) fn mend(&self) {
        self.flows.send_replace(true);
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn carry(mut client: TcpStream, port: u16, mut flows: watch::Receiver<bool>) {
    if *flows.borrow_and_update() {
        let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
        tokio::select! {
            _ = io::copy_bidirectional(&mut client, &mut server) => return,
            _ = flows.changed() => {}
        }
        // Keeps both ends open, and reads nothing.
        let _held = server;
        std::future::pending::<()>().await;
    }
    std::future::pending::<()>().await;
}
