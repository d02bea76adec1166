//! A logout on one node closes the sockets on another.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::Method;

use crate::{Nodes, program::*, socket::*};

/// How long after the logout request each of these was closed as revoked.
async fn closed_after(asked: Instant, sockets: Vec<Socket>) -> Vec<Duration> {
    let closed = sockets.into_iter().map(|mut socket| async move {
        assert_eq!(socket.closed().await, revoked());
        asked.elapsed()
    });
    join_all(closed).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logout_on_one_node_closes_sockets_on_another_within_a_second() {
    let Some(Nodes { one, two, redis: _redis }) = Nodes::start().await else { return };
    let (own, other, guest) = (token(ADMIN), token(ADMIN), token(GUEST));
    // Authenticated by header, ticket, `auth` of Socket.IO and first message; and one socket on the near node.
    let bought = ticket(one.addr, &own).await.unwrap();
    let mut first_message = Socket::open_at(two.addr, "/ws-first-message", None).await.unwrap();
    first_message.send(&format!(r#"{{"type":"auth","scheme":"bearer","credentials":"{own}"}}"#)).await;
    assert!(first_message.text().await.unwrap().starts_with(r#"{"type":"auth_ok""#));
    let owned = vec![
        Socket::open(two.addr, &own).await.unwrap(),
        Socket::redeem(two.addr, &bought).await.unwrap(),
        Socket::socket_io(two.addr, &own).await,
        first_message,
        Socket::open(one.addr, &own).await.unwrap(),
        Socket::socket_io(one.addr, &own).await,
    ];
    let mut others = vec![Socket::open(two.addr, &other).await.unwrap(), Socket::socket_io(two.addr, &other).await];
    let mut guests = [Socket::open(two.addr, &guest).await.unwrap(), Socket::socket_io(two.addr, &guest).await];

    let asked = Instant::now();
    let (answer, took) = tokio::join!(log_out(one.addr, &own), closed_after(asked, owned));
    assert_eq!((answer.status, answer.body.as_str()), (200, r#"{"revoked":"token"}"#));
    eprintln!("closed after {took:?}");
    assert!(took.iter().all(|took| *took <= Duration::from_secs(1)), "{took:?}");
    assert_eq!((me(one.addr, &own).await.status, me(two.addr, &own).await.status), (401, 401));
    assert!(others[0].echoes().await && others[1].echoes_events().await, "another token of the same user");

    let asked = Instant::now();
    let everywhere = ask(one.addr, Method::POST, "/api/logout?everywhere=1", &other);
    let (answer, took) = tokio::join!(everywhere, closed_after(asked, others));
    assert_eq!((answer.status, answer.body.as_str()), (200, r#"{"revoked":"everything"}"#));
    eprintln!("everywhere: closed after {took:?}");
    assert!(took.iter().all(|took| *took <= Duration::from_secs(1)), "{took:?}");
    assert!(guests[0].echoes().await && guests[1].echoes_events().await, "another user");
    assert_eq!(me(two.addr, &guest).await.status, 200);
}
