//! The program itself.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    process::{Child, Command, Output, Stdio},
};

use futures_util::StreamExt as _;
use tokio_tungstenite::{
    connect_async,
    tungstenite::{Message, client::IntoClientRequest as _},
};

pub(crate) fn demo() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_demo"));
    command.env_remove("PORT").env_remove("SECRET").env_remove("DB").env_remove("RUST_LOG");
    command
}

pub(crate) fn output(command: &mut Command) -> Output {
    command.stdin(Stdio::null()).output().unwrap()
}

/// A running program. It ends with the test.
pub(crate) struct Running {
    child: Child,
    url: String,
    hints: String,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut hints = String::new();
        while !hints.contains("Ctrl-C") {
            hints += &lines.next().expect("the program ended").unwrap();
            hints.push('\n');
        }
        let url = hints.split_whitespace().find(|word| word.starts_with("http://")).unwrap().to_owned();
        Self { child, url, hints }
    }

    /// The address of a route.
    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    fn terminate(&self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn program_starts_with_defaults_and_prints_commands_to_paste() {
    let program = Running::start(demo().args(["--port", "0"]));
    for hint in ["curl -i", "Bearer a.b.c", "-u admin:password", "/api/token", "ws://127.0.0.1:"] {
        assert!(program.hints.contains(hint), "{hint}");
    }
    // The printed token is valid.
    let token = program.hints.split("Bearer ey").nth(1).unwrap().split('\'').next().unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client.get(format!("{}api/me", program.url)).header("authorization", format!("Bearer ey{token}"));
    assert_eq!(request.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn port_and_secret_come_from_the_environment_with_a_warning() {
    let mut program = Running::start(demo().env("PORT", "0").env("SECRET", "another secret"));
    let token = output(demo().env("SECRET", "another secret").args(["token", "--sub", "1001", "--ttl", "60"]));
    let token = String::from_utf8(token.stdout).unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let me = format!("{}api/me", program.url);
    let ask = |token: &str| client.get(&me).header("authorization", format!("Bearer {}", token.trim())).send();
    assert_eq!(ask(&token).await.unwrap().status(), 200);
    assert_eq!(ask(demo::TUTORIAL_TOKEN).await.unwrap().status(), 401);
    program.terminate();
    assert!(program.child.wait().unwrap().success());
    let mut log = String::new();
    program.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    assert!(log.contains("without `exp`") && log.contains("SECRET"), "{log}");
    assert!(!log.contains("another secret"));
}

#[test]
fn port_that_is_taken_is_a_clear_error() {
    let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = holder.local_addr().unwrap().port().to_string();
    let refused = output(demo().args(["--port", &port]));
    let error = String::from_utf8(refused.stderr).unwrap();
    assert!(!refused.status.success());
    assert!(error.contains(&port) && error.contains("choose another with PORT"), "{error}");
}

#[test]
fn empty_secret_is_a_clear_error() {
    let refused = output(demo().env("SECRET", "").args(["--port", "0"]));
    assert!(!refused.status.success());
    assert!(String::from_utf8(refused.stderr).unwrap().contains("secret"));
}

#[tokio::test]
async fn sigterm_closes_sockets_with_1012_and_ends_the_program() {
    let mut program = Running::start(demo().args(["--port", "0"]));
    let mut request = program.url.replace("http://", "ws://");
    request.push_str("ws");
    let mut request = request.into_client_request().unwrap();
    request.headers_mut().insert("authorization", crate::support::BASIC.parse().unwrap());
    let (mut socket, _) = connect_async(request).await.unwrap();
    program.terminate();
    match socket.next().await {
        Some(Ok(Message::Close(Some(frame)))) => assert_eq!(u16::from(frame.code), 1012),
        other => panic!("no close came: {other:?}"),
    }
    drop(socket);
    assert!(program.child.wait().unwrap().success());
}
