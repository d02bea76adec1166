//! A logout on one node during a handshake on the other.

use std::{net::SocketAddr, time::Duration};

use futures_util::{StreamExt as _, stream};
use test_support::redis::Server;

use crate::{
    line::{Line, State},
    program::*,
    socket::*,
};

const ROUNDS: u64 = 200;

/// Whichever comes first, no socket of a revoked token stays open.
async fn no_socket_is_left(one: SocketAddr, two: SocketAddr) {
    let round = async |round: u64| {
        let token = token(ADMIN);
        // Either one first by up to 20 ms, or both at once.
        let pause = |forward: u64| Duration::from_micros(500 * forward.saturating_sub(40));
        let (logout_after, handshake_after) = (pause(round % 81), pause(80 - round % 81));
        let logout = {
            let token = token.clone();
            tokio::spawn(async move {
                tokio::time::sleep(logout_after).await;
                log_out(one, &token).await.status
            })
        };
        tokio::time::sleep(handshake_after).await;
        let opened = Socket::open(two, &token).await;
        assert_eq!(logout.await.unwrap(), 200);
        match opened {
            Ok(mut socket) => {
                assert_eq!(socket.closed().await, revoked(), "round {round}");
                true
            }
            Err(refused) => {
                assert!(refused.status == 401 && refused.body.contains("revoked"), "round {round}: {refused:?}");
                false
            }
        }
    };
    let opened: Vec<bool> = stream::iter(0..ROUNDS).map(round).buffer_unordered(2).collect().await;
    let closed = opened.iter().filter(|opened| **opened).count();
    eprintln!("{closed} of {ROUNDS} were opened and closed, the others refused");
    assert!(closed > 0 && closed < opened.len(), "one side always came first: {closed}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logout_during_a_handshake_on_another_node_leaves_no_socket() {
    let Some(redis) = Server::start().await else { return };
    let [one, two] = [(); 2].map(|()| Program::start(&["--redis", &redis.url()]));
    no_socket_is_left(one.addr, two.addr).await;
}

/// The other node hears of the logout before it receives the answer that the token is valid.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn news_that_overtake_an_answer_leave_no_socket() {
    let Some(redis) = Server::start().await else { return };
    let line = Line::to(&redis, State::AnswersLate).await;
    let (one, two) = (Program::start(&["--redis", &redis.url()]), Program::start(&["--redis", &line.url()]));
    no_socket_is_left(one.addr, two.addr).await;
}
