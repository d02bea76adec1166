//! A Redis for one test, and a proxy that can be cut.

use std::{
    env, fs,
    net::{Ipv4Addr, SocketAddr, TcpListener as TcpProbe},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use auth_store::RedisStore;
use tokio::{
    io,
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// A `redis-server` with its own port and folder. It is persistent, and ends with the test.
pub(crate) struct Server {
    port: u16,
    folder: PathBuf,
    process: Option<Child>,
}

impl Server {
    /// Starts a server. `None` if Redis is not installed: the test says so and passes, or fails with `CI=true`.
    pub(crate) async fn start() -> Option<Self> {
        if Command::new("redis-server").arg("--version").stdout(Stdio::null()).status().is_err() {
            let why = "redis-server is not installed (Debian: apt-get install redis-server)";
            assert!(env::var_os("CI").is_none_or(|ci| ci != "true"), "{why}");
            eprintln!("skipped: {why}");
            return None;
        }
        let port = free_port();
        let folder = env::temp_dir().join(format!("auth-store-{}-{port}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let mut server = Self { port, folder, process: None };
        server.start_again().await;
        Some(server)
    }

    /// Restarts it on the same port with its data, and waits until it answers.
    pub(crate) async fn start_again(&mut self) {
        let mut command = Command::new("redis-server");
        command.args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--save", ""]);
        command.args(["--appendonly", "yes", "--appendfsync", "always", "--dir"]).arg(&self.folder);
        self.process = Some(command.stdout(Stdio::null()).spawn().unwrap());
        for _ in 0..200 {
            if self.store().ping().await.is_ok() {
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

    pub(crate) fn store(&self) -> RedisStore {
        RedisStore::new(&self.url()).unwrap()
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
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
    let is_free = |port: &u16| TcpProbe::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    tries.filter_map(|port| u16::try_from(port).ok()).find(is_free).unwrap()
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
