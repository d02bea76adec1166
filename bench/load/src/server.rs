use std::{
    env, fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    process::{Child, Command, Stdio},
    time::Duration,
};

use crate::{client::Failure, issuer::Issuer, keys::Keys, sides::Side};

/// A server in a process of its own, on CPU 0. It ends when its standard input closes.
pub struct Server {
    process: Child,
    addr: SocketAddr,
}

impl Server {
    /// `None` if the program was not built.
    pub fn start(side: &Side, keys: &Keys, issuer: &Issuer) -> Result<Option<Self>, Failure> {
        let program = env::current_exe()?.with_file_name(side.program);
        if !program.exists() {
            eprintln!("{} is left out: {} was not built", side.name, side.program);
            return Ok(None);
        }
        let mut process = Command::new("taskset")
            .args(["-c", "0"])
            .arg(program)
            .envs(side.environment.iter().copied())
            .env("KEYS", keys.folder())
            .env("JWKS_URL", issuer.jwks_url())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let stdout = process.stdout.take().ok_or("no standard output")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let addr = line.trim().parse().map_err(|_| format!("{} did not start", side.name))?;
        Ok(Some(Self { process, addr }))
    }

    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// A good token must get the user's JSON. A server that checks tokens must answer each bad one with 401, except for what
    /// the side is known not to check.
    pub fn check(&self, side: &Side, keys: &Keys) -> Result<(), Failure> {
        let good = self.get(keys.tokens(side.alg).first().ok_or("no token")?)?;
        if !good.starts_with("HTTP/1.1 200") || !good.contains(r#"{"id":"100"#) {
            return Err(format!("{} answers a good token with: {good}", side.name).into());
        }
        let Some(algorithm) = side.alg else { return Ok(()) };
        for (what, token) in keys.bad_tokens(algorithm) {
            let answer = self.get(token)?;
            if !answer.starts_with("HTTP/1.1 401") && !side.unchecked.contains(what) {
                return Err(format!("{} answers a bad {what} with: {answer}", side.name).into());
            }
        }
        Ok(())
    }

    fn get(&self, token: &str) -> Result<String, Failure> {
        let mut stream = TcpStream::connect(self.addr)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        write!(
            stream,
            "GET /me HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n"
        )?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        Ok(text)
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
