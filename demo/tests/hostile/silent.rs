//! Sockets that never say who they are, from a hundred addresses.

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

/// What the demo leaves at the default.
const PER_ADDRESS: usize = 50;
const IN_ALL: usize = 1000;
const ADDRESSES: u8 = 100;
const SOCKETS: usize = PER_ADDRESS * ADDRESSES as usize;

/// What the program may need for a connection, in KiB: most of it is the buffer and the future of hyper, which a plain
/// request has too.
const EACH: u64 = 32;

/// How long it may take until it is as if nothing had been.
const RECOVERY: Duration = Duration::from_secs(5);

fn address(n: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 0, n)
}

/// Opens so many sockets from each address, and gives those that are open and those that were refused.
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

/// All of them come, are held to the limits, and go again. Gives the memory of the program while they are there.
async fn wave(program: &Program) -> u64 {
    let files_before = files(program);
    // One address, with twice as many as it may.
    let (first, refused) = open(program, std::iter::repeat_n(address(2), 2 * PER_ADDRESS)).await;
    assert_eq!((first.len(), refused.len()), (PER_ADDRESS, PER_ADDRESS), "of one address");
    // All the others, each with as many as it may.
    let begun = Instant::now();
    let from = (0..SOCKETS - PER_ADDRESS).map(|n| address(3 + u8::try_from(n % (usize::from(ADDRESSES) - 1)).unwrap()));
    let (rest, refused_too) = open(program, from).await;
    let took = begun.elapsed();
    let opened = first.len() + rest.len();
    assert!(opened >= IN_ALL, "{opened} only");
    // One more takes the place of another, which is closed soon after. Those that were refused stay connected over HTTP.
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
        assert!(gone.elapsed() < RECOVERY, "it does not recover");
        sleep(Duration::from_millis(10)).await;
    }
    eprintln!("a new one was let in {:?} after they had gone", gone.elapsed());
    while files(program) > files_before + 20 {
        assert!(gone.elapsed() < RECOVERY, "connections are left: {}", files(program));
        sleep(Duration::from_millis(10)).await;
    }
    held
}

/// Lets one with a good credential in, again and again, on both routes.
async fn honest(addr: std::net::SocketAddr, over: Arc<AtomicBool>) -> (usize, Duration) {
    let (token, mut count, mut slowest) = (token(ADMIN), 0, Duration::ZERO);
    while !over.load(Ordering::SeqCst) {
        for path in ["/ws", "/ws-first-message"] {
            let begun = Instant::now();
            let mut socket = Socket::open_at(addr, path, Some(&token)).await.expect("one with a good credential");
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

    // Twice, to see that what the first have cost is used again.
    let first = wave(&program).await;
    let second = wave(&program).await;
    eprintln!("memory in KiB: {before} before, {first} and {second} with all of them");
    assert!(first < before + EACH * SOCKETS as u64, "from {before} KiB to {first} KiB");
    // The allocator gives back what it likes, so it is not the same.
    assert!(second < first + first / 2, "it grows: {first} KiB, {second} KiB");

    over.store(true, Ordering::SeqCst);
    let (count, slowest) = others.await.unwrap();
    eprintln!("{count} with a good credential were let in all the while, the slowest after {slowest:?}");
    assert!(count > 0);
}
