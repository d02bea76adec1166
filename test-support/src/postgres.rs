//! A real Postgres for tests. It refuses to run as root, so it runs as another user then.

use std::{
    env, fs,
    io::{BufRead as _, BufReader, ErrorKind, Write as _},
    net::{Ipv4Addr, TcpListener},
    os::unix::{
        fs::{PermissionsExt as _, chown},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

/// Where Debian puts the programs, and users that may run them.
const VERSIONS: &str = "/usr/lib/postgresql";
const USERS: [&str; 2] = ["postgres", "nobody"];

/// The authority that vouches for the certificate of a server with [`TLS`]. A client has to trust it.
pub const AUTHORITY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../auth-store/tests/integration/redis/keys/ca.pem");
const CERTIFICATE: &[u8] = include_bytes!("../../auth-store/tests/integration/redis/keys/server.cert.pem");
const KEY: &[u8] = include_bytes!("../../auth-store/tests/integration/redis/keys/server.pem");

/// Settings of a server with a certificate for 127.0.0.1 that speaks to nobody without TLS but through its Unix socket.
// Certificates are looked for in the data, and the rules where it is started.
pub const TLS: &[&str] = &["ssl=on", "ssl_cert_file=../cert.pem", "ssl_key_file=../key.pem", "hba_file=hba.conf"];
const RULES: &[u8] = b"local all all trust\nhostssl all all all trust\n";

/// Stops the server whose folder it is when the test ends, however it ends: then its standard input is closed.
const GUARD: &str = "read _; kill -QUIT $(head -n 1 \"$1/data/postmaster.pid\") 2>/dev/null
while [ -e \"$1/data/postmaster.pid\" ] && kill -0 $(head -n 1 \"$1/data/postmaster.pid\") 2>/dev/null; do sleep 0.05; done
rm -rf \"$1\"";

/// A server with the user `app`. It writes to the system before it answers, but waits for no disk.
pub struct Server {
    port: u16,
    folder: PathBuf,
    programs: PathBuf,
    /// Who runs it, if not the user of the test.
    user: Option<(u32, u32)>,
    arguments: Vec<&'static str>,
    process: Option<Child>,
    guard: Child,
}

/// A database of its own in a server that other tests use too.
pub struct Database {
    server: Arc<Server>,
    name: String,
}

impl Database {
    /// Makes one in the server that all tests of this program share. `None` if Postgres is not installed: the test says so and
    /// passes, or fails with `CI=true`.
    pub fn create() -> Option<Self> {
        static SHARED: Mutex<Option<Arc<Server>>> = Mutex::new(None);
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if shared.is_none() {
            *shared = Some(Arc::new(Server::start()?));
        }
        let server = Arc::clone(shared.as_ref()?);
        drop(shared);
        Some(Self::within(server))
    }

    fn within(server: Arc<Server>) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        server.ask("postgres", &format!("CREATE DATABASE {name}"));
        Self { server, name }
    }

    /// The URL for a client.
    pub fn url(&self) -> String {
        self.server.url(&self.name)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs a command on a connection of its own, and returns what it answers: a line for each row.
    pub fn ask(&self, sql: &str) -> String {
        self.server.ask(&self.name, sql)
    }

    /// Changes it, as in `ALTER DATABASE … SET …`, for connections that are made later.
    pub fn alter(&self, change: &str) {
        self.server.ask("postgres", &format!("ALTER DATABASE {} {change}", self.name));
    }

    /// Runs a command in a transaction that stays open until it is committed. If it is dropped, the transaction is undone.
    pub fn hold(&self, sql: &str) -> Hold {
        let mut psql = self.server.psql(&self.name);
        let mut psql = psql.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        writeln!(psql.stdin.as_mut().unwrap(), "BEGIN; {sql}; \\echo done").unwrap();
        let answer = BufReader::new(psql.stdout.take().unwrap());
        assert!(answer.lines().any(|line| line.unwrap() == "done"), "{sql}");
        Hold(psql)
    }
}

/// A transaction that is open.
pub struct Hold(Child);

impl Hold {
    /// Commits it.
    pub fn commit(mut self) {
        writeln!(self.0.stdin.as_mut().unwrap(), "COMMIT;").unwrap();
        drop(self.0.stdin.take());
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        // The end of its input ends it.
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

impl Server {
    /// Starts a server of its own, for a test that stops it.
    pub fn start() -> Option<Self> {
        Self::start_with(&[])
    }

    /// Starts a server with settings, such as `max_connections=5`.
    pub fn start_with(settings: &[&'static str]) -> Option<Self> {
        let Some(programs) = programs() else {
            let why = "Postgres is not installed (Debian: apt-get install postgresql)";
            assert!(env::var_os("CI").is_none_or(|ci| ci != "true"), "{why}");
            eprintln!("skipped: {why}");
            return None;
        };
        let port = free_port();
        let folder = env::temp_dir().join(format!("auth-postgres-{}-{port}", std::process::id()));
        let user = other_user();
        let guard = make_folder(&folder, user);
        let arguments = settings.iter().flat_map(|setting| ["-c", setting]).collect();
        for (name, content) in [("cert.pem", CERTIFICATE), ("key.pem", KEY), ("hba.conf", RULES)] {
            let file = folder.join(name);
            fs::write(&file, content).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
            if let Some((user, group)) = user {
                chown(file, Some(user), Some(group)).unwrap();
            }
        }
        let mut server = Self { port, folder, programs, user, arguments, process: None, guard };
        // To copy the data takes less than to make them.
        let data = server.folder.join("data");
        let copied = Command::new("cp").arg("-a").arg(server.template()).arg(data).status().unwrap();
        assert!(copied.success());
        server.start_again();
        Some(server)
    }

    /// The data of a new server, made once.
    fn template(&self) -> &'static Path {
        static TEMPLATE: OnceLock<(PathBuf, Child)> = OnceLock::new();
        let (folder, _) = TEMPLATE.get_or_init(|| {
            let folder = env::temp_dir().join(format!("auth-postgres-{}-template", std::process::id()));
            let guard = make_folder(&folder, self.user);
            let mut initdb = self.command("initdb");
            initdb.args(["--auth=trust", "--username=app", "--encoding=UTF8", "--locale=C", "--no-sync", "--pgdata"]);
            let made = initdb.arg(&folder).stderr(Stdio::piped()).output().unwrap();
            assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
            (folder, guard)
        });
        folder
    }

    /// Restarts it on the same port with its data, and waits until it answers.
    pub fn start_again(&mut self) {
        let mut command = self.command("postgres");
        command.arg("-D").arg(self.folder.join("data")).arg("-k").arg(&self.folder);
        command.args(["-p", &self.port.to_string(), "-c", "fsync=off", "-c", "listen_addresses=127.0.0.1"]);
        command.args(["-c", "shared_buffers=32MB", "-c", "max_connections=200"]).args(&self.arguments);
        self.process = Some(command.spawn().unwrap());
        for _ in 0..1000 {
            if self.try_ask("postgres", "SELECT 1").is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("Postgres does not answer");
    }

    /// Ends it without any order: it recovers from its log afterwards.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            signal("QUIT", process.id());
            process.wait().unwrap();
        }
    }

    /// Makes all of its processes silent. [`go_on`](Self::go_on) ends it.
    pub fn pause(&self) {
        self.processes().into_iter().for_each(|process| signal("STOP", process));
    }

    /// Lets it go on.
    pub fn go_on(&self) {
        self.processes().into_iter().for_each(|process| signal("CONT", process));
    }

    /// The URL of a database.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://app:MARKER@127.0.0.1:{}/{database}", self.port)
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Runs a command on a connection of its own, and returns what it answers: a line for each row.
    pub fn ask(&self, database: &str, sql: &str) -> String {
        self.try_ask(database, sql).unwrap()
    }

    fn try_ask(&self, database: &str, sql: &str) -> Result<String, String> {
        let done = self.psql(database).args(["-c", sql]).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if done.status.success() { Ok(text(&done.stdout)) } else { Err(text(&done.stderr)) }
    }

    fn psql(&self, database: &str) -> Command {
        let mut psql = Command::new(self.programs.join("psql"));
        psql.args(["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-U", "app", "-p", &self.port.to_string()]);
        psql.arg("-h").arg(&self.folder).args(["-d", database]);
        psql
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command.current_dir(&self.folder).env_remove("LANG").env("LC_ALL", "C");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if let Some((user, group)) = self.user {
            command.uid(user).gid(group);
        }
        command
    }

    /// The first one, which starts the others, is the first.
    fn processes(&self) -> Vec<u32> {
        let first = self.process.as_ref().unwrap().id();
        let children = fs::read_to_string(format!("/proc/{first}/task/{first}/children")).unwrap();
        std::iter::once(first).chain(children.split_whitespace().map(|id| id.parse().unwrap())).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        // The guard removes the folder.
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
    }
}

/// A folder of this user, and what removes it when the test ends.
fn make_folder(folder: &Path, user: Option<(u32, u32)>) -> Child {
    fs::create_dir_all(folder).unwrap();
    if let Some((user, group)) = user {
        chown(folder, Some(user), Some(group)).unwrap();
    }
    let mut guard = Command::new("sh");
    guard.args(["-c", GUARD, "guard"]).arg(folder).process_group(0);
    guard.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn signal(name: &str, process: u32) {
    // One that has just ended needs no signal.
    let _ = Command::new("kill").args(["-s", name, &process.to_string()]).stderr(Stdio::null()).status();
}

/// The folder with the programs of the latest version.
fn programs() -> Option<PathBuf> {
    let installed = match fs::read_dir(VERSIONS) {
        Err(error) if error.kind() == ErrorKind::NotFound => return on_the_path(),
        installed => installed.unwrap(),
    };
    let folders = installed.map(|entry| entry.unwrap().path().join("bin"));
    let version = |folder: &PathBuf| {
        folder.parent().and_then(Path::file_name).and_then(|name| name.to_str()?.parse::<u32>().ok())
    };
    folders.filter(|folder| folder.join("postgres").exists()).max_by_key(version).or_else(on_the_path)
}

fn on_the_path() -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).find(|folder| folder.join("postgres").exists())
}

/// Whom root runs it as.
fn other_user() -> Option<(u32, u32)> {
    let own = Command::new("id").arg("-u").output().unwrap().stdout;
    if own.trim_ascii() != b"0" {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let find = |name: &&str| {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2).map(|field| field.parse().unwrap());
        Some((fields.next()?, fields.next()?))
    };
    Some(USERS.iter().find_map(find).expect("a user that is not root"))
}

/// A port that stays free while the server is down: other tests don't use it, and connections have higher ports.
fn free_port() -> u16 {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let first = std::process::id().wrapping_mul(61);
    let tries = (0..2_000).map(|_| 18_000 + first.wrapping_add(COUNT.fetch_add(1, Ordering::Relaxed)) % 2_000);
    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    tries.filter_map(|port| u16::try_from(port).ok()).find(is_free).unwrap()
}
