//! Two nodes that share a real Redis.

use std::time::Duration;

use auth_store::RedisStore;
use futures_util::future::join;
use test_support::{redis, server::close};

use super::*;

struct Node {
    sessions: Sessions<User>,
    router: Router,
}

fn node(redis: &redis::Server, clock: &ManualClock) -> Node {
    let store = RedisStore::new(&redis.url()).unwrap().timeout(Duration::from_millis(300)).clock(clock.clone());
    let builder = Sessions::builder(store, Users::default(), ORIGIN).clock(clock.clone()).token_issuer(ISSUER);
    let sessions = builder.build().unwrap();
    let tokens = RefreshTokens::new(&sessions, signer(), [key("k")]).unwrap();
    Node { router: with_tokens(&sessions, &tokens, clock), sessions }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_races_on_two_nodes_lose_no_login_and_make_no_branch() {
    let Some(redis) = redis::Server::start().await else { return };
    let clock = clock();
    let (one, two) = (node(&redis, &clock), node(&redis, &clock));
    let mut tab = Phone::log_in(one.router.clone().into(), "ann").await;
    for round in 0..1_000 {
        let (mut here, mut there) = (tab.at(one.router.clone()), tab.at(two.router.clone()));
        let (first, second) = join(
            tokio::spawn(async move { (here.refresh().await, here) }),
            tokio::spawn(async move { (there.refresh().await, there) }),
        )
        .await;
        let ((first, here), (second, there)) = (first.unwrap(), second.unwrap());
        assert_eq!((first, second), (Ok(round + 2), Ok(round + 2)));
        assert_eq!(here.refresh, there.refresh);
        tab = if round % 2 == 0 { here } else { there };
        clock.advance(secs(20));
    }
    assert_eq!((tab.at(one.router).api().await, tab.at(two.router).api().await), (is("ann"), is("ann")));
    assert_eq!(two.sessions.logins(&User("ann".to_owned())).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn theft_on_one_node_closes_the_sockets_of_the_other() {
    let Some(redis) = redis::Server::start().await else { return };
    let clock = clock();
    let servers = [Server::start(node(&redis, &clock).router).await, Server::start(node(&redis, &clock).router).await];
    let mut owner = Phone::log_in((&servers[0]).into(), "ann").await;
    let mut thief = owner.at(&servers[1]);
    assert_eq!(owner.refresh().await, Ok(2));
    let mut socket = owner.open(&servers[0]).await;
    clock.advance(secs(301));
    assert_eq!(thief.refresh().await, invalid_grant());
    assert_eq!(socket.closed().await, close(4403, "revoked"));
    for server in &servers {
        let mut owner = owner.at(server);
        assert_eq!((owner.api().await, owner.refresh().await), (refused(401, "revoked"), invalid_grant()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_that_dies_is_503_and_the_same_token_works_afterwards() {
    let Some(mut redis) = redis::Server::start().await else { return };
    let clock = clock();
    let (one, two) = (node(&redis, &clock), node(&redis, &clock));
    let mut phone = Phone::log_in(one.router.clone().into(), "ann").await;
    for generation in [2, 3] {
        redis.kill();
        for node in [&one, &two] {
            assert!(phone.at(node.router.clone()).send().await.is(503, "unavailable"));
        }
        assert_eq!(phone.log_out().await, 503);
        redis.start_again().await;
        // The next connection opens after a pause.
        let back = async { while phone.send().await.status == 503 {} };
        tokio::time::timeout(Duration::from_secs(5), back).await.unwrap();
        phone = phone.at(two.router.clone());
        let back = async {
            loop {
                match phone.refresh().await {
                    Err((503, _)) => {}
                    answer => return answer,
                }
            }
        };
        assert_eq!(tokio::time::timeout(Duration::from_secs(5), back).await.unwrap(), Ok(generation));
        phone = phone.at(one.router.clone());
    }
}
