//! A real Redis for a test: one server, or a cluster. Each has its own ports and folder, and ends with the test.

mod cluster;
mod words;

use std::{
    env, fs,
    net::{Ipv4Addr, TcpListener},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

pub use self::cluster::Cluster;

/// The authority that vouches for [`CERTIFICATE`]. A client has to trust it.
pub const AUTHORITY: &[u8] = include_bytes!("../../../auth-store/tests/integration/redis/keys/ca.pem");
/// A certificate for 127.0.0.1, good for server and client.
pub const CERTIFICATE: &[u8] = include_bytes!("../../../auth-store/tests/integration/redis/keys/server.cert.pem");
/// The key of [`CERTIFICATE`].
pub const KEY: &[u8] = include_bytes!("../../../auth-store/tests/integration/redis/keys/server.pem");

/// What the documentation of `auth-store` names.
const PERMISSIONS: &str = "+del +eval +exists +get +getdel +hget +hmget +hset +mget +pexpire +ping +pttl +publish +set \
    +subscribe +time +zadd +zrange +zrem +zremrangebyscore";

/// A `redis-server` that writes everything to its disk before it answers.
pub struct Server {
    port: u16,
    folder: PathBuf,
    kind: Kind,
    process: Option<Child>,
}

/// How a server is set up.
#[derive(Clone, PartialEq, Eq)]
pub enum Kind {
    /// Without encryption and passwords.
    Plain,
    /// With a certificate for 127.0.0.1. It may ask for one of the client.
    Tls {
        /// Whether it does.
        asks_client: bool,
    },
    /// With the user `app`, whose password is `secret`, for keys and channels with the default prefix alone.
    WithUser,
    /// A member of a cluster.
    Member {
        /// The port for the other members.
        bus: u16,
        /// The port for TLS.
        tls: u16,
    },
}

impl Server {
    /// Starts a plain server; see [`start_as`](Self::start_as).
    pub async fn start() -> Option<Self> {
        Self::start_as(Kind::Plain).await
    }

    /// Starts a server. `None` if Redis is not installed: the test says so and passes, or fails with `CI=true`.
    pub async fn start_as(kind: Kind) -> Option<Self> {
        if Command::new("redis-server").arg("--version").stdout(Stdio::null()).status().is_err() {
            let why = "redis-server is not installed (Debian: apt-get install redis-server)";
            assert!(env::var_os("CI").is_none_or(|ci| ci != "true"), "{why}");
            eprintln!("skipped: {why}");
            return None;
        }
        let port = free_port();
        let folder = env::temp_dir().join(format!("auth-redis-{}-{port}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        for (name, content) in [("ca.pem", AUTHORITY), ("cert.pem", CERTIFICATE), ("key.pem", KEY)] {
            fs::write(folder.join(name), content).unwrap();
        }
        let mut server = Self { port, folder, kind, process: None };
        server.start_again().await;
        Some(server)
    }

    /// Restarts it on the same port with its data, and waits until it answers.
    pub async fn start_again(&mut self) {
        // A server that was killed leaves its socket behind.
        let _ = fs::remove_file(self.folder.join("redis.sock"));
        let mut command = Command::new("redis-server");
        command.current_dir(&self.folder).args(["--bind", "127.0.0.1", "--unixsocket", "redis.sock", "--save", ""]);
        command.args(self.arguments());
        command.args(["--appendonly", "yes", "--appendfsync", "always", "--dir"]).arg(&self.folder);
        self.process = Some(command.stdout(Stdio::null()).spawn().unwrap());
        for _ in 0..1000 {
            // One that asks for a password is up, too. One that still reads its data is not.
            match self.try_ask(&["PING"]).await {
                Ok(answer) if !answer.starts_with("LOADING") => return,
                _ => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
        panic!("redis-server does not answer");
    }

    /// Kills it, like a power cut.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Sends it a signal: `STOP` makes it silent, `CONT` lets it go on.
    pub fn signal(&self, name: &str) {
        let process = self.process.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args(["-s", name, &process]).status().unwrap().success());
    }

    /// Runs a command on a connection of its own, and returns the text or number that it answers.
    pub async fn ask(&self, words: &[&str]) -> String {
        self.try_ask(words).await.unwrap()
    }

    async fn try_ask(&self, words: &[&str]) -> std::io::Result<String> {
        words::ask(&self.folder.join("redis.sock"), words).await
    }

    /// The URL, with user and password if there are any.
    pub fn url(&self) -> String {
        let scheme = if matches!(self.kind, Kind::Tls { .. }) { "rediss" } else { "redis" };
        let user = if self.kind == Kind::WithUser { "app:secret@" } else { "" };
        format!("{scheme}://{user}127.0.0.1:{}/", self.port)
    }

    /// The URL of its Unix socket.
    pub fn socket(&self) -> String {
        format!("unix://{}/redis.sock", self.folder.display())
    }

    /// How it is set up.
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// Where it listens: the port in its URL.
    pub fn port(&self) -> u16 {
        self.port
    }

    fn arguments(&self) -> Vec<String> {
        let port = self.port.to_string();
        let words = match &self.kind {
            Kind::Plain => format!("--port {port}"),
            Kind::Tls { asks_client } => format!(
                "--port 0 --tls-port {port} --tls-cert-file cert.pem --tls-key-file key.pem --tls-ca-cert-file ca.pem \
                 --tls-auth-clients {}",
                if *asks_client { "yes" } else { "no" }
            ),
            Kind::WithUser => {
                format!("--port {port} --user default off --user app on >secret ~auth:* &auth:* {PERMISSIONS}")
            }
            Kind::Member { bus, tls } => format!(
                "--port {port} --tls-port {tls} --tls-cluster yes --tls-replication yes --tls-cert-file cert.pem \
                 --tls-key-file key.pem --tls-ca-cert-file ca.pem --tls-auth-clients no --cluster-enabled yes \
                 --cluster-config-file nodes.conf --cluster-port {bus} --cluster-node-timeout 2000 \
                 --cluster-require-full-coverage no --repl-diskless-sync-delay 0"
            ),
        };
        words.split_whitespace().map(str::to_owned).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A port that stays free while the server is down: other tests don't use it, and connections have higher ports.
fn free_port() -> u16 {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let first = std::process::id().wrapping_mul(61);
    let tries = (0..10_000).map(|_| 20_000 + first.wrapping_add(COUNT.fetch_add(1, Ordering::Relaxed)) % 10_000);
    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    tries.filter_map(|port| u16::try_from(port).ok()).find(is_free).unwrap()
}
