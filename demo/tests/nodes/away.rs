//! One node revokes while the other cannot reach Redis.

use std::time::{Duration, Instant};

use test_support::redis::Server;

use crate::{
    line::{Line, State},
    program::*,
    socket::*,
};

/// How long a node may take, after its line is back, to enforce the revocations that it missed.
const AT_MOST: Duration = Duration::from_secs(30);

async fn what_was_revoked_meanwhile_is_enforced(while_away: State) {
    let Some(redis) = Server::start().await else { return };
    let url = redis.url();
    let line = Line::to(&redis, State::Flows).await;
    let near = Program::start(&["--redis", &url]);
    let far = Program::start(&["--redis", &line.url()]);
    let (revoked_one, guest) = (token(ADMIN), token(GUEST));
    let mut sockets =
        [Socket::open(far.addr, &revoked_one).await.unwrap(), Socket::socket_io(far.addr, &revoked_one).await];
    let mut guests = Socket::open(far.addr, &guest).await.unwrap();

    line.set(while_away);
    // The first call notices. Nobody is admitted in any case.
    for token in [&revoked_one, &guest] {
        let refused = me(far.addr, token).await;
        assert_eq!((refused.status, refused.says_when_to_retry), (503, true));
    }
    assert_eq!(log_out(near.addr, &revoked_one).await.status, 200);
    for refused in [me(far.addr, &revoked_one).await, Socket::open(far.addr, &revoked_one).await.unwrap_err()] {
        assert_eq!((refused.status, refused.says_when_to_retry), (503, true));
        assert!(refused.took < Duration::from_secs(3), "{refused:?}");
    }
    assert!(sockets[0].echoes().await && sockets[1].echoes_events().await, "the node does not know yet");

    line.set(State::Flows);
    let back = Instant::now();
    for socket in &mut sockets {
        assert_eq!(socket.closed().await, revoked());
    }
    let took = back.elapsed();
    eprintln!("{while_away:?}: enforced {took:?} after the line was back");
    assert!(took <= AT_MOST, "{took:?}");
    assert_eq!(me(far.addr, &revoked_one).await.status, 401);
    assert_eq!(me(far.addr, &guest).await.status, 200);
    assert!(guests.echoes().await, "other sockets stay");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn revocation_missed_without_redis_is_enforced_within_30_s() {
    what_was_revoked_meanwhile_is_enforced(State::Breaks).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn revocation_missed_by_a_deaf_node_is_enforced_within_30_s() {
    what_was_revoked_meanwhile_is_enforced(State::StandsStill).await;
}
