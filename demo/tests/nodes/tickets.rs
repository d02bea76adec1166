//! One ticket on two nodes.

use futures_util::{StreamExt as _, stream};

use crate::{Nodes, program::*, socket::Socket};

const ROUNDS: usize = 1000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ticket_used_on_two_nodes_at_once_opens_one_socket() {
    let Some(Nodes { one, two, redis: _redis }) = Nodes::start().await else { return };
    let user = token(ADMIN);
    // Whether the node that issued the ticket also accepted it.
    let round = async |round: usize| {
        let (here, there) = if round.is_multiple_of(2) { (one.addr, two.addr) } else { (two.addr, one.addr) };
        let ticket = ticket(here, &user).await.unwrap();
        let [here, there] = [here, there].map(|node| {
            let ticket = ticket.clone();
            tokio::spawn(async move { Socket::redeem(node, &ticket).await.map_err(|refused| refused.status) })
        });
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
    let here = won.iter().filter(|here| **here).count();
    eprintln!("{here} of {ROUNDS} tickets were accepted by the node that issued them");
    assert!(won.len() == ROUNDS && here > 0 && here < ROUNDS, "one node always came first: {here}");
}
