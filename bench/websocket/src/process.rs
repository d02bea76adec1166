use std::{
    env, fs,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
};

use floors::Key;

use crate::Failure;

/// A server in a process of its own, on CPU 0. It ends when its standard input closes.
pub struct Server {
    process: Child,
    addr: SocketAddr,
}

impl Server {
    pub fn start(kind: &str, key: &Key) -> Result<Self, Failure> {
        let mut process = Command::new("taskset")
            .args(["-c", "0"])
            .arg(env::current_exe()?)
            .args(["serve", kind])
            .env("SECRET", str::from_utf8(key.secret())?)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(process.stdout.take().ok_or("no standard output")?).read_line(&mut line)?;
        Ok(Self { process, addr: line.trim().parse()? })
    }

    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The resident memory, in bytes.
    pub fn memory(&self) -> Result<u64, Failure> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
        Ok(line.split_whitespace().next().ok_or("no VmRSS")?.parse::<u64>()? * 1024)
    }

    /// CPU time so far, in nanoseconds, of all threads.
    pub fn cpu_nanos(&self) -> Result<u64, Failure> {
        let mut nanos = 0;
        for thread in fs::read_dir(format!("/proc/{}/task", self.process.id()))? {
            let text = fs::read_to_string(thread?.path().join("schedstat"))?;
            nanos += text.split_whitespace().next().ok_or("no time")?.parse::<u64>()?;
        }
        Ok(nanos)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}
