//! The server process from outside: memory, descriptors, and its report on the registries.

use std::{fs, io, net::SocketAddr, process::Stdio};

use auth_core::BoxError;
use serde::Deserialize;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

#[derive(Debug)]
pub(crate) struct Watched {
    // Killed when this is dropped.
    _process: Child,
    pid: u32,
    questions: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    pub(crate) addr: SocketAddr,
}

/// One look.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    /// The resident memory, in KiB.
    pub(crate) memory: u64,
    pub(crate) descriptors: usize,
    pub(crate) registries: Registries,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Registries {
    pub(crate) connections: usize,
    pub(crate) pending: usize,
    entries: Vec<usize>,
    pub(crate) transports: usize,
    transport_entries: Vec<usize>,
}

impl Registries {
    /// The total of all registries.
    pub(crate) fn left(&self) -> usize {
        let tables: usize = self.entries.iter().chain(&self.transport_entries).sum();
        self.connections + self.pending + self.transports + tables
    }
}

impl Watched {
    pub(crate) async fn start(pending: usize) -> Result<Self, BoxError> {
        let mut process = Command::new(std::env::current_exe()?)
            .args(["serve", "--pending", &pending.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let pid = process.id().ok_or("the server ended at once")?;
        let questions = process.stdin.take().ok_or("the server has no standard input")?;
        let answers = process.stdout.take().ok_or("the server has no standard output")?;
        let mut answers = BufReader::new(answers).lines();
        let addr = answers.next_line().await?.ok_or("the server printed no address")?.parse()?;
        Ok(Self { _process: process, pid, questions, answers, addr })
    }

    pub(crate) async fn sample(&mut self) -> Result<Sample, BoxError> {
        self.questions.write_all(b"status\n").await?;
        let answer = self.answers.next_line().await?.ok_or("the server has ended")?;
        Ok(Sample {
            memory: self.memory()?,
            descriptors: fs::read_dir(format!("/proc/{}/fd", self.pid))?.count(),
            registries: serde_json::from_str(&answer)?,
        })
    }

    pub(crate) async fn revoke(&mut self, user: &str) -> io::Result<()> {
        self.questions.write_all(format!("revoke {user}\n").as_bytes()).await
    }

    fn memory(&self) -> Result<u64, BoxError> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS: Linux only")?;
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    }
}
