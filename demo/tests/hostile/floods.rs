//! A hundred sockets that keep the server busy with little effort.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::{sleep, timeout},
};

use crate::{program::*, raw::*, socket::Socket, usage::memory};

const EACH: usize = 34;
const FOR: Duration = Duration::from_secs(3);
const PATIENCE: Duration = Duration::from_secs(5);

/// The pause between a hundred pings and the next, and between two sockets: the clients run on the same machine.
const PAUSE: Duration = Duration::from_millis(20);

/// The memory that the program may use for all of them, in KiB.
const MORE_MEMORY: u64 = 32 * 1024;

/// Sends pings over an open socket as long as the server takes them, and never reads a pong.
async fn ping_and_never_read(addr: SocketAddr) {
    let (mut stream, status) = handshake(Ipv4Addr::LOCALHOST, addr, "/ws", Some(&token(GUEST))).await;
    assert_eq!(status, 101);
    let pings = ping(&[b'x'; 100]).repeat(100);
    while stream.write_all(&pings).await.is_ok() {
        sleep(PAUSE).await;
    }
}

/// Sends pings before it authenticates, and starts again each time it is cut off.
async fn ping_before_saying_who(addr: SocketAddr) {
    loop {
        let (mut stream, status) = handshake(Ipv4Addr::new(127, 0, 0, 2), addr, "/ws-first-message", None).await;
        assert_eq!(status, 101);
        let pings = ping(b"").repeat(17);
        let _ = stream.write_all(&pings).await;
        let mut rest = Vec::new();
        let _ = timeout(PATIENCE, stream.read_to_end(&mut rest)).await.expect("the server never stopped it");
        sleep(PAUSE).await;
    }
}

/// Authenticates byte by byte, then continues like that.
async fn dribble(addr: SocketAddr) {
    let (mut stream, status) = handshake(Ipv4Addr::new(127, 0, 0, 3), addr, "/ws-first-message", None).await;
    assert_eq!(status, 101);
    let first = text(&format!(r#"{{"type":"auth","scheme":"bearer","credentials":"{}"}}"#, token(GUEST)));
    for byte in first {
        stream.write_all(&[byte]).await.unwrap();
        sleep(Duration::from_millis(2)).await;
    }
    let mut answer = [0; 2 + 17];
    timeout(PATIENCE, stream.read_exact(&mut answer)).await.expect("the first message is not accepted").unwrap();
    assert!(answer.ends_with(br#"{"type":"auth_ok""#), "{:?}", String::from_utf8_lossy(&answer));
    for byte in text(&"x".repeat(16_000)) {
        stream.write_all(&[byte]).await.unwrap();
        sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn floods_from_a_hundred_sockets_leave_an_honest_client_served() {
    let program = Program::start(&[]);
    let addr = program.addr;
    let mut honest = Socket::open(addr, &token(ADMIN)).await.unwrap();
    assert!(honest.echoes().await);
    let before = memory(&program);
    let mut hostile = tokio::task::JoinSet::new();
    for _ in 0..EACH {
        hostile.spawn(ping_and_never_read(addr));
        hostile.spawn(ping_before_saying_who(addr));
        hostile.spawn(dribble(addr));
    }
    let (begun, mut echoes, mut slowest) = (Instant::now(), 0, Duration::ZERO);
    while begun.elapsed() < FOR {
        let asked = Instant::now();
        assert!(timeout(PATIENCE, honest.echoes()).await.expect("an honest client is not served"));
        let opened = timeout(PATIENCE, Socket::open(addr, &token(ADMIN))).await.expect("no socket opens");
        assert!(opened.unwrap().echoes().await);
        (echoes, slowest) = (echoes + 1, slowest.max(asked.elapsed()));
        if let Some(ended) = hostile.try_join_next() {
            ended.expect("a hostile client ended in an unexpected way");
        }
    }
    let after = memory(&program);
    eprintln!("{echoes} times served, the slowest took {slowest:?}; memory from {before} KiB to {after} KiB");
    assert!(after < before + MORE_MEMORY, "from {before} KiB to {after} KiB");
    hostile.abort_all();
}
