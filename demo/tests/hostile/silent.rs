//! Sockets from a hundred addresses that never authenticate.

use std::{
    env,
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::{StreamExt as _, stream};
use tokio::{net::TcpStream, time::sleep};

use crate::{program::*, raw::handshake, socket::Socket, usage::*};

/// The defaults, which the demo does not change.
const PER_ADDRESS: usize = 50;
const IN_ALL: usize = 1000;
const ADDRESSES: u8 = 100;
const SOCKETS: usize = PER_ADDRESS * ADDRESSES as usize;

/// The memory that the program may use for a connection, in KiB. Most of it is hyper's buffer and future, as for a plain
/// request.
const EACH: u64 = 32;

/// How long the program may take to recover.
const RECOVERY: Duration = Duration::from_secs(5);

fn address(n: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 0, n)
}

/// Opens this many sockets from each address. Returns the open and the refused ones.
async fn open(program: &Program, from: impl Iterator<Item = Ipv4Addr>) -> (Vec<TcpStream>, Vec<TcpStream>) {
    let asked = from.map(|from| async move {
        let (stream, status) = handshake(from, program.addr, "/ws-first-message", None).await;
        (stream, status)
    });
    let mut asked = stream::iter(asked).buffer_unordered(64);
    let (mut open, mut refused) = (Vec::new(), Vec::new());
    while let Some((stream, status)) = asked.next().await {
        match status {
            101 => open.push(stream),
            429 => refused.push(stream),
            other => panic!("{other}"),
        }
    }
    (open, refused)
}

/// All clients connect, hit the limits and disconnect. Returns the memory of the program while they are connected.
async fn wave(program: &Program) -> u64 {
    let files_before = files(program);
    // One address, with twice its limit.
    let (first, refused) = open(program, std::iter::repeat_n(address(2), 2 * PER_ADDRESS)).await;
    assert_eq!((first.len(), refused.len()), (PER_ADDRESS, PER_ADDRESS), "of one address");
    // All other addresses, each with its limit.
    let begun = Instant::now();
    let from = (0..SOCKETS - PER_ADDRESS).map(|n| address(3 + u8::try_from(n % (usize::from(ADDRESSES) - 1)).unwrap()));
    let (rest, refused_too) = open(program, from).await;
    let took = begun.elapsed();
    let opened = first.len() + rest.len();
    assert!(opened >= IN_ALL, "{opened} only");
    // One more displaces another, which is closed soon after. Refused clients stay connected over HTTP.
    let most = files_before + IN_ALL + refused.len() + refused_too.len() + 20;
    let settled = Instant::now();
    while files(program) > most {
        assert!(settled.elapsed() < RECOVERY, "more than {IN_ALL} at a time: {} files", files(program));
        sleep(Duration::from_millis(10)).await;
    }
    let held = memory(program);
    eprintln!("{opened} opened, {} refused in {took:?}; {} files", refused_too.len(), files(program));

    drop((first, refused, rest, refused_too));
    let gone = Instant::now();
    while handshake(address(2), program.addr, "/ws-first-message", None).await.1 != 101 {
        assert!(gone.elapsed() < RECOVERY, "the program does not recover");
        sleep(Duration::from_millis(10)).await;
    }
    eprintln!("a new one was accepted {:?} after they had gone", gone.elapsed());
    while files(program) > files_before + 20 {
        assert!(gone.elapsed() < RECOVERY, "connections are left: {}", files(program));
        sleep(Duration::from_millis(10)).await;
    }
    held
}

/// Opens sockets with a good credential on both routes, again and again.
async fn honest(addr: std::net::SocketAddr, over: Arc<AtomicBool>) -> (usize, Duration) {
    let (token, mut count, mut slowest) = (token(ADMIN), 0, Duration::ZERO);
    while !over.load(Ordering::SeqCst) {
        for path in ["/ws", "/ws-first-message"] {
            let begun = Instant::now();
            let mut socket = Socket::open_at(addr, path, Some(&token)).await.expect("a good credential opens a socket");
            assert!(socket.echoes().await);
            (count, slowest) = (count + 1, slowest.max(begun.elapsed()));
        }
        sleep(Duration::from_millis(10)).await;
    }
    (count, slowest)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_thousand_silent_sockets_stay_within_limits() {
    if max_files() < SOCKETS as u64 + 500 {
        let why = "a process may not open enough connections (ulimit -n 8192)";
        assert!(env::var_os("CI").is_none_or(|ci| ci != "true"), "{why}");
        eprintln!("skipped: {why}");
        return;
    }
    let program = Program::start(&[]);
    let over = Arc::new(AtomicBool::new(false));
    let others = tokio::spawn(honest(program.addr, Arc::clone(&over)));
    sleep(Duration::from_millis(200)).await;
    let before = memory(&program);

    // Twice, to see that the memory of the first round is reused.
    let first = wave(&program).await;
    let second = wave(&program).await;
    eprintln!("memory in KiB: {before} before, {first} and {second} with all of them");
    assert!(first < before + EACH * SOCKETS as u64, "from {before} KiB to {first} KiB");
    // The allocator decides what it returns, so the numbers differ.
    assert!(second < first + first / 2, "memory grows: {first} KiB, {second} KiB");

    over.store(true, Ordering::SeqCst);
    let (count, slowest) = others.await.unwrap();
    eprintln!("{count} with a good credential were accepted meanwhile, the slowest after {slowest:?}");
    assert!(count > 0);
}
