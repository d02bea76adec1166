//! Two events at the same time, a thousand times.

use std::time::Duration;

use auth_core::Revocation;
use ws_adapter::{AuthLayer, Connections, Overflow, Sockets};

use crate::{
    common::eventually,
    feed::Feed,
    support::{Server, app, clock, close, jwt_or_basic, principal, token_with_id},
};

const ROUNDS: usize = 1000;

/// Whichever comes first, no socket of a revoked credential stays open.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn revocation_during_a_handshake_leaves_no_socket() {
    let (connections, feed) = (Connections::new(), Feed::new());
    connections.follow(feed.clone());
    feed.is_followed().await;
    let layer = AuthLayer::new(jwt_or_basic()).timer(clock()).sockets(Sockets::new().connections(&connections));
    let server = Server::start(app(layer)).await;
    let (mut refused, mut closed) = (0, 0);
    for round in 0..ROUNDS {
        let id = format!("{round}");
        let authorization = format!("Bearer {}", token_with_id("ann", 60, &id));
        let revoke = {
            let feed = feed.clone();
            tokio::spawn(async move {
                // At a different moment of the handshake each time.
                for _ in 0..round % 40 {
                    tokio::task::yield_now().await;
                }
                tokio::time::sleep(Duration::from_micros(u64::try_from(round % 50).unwrap() * 10)).await;
                feed.revoke(Revocation::credential("", id));
            })
        };
        match server.connect("/ws", &[("authorization", &authorization)]).await {
            Ok((mut client, _)) => {
                assert_eq!(client.closed().await, close(4403, "revoked"));
                closed += 1;
            }
            Err(answer) => {
                assert!(answer.is(401, "revoked"), "{answer:?}");
                refused += 1;
            }
        }
        revoke.await.unwrap();
    }
    assert_eq!(refused + closed, ROUNDS);
    assert!(closed > 0 && refused > 0, "one side always came first: {refused} refused, {closed} closed");
    eventually(|| connections.entries() == [0, 0, 0]).await;
}

/// A user never exceeds the limit, however many handshakes come at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn simultaneous_handshakes_do_not_exceed_the_limit() {
    let connections = Connections::new().per_user(3, Overflow::RejectNew);
    let layer = AuthLayer::new(jwt_or_basic()).timer(clock()).sockets(Sockets::new().connections(&connections));
    let server = std::sync::Arc::new(Server::start(app(layer)).await);
    let authorization = std::sync::Arc::new(format!("Bearer {}", token_with_id("ann", 60, "one")));
    let asked = (0..50).map(|_| {
        let (server, authorization) = (server.clone(), authorization.clone());
        tokio::spawn(async move { server.connect("/ws", &[("authorization", &authorization)]).await.ok() })
    });
    let mut open = Vec::new();
    for asked in asked.collect::<Vec<_>>() {
        open.extend(asked.await.unwrap());
    }
    assert_eq!((open.len(), connections.count_of(&principal("ann"))), (3, 3));
}
