//! The first program of the README, built and run as a newcomer does it: in a folder of its own, with its own manifest.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::{
    env, fs,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command},
    thread,
    time::{Duration, Instant},
};

const README: &str = include_str!("../../../README.md");
/// How long a start may take on a machine that is busy with other builds.
const PATIENCE: Duration = Duration::from_secs(60);

/// The first fenced block after these words.
fn block_after(words: &str) -> &'static str {
    let (_, rest) = README.split_once(words).unwrap_or_else(|| panic!("the README lacks {words:?}"));
    let (_, rest) = rest.split_once("```").unwrap();
    let (_, rest) = rest.split_once('\n').unwrap();
    rest.split_once("```").unwrap().0
}

#[test]
fn readme_and_documentation_show_the_same_program() {
    let program = block_after("`src/main.rs`");
    assert_eq!(program, include_str!("../../src/docs/hello.rs"));
    assert_eq!(block_after("`examples/token.rs`"), include_str!("../../src/docs/token.rs"));
    assert!(include_str!("../../README.md").contains(program));
    assert!(program.lines().count() <= 25, "it is a first program");
}

#[test]
fn first_program_answers_200_with_a_token_and_401_without() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("hello");
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    write_program(&folder, port);
    let target = build(&folder);

    let secret = "a secret of at least thirty-two bytes";
    assert!(README.contains(&format!("export SECRET=\"{secret}\"")));
    let server = Command::new(target.join("debug/hello")).env("SECRET", secret).spawn().unwrap();
    let _server = Running(server);
    let token = Command::new(target.join("debug/examples/token")).env("SECRET", secret).output().unwrap();
    let token = String::from_utf8(token.stdout).unwrap();

    let answer = get(port, &format!("Authorization: Bearer {}\r\n", token.trim()));
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.ends_with("Hello, Ann!\n"), "{answer}");
    let answer = get(port, "");
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    assert!(answer.contains("www-authenticate: Bearer"), "{answer}");
}

/// What the README shows, but for the port and the path of the crate, which are those of this machine.
fn write_program(folder: &Path, port: u16) {
    let crate_path = format!("path = {:?}", env!("CARGO_MANIFEST_DIR"));
    let manifest = replaced(block_after("`Cargo.toml`"), "path = \"../portcullis/portcullis\"", &crate_path);
    let program = replaced(block_after("`src/main.rs`"), "127.0.0.1:3000", &format!("127.0.0.1:{port}"));
    fs::create_dir_all(folder.join("src")).unwrap();
    fs::create_dir_all(folder.join("examples")).unwrap();
    // A folder of the workspace lies around it here.
    fs::write(folder.join("Cargo.toml"), manifest + "\n[workspace]\n").unwrap();
    fs::write(folder.join("src/main.rs"), program).unwrap();
    fs::write(folder.join("examples/token.rs"), block_after("`examples/token.rs`")).unwrap();
    // The versions that are here already.
    fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.lock"), folder.join("Cargo.lock")).unwrap();
}

fn replaced(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{text}");
    text.replace(from, to)
}

/// Builds it with the settings of the workspace, so that most dependencies are built already: those of its manifest, unless the
/// environment has others, as in CI. Gives the target folder.
fn build(folder: &Path) -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().to_owned();
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--offline", "--bins", "--examples", "--target-dir"])
        .arg(&target)
        .env("CARGO_PROFILE_DEV_DEBUG", env::var("CARGO_PROFILE_DEV_DEBUG").as_deref().unwrap_or("line-tables-only"))
        .current_dir(folder)
        .status();
    assert!(built.unwrap().success());
    target
}

fn get(port: u16, header: &str) -> String {
    let mut stream = connect(port);
    write!(stream, "GET /hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{header}\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn connect(port: u16) -> TcpStream {
    let began = Instant::now();
    loop {
        match TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))) {
            Ok(stream) => return stream,
            Err(_) if began.elapsed() < PATIENCE => thread::sleep(Duration::from_millis(20)),
            Err(error) => panic!("the program does not listen: {error}"),
        }
    }
}

/// A program that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
