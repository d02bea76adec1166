//! Peers that do not do their part when a socket is closed.

use std::{
    net::Ipv4Addr,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::{sleep, timeout},
};

use crate::{program::*, raw::*, usage::files};

/// The two seconds that a peer has, and what a busy machine adds.
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
    timeout(AT_MOST, stream.read_to_end(&mut rest)).await.expect("the server holds on").unwrap();
    let took = asked.elapsed();
    // One close frame with 4403, and then the end.
    assert_eq!(rest, [&[0x88, 9], 4403_u16.to_be_bytes().as_slice(), b"revoked"].concat());
    eprintln!("let go of after {took:?}");
    assert!(took > Duration::from_secs(1), "it had no time to answer: {took:?}");
}

#[tokio::test]
async fn peer_that_never_reads_is_dropped_after_two_seconds() {
    let program = Program::start(&[]);
    let token = token(ADMIN);
    let (mut stream, status) = handshake(Ipv4Addr::LOCALHOST, program.addr, "/ws", Some(&token)).await;
    assert_eq!(status, 101);
    // It sends until the server, whose echoes it does not read, reads no more either.
    let message = text(&"x".repeat(60_000));
    while timeout(Duration::from_millis(500), stream.write_all(&message)).await.is_ok() {}
    // The log-out has a connection of its own, which is gone soon.
    let open = files(&program);
    assert_eq!(log_out(program.addr, &token).await.status, 200);
    let asked = Instant::now();
    while files(&program) >= open {
        assert!(asked.elapsed() < AT_MOST, "the server holds on");
        sleep(Duration::from_millis(10)).await;
    }
    eprintln!("let go of after {:?}", asked.elapsed());
    drop(stream);
}
