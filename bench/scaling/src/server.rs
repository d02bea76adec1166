//! Redis servers of our own, without persistence, and what they say about themselves.

use std::{
    collections::BTreeMap,
    env, fs,
    net::{Ipv4Addr, TcpListener},
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use redis::{Client, Connection, FromRedisValue};

use crate::{Result, usage};

pub struct Server {
    port: u16,
    folder: PathBuf,
    arguments: Vec<String>,
    process: Option<Child>,
}

impl Server {
    pub fn start() -> Result<Self> {
        Self::start_with(free_port()?, &[])
    }

    pub fn start_with(port: u16, arguments: &[&str]) -> Result<Self> {
        let folder = env::temp_dir().join(format!("scaling-{}-{port}", std::process::id()));
        fs::create_dir_all(&folder)?;
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let mut server = Self { port, folder, arguments, process: None };
        server.start_again()?;
        Ok(server)
    }

    /// Starts it on the same port, and waits until it answers.
    pub fn start_again(&mut self) -> Result<()> {
        let mut command = Command::new("redis-server");
        command.args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
        command.args(["--maxclients", "2000", "--dir"]).arg(&self.folder).args(&self.arguments);
        self.process = Some(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?);
        let begun = Instant::now();
        while self.ask::<String>(&["PING"]).is_err() {
            if begun.elapsed() > Duration::from_secs(10) {
                return Err("redis-server does not answer".into());
            }
            sleep(Duration::from_millis(2));
        }
        Ok(())
    }

    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn connect(&self) -> Result<Connection> {
        Ok(Client::open(self.url())?.get_connection()?)
    }

    pub fn ask<T: FromRedisValue>(&self, words: &[&str]) -> Result<T> {
        let mut command = redis::Cmd::new();
        command.arg(words);
        Ok(command.query(&mut self.connect()?)?)
    }

    /// What it has done since it started.
    pub fn snapshot(&self) -> Result<Snapshot> {
        let info: String = self.ask(&["INFO", "everything"])?;
        let mut snapshot = Snapshot::default();
        for line in info.lines() {
            let Some((name, value)) = line.split_once(':') else { continue };
            if let Some(command) = name.strip_prefix("cmdstat_") {
                let field = |name: &str| value.split(',').find_map(|pair| pair.strip_prefix(name)?.parse::<f64>().ok());
                let counts = (field("calls=").unwrap_or_default(), field("usec=").unwrap_or_default());
                snapshot.commands.insert(command.to_owned(), counts);
            } else if let Ok(number) = value.parse() {
                snapshot.numbers.insert(name.to_owned(), number);
            }
        }
        let pid = self.process.as_ref().ok_or("it is not running")?.id();
        snapshot.numbers.insert("resident".to_owned(), usage::resident(pid)? as f64);
        Ok(snapshot)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The counters of a server at an instant, or the difference of two of these.
#[derive(Clone, Default)]
pub struct Snapshot {
    numbers: BTreeMap<String, f64>,
    /// Calls and microseconds.
    pub commands: BTreeMap<String, (f64, f64)>,
}

impl Snapshot {
    /// What has happened since `before`.
    pub fn since(&self, before: &Self) -> Self {
        let numbers = self.numbers.iter().map(|(name, now)| (name.clone(), now - before.number(name))).collect();
        let commands =
            self.commands.iter().filter(|(name, _)| !["info", "ping", "client|setinfo"].contains(&name.as_str()));
        let commands = commands.map(|(name, (calls, micros))| {
            let (calls_before, micros_before) = before.commands.get(name).copied().unwrap_or_default();
            (name.clone(), (calls - calls_before, micros - micros_before))
        });
        Self { numbers, commands: commands.filter(|(_, (calls, _))| *calls > 0.0).collect() }
    }

    pub fn number(&self, name: &str) -> f64 {
        self.numbers.get(name).copied().unwrap_or_default()
    }

    /// User and system, in seconds.
    pub fn cpu(&self) -> f64 {
        self.number("used_cpu_user") + self.number("used_cpu_sys")
    }

    pub fn bytes_in(&self) -> f64 {
        self.number("total_net_input_bytes")
    }

    pub fn bytes_out(&self) -> f64 {
        self.number("total_net_output_bytes")
    }
}

/// Redis of a cluster adds 10,000 for its bus; both must be free.
pub fn free_port() -> Result<u16> {
    let first = 15_000 + u16::try_from(std::process::id() % 5_000)?;
    let is_free = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
    let used = |port: &u16| !is_free(*port) || !is_free(*port + 10_000);
    (first..first + 5_000).find(|port| !used(port)).ok_or_else(|| "no free port".into())
}
