//! A demo that runs as a program, and requests to it.

use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    process::{Child, ChildStdout, Command, Stdio},
    sync::LazyLock,
    time::{Duration, Instant},
};

use demo::{Settings, sign};
use reqwest::{Client, Method};

pub(crate) const ADMIN: &str = "1001";
pub(crate) const GUEST: &str = "1003";

/// Keeps no connections, because each test has its own runtime.
static HTTP: LazyLock<Client> = LazyLock::new(|| {
    Client::builder().no_proxy().pool_max_idle_per_host(0).timeout(Duration::from_secs(30)).build().unwrap()
});

/// A token of this user with its own id, valid for 15 minutes.
pub(crate) fn token(user: &str) -> String {
    sign(&Settings::new("secret"), user, Duration::from_secs(900)).unwrap().expose().to_owned()
}

pub(crate) fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

/// The program on a free port. It ends with the test.
pub(crate) struct Program {
    pub(crate) addr: SocketAddr,
    child: Child,
    /// Kept open, so that the program never gets a broken pipe.
    _stdout: BufReader<ChildStdout>,
}

impl Program {
    pub(crate) fn start(args: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_demo"));
        command.env_remove("SECRET").env_remove("REDIS").env_remove("RUST_LOG").args(["--port", "0"]).args(args);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let addr = loop {
            let mut line = String::new();
            assert!(stdout.read_line(&mut line).unwrap() > 0, "the program ended");
            if let Some(url) = line.split_whitespace().find_map(|word| word.strip_prefix("http://")) {
                break url.trim_end_matches('/').parse().unwrap();
            }
        };
        Self { addr, child, _stdout: stdout }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An answer over HTTP.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) says_when_to_retry: bool,
    pub(crate) body: String,
    pub(crate) took: Duration,
}

pub(crate) async fn me(addr: SocketAddr, token: &str) -> Answer {
    ask(addr, Method::GET, "/api/me", token).await
}

pub(crate) async fn log_out(addr: SocketAddr, token: &str) -> Answer {
    ask(addr, Method::POST, "/api/logout", token).await
}

/// A ticket, or the answer that refuses one.
pub(crate) async fn ticket(addr: SocketAddr, token: &str) -> Result<String, Answer> {
    let answer = ask(addr, Method::POST, "/api/ws-ticket", token).await;
    if answer.status != 200 {
        return Err(answer);
    }
    let body: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    Ok(body.get("ticket").unwrap().as_str().unwrap().to_owned())
}

pub(crate) async fn ask(addr: SocketAddr, method: Method, path: &str, token: &str) -> Answer {
    let begun = Instant::now();
    let request = HTTP.request(method, format!("http://{addr}{path}")).header("authorization", bearer(token));
    let response = request.send().await.unwrap();
    let (status, retry) = (response.status().as_u16(), response.headers().contains_key("retry-after"));
    let body = response.text().await.unwrap();
    Answer { status, says_when_to_retry: retry, body, took: begun.elapsed() }
}
