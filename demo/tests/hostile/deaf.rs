//! Peers that do not cooperate when a socket is closed.

use std::{
    net::Ipv4Addr,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::{sleep, timeout},
};

use crate::{program::*, raw::*, usage::files};

/// The two seconds that a peer has, plus the delay of a busy machine.
const AT_MOST: Duration = Duration::from_secs(5);

#[tokio::test]
async fn peer_that_ignores_a_close_is_dropped_after_two_seconds() {
    let program = Program::start(&[]);
    let token = token(ADMIN);
    let (mut stream, status) = handshake(Ipv4Addr::LOCALHOST, program.addr, "/ws", Some(&token)).await;
    assert_eq!(status, 101);
    assert_eq!(log_out(program.addr, &token).await.status, 200);
    let asked = Instant::now();
    let mut rest = Vec::new();
    timeout(AT_MOST, stream.read_to_end(&mut rest)).await.expect("the server never dropped it").unwrap();
    let took = asked.elapsed();
    // One close frame with 4403, then the end.
    assert_eq!(rest, [&[0x88, 9], 4403_u16.to_be_bytes().as_slice(), b"revoked"].concat());
    eprintln!("dropped after {took:?}");
    assert!(took > Duration::from_secs(1), "the peer had no time to answer: {took:?}");
}

#[tokio::test]
async fn peer_that_never_reads_is_dropped_after_two_seconds() {
    let program = Program::start(&[]);
    let token = token(ADMIN);
    let (mut stream, status) = handshake(Ipv4Addr::LOCALHOST, program.addr, "/ws", Some(&token)).await;
    assert_eq!(status, 101);
    // The client does not read the echoes. It sends until the server stops reading.
    let message = text(&"x".repeat(60_000));
    while timeout(Duration::from_millis(500), stream.write_all(&message)).await.is_ok() {}
    // The logout uses another connection, which ends soon.
    let open = files(&program);
    assert_eq!(log_out(program.addr, &token).await.status, 200);
    let asked = Instant::now();
    while files(&program) >= open {
        assert!(asked.elapsed() < AT_MOST, "the server never dropped it");
        sleep(Duration::from_millis(10)).await;
    }
    eprintln!("dropped after {:?}", asked.elapsed());
    drop(stream);
}
