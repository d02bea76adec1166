//! A Redis for one test, and a proxy that can be cut.

use std::{
    env, fs,
    net::{Ipv4Addr, SocketAddr, TcpListener as TcpProbe},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use auth_store::RedisStore;
use tokio::{
    io::{self, AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// A `redis-server` with its own port and folder. It is persistent, and ends with the test.
pub(crate) struct Server {
    port: u16,
    folder: PathBuf,
    kind: Kind,
    process: Option<Child>,
}

/// How a server is set up.
#[derive(Clone, PartialEq)]
pub(crate) enum Kind {
    Plain,
    #[cfg_attr(not(feature = "redis-tls"), expect(dead_code, reason = "the store can't connect to it"))]
    /// With a certificate for 127.0.0.1. It may ask for one of the client.
    Tls {
        asks_client: bool,
    },
    /// With the user `app`, whose password is `secret`, for keys and channels with the default prefix alone.
    WithUser,
    /// A member of a cluster, with a second port for the others, and one for TLS.
    Member {
        bus: u16,
        tls: u16,
    },
}

pub(crate) const AUTHORITY: &[u8] = include_bytes!("keys/ca.pem");
pub(crate) const CERTIFICATE: &[u8] = include_bytes!("keys/server.cert.pem");
pub(crate) const KEY: &[u8] = include_bytes!("keys/server.pem");

/// What the documentation names.
const PERMISSIONS: &str = "+del +eval +exists +get +getdel +hget +hmget +hset +mget +pexpire +ping +pttl +publish +set \
    +subscribe +time +zadd +zrange +zrem +zremrangebyscore";

impl Server {
    pub(crate) async fn start() -> Option<Self> {
        Self::start_as(Kind::Plain).await
    }

    /// Starts a server. `None` if Redis is not installed: the test says so and passes, or fails with `CI=true`.
    pub(crate) async fn start_as(kind: Kind) -> Option<Self> {
        if Command::new("redis-server").arg("--version").stdout(Stdio::null()).status().is_err() {
            let why = "redis-server is not installed (Debian: apt-get install redis-server)";
            assert!(env::var_os("CI").is_none_or(|ci| ci != "true"), "{why}");
            eprintln!("skipped: {why}");
            return None;
        }
        let port = free_port();
        let folder = env::temp_dir().join(format!("auth-store-{}-{port}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        for (name, content) in [("ca.pem", AUTHORITY), ("cert.pem", CERTIFICATE), ("key.pem", KEY)] {
            fs::write(folder.join(name), content).unwrap();
        }
        let mut server = Self { port, folder, kind, process: None };
        server.start_again().await;
        Some(server)
    }

    /// Restarts it on the same port with its data, and waits until it answers.
    pub(crate) async fn start_again(&mut self) {
        let mut command = Command::new("redis-server");
        command.current_dir(&self.folder).args(["--bind", "127.0.0.1", "--save", ""]);
        command.args(self.arguments());
        command.args(["--appendonly", "yes", "--appendfsync", "always", "--dir"]).arg(&self.folder);
        self.process = Some(command.stdout(Stdio::null()).spawn().unwrap());
        for _ in 0..200 {
            // A member of a cluster answers before there is one.
            let is_up = match self.kind {
                Kind::Member { .. } => RedisStore::new(&self.url()).unwrap().ping().await.is_ok(),
                _ => self.store().ping().await.is_ok(),
            };
            if is_up {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("redis-server does not answer");
    }

    /// Kills it, like a power cut.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    fn arguments(&self) -> Vec<String> {
        let port = self.port.to_string();
        let words = match &self.kind {
            Kind::Plain => format!("--port {port} --unixsocket redis.sock"),
            Kind::Tls { asks_client } => format!(
                "--port 0 --tls-port {port} --tls-cert-file cert.pem --tls-key-file key.pem --tls-ca-cert-file ca.pem \
                 --tls-auth-clients {}",
                if *asks_client { "yes" } else { "no" }
            ),
            Kind::WithUser => {
                format!("--port {port} --user default off --user app on >secret ~auth:* &auth:* {PERMISSIONS}")
            }
            Kind::Member { bus, tls } => format!(
                "--port {port} --tls-port {tls} --tls-cluster yes --tls-cert-file cert.pem --tls-key-file key.pem \
                 --tls-ca-cert-file ca.pem --tls-auth-clients no --cluster-enabled yes --cluster-config-file nodes.conf --cluster-port {bus} \
                 --cluster-node-timeout 2000 --cluster-require-full-coverage no"
            ),
        };
        words.split_whitespace().map(str::to_owned).collect()
    }

    /// The URL of its Unix socket.
    pub(crate) fn socket(&self) -> String {
        format!("unix://{}/redis.sock", self.folder.display())
    }

    pub(crate) fn kind(&self) -> &Kind {
        &self.kind
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Sends it a signal: `STOP` makes it silent, `CONT` lets it go on.
    pub(crate) fn signal(&self, name: &str) {
        let process = self.process.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args(["-s", name, &process]).status().unwrap().success());
    }

    pub(crate) fn store(&self) -> RedisStore {
        match self.kind {
            #[cfg(feature = "redis-tls")]
            Kind::Tls { asks_client } => RedisStore::with_tls(&self.url(), &tls(asks_client)).unwrap(),
            _ => RedisStore::new(&self.url()).unwrap(),
        }
    }

    pub(crate) fn url(&self) -> String {
        let scheme = if matches!(self.kind, Kind::Tls { .. }) { "rediss" } else { "redis" };
        let user = if self.kind == Kind::WithUser { "app:secret@" } else { "" };
        format!("{scheme}://{user}127.0.0.1:{}/", self.port)
    }
}

/// Trusts the authority of the tests.
#[cfg(feature = "redis-tls")]
pub(crate) fn tls(shows_certificate: bool) -> auth_store::RedisTls {
    let tls = auth_store::RedisTls::ca(AUTHORITY).unwrap();
    if shows_certificate { tls.client_certificate(CERTIFICATE, KEY).unwrap() } else { tls }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A port that stays free while the server is down: other tests don't use it, and connections have higher ports.
pub(crate) fn free_port() -> u16 {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let first = std::process::id().wrapping_mul(61);
    let tries = (0..10_000).map(|_| 20_000 + first.wrapping_add(COUNT.fetch_add(1, Ordering::Relaxed)) % 10_000);
    let is_free = |port: &u16| TcpProbe::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    tries.filter_map(|port| u16::try_from(port).ok()).find(is_free).unwrap()
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
        let (address, port) = (listener.local_addr().unwrap(), server.port);
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
        let (address, port) = (listener.local_addr().unwrap(), server.port);
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
