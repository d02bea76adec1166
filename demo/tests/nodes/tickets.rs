//! One ticket, and two nodes that take it.

use futures_util::{StreamExt as _, stream};

use crate::{Nodes, program::*, socket::Socket};

const ROUNDS: usize = 1000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ticket_that_is_used_on_two_nodes_at_once_opens_one_socket_in_1000_rounds() {
    let Some(Nodes { one, two, redis: _redis }) = Nodes::start().await else { return };
    let (nodes, user) = ([one.addr, two.addr], token(ADMIN));
    let round = async |round: usize| {
        let ticket = ticket(nodes[round % 2], &user).await.unwrap();
        let used = nodes.map(|node| {
            let ticket = ticket.clone();
            tokio::spawn(async move { Socket::redeem(node, &ticket).await.map_err(|refused| refused.status) })
        });
        let [here, there] = used;
        match (here.await.unwrap(), there.await.unwrap()) {
            (Ok(mut socket), Err(401)) => {
                assert!(socket.echoes().await);
                true
            }
            (Err(401), Ok(mut socket)) => {
                assert!(socket.echoes().await);
                false
            }
            other => panic!("round {round}: {other:?}"),
        }
    };
    let won: Vec<bool> = stream::iter(0..ROUNDS).map(round).buffer_unordered(4).collect().await;
    let first = won.iter().filter(|first| **first).count();
    eprintln!("{first} of {ROUNDS} tickets were taken by the first node");
    assert!(won.len() == ROUNDS && first > 0 && first < ROUNDS, "only one node ever came first: {first}");
}
