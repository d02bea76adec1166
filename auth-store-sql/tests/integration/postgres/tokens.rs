//! Refresh tokens on two nodes with one Postgres.

use std::time::Duration;

use auth_core::Secret;
use auth_jwt::Signer;
use auth_session::RefreshTokens;
use test_support::postgres::{Database, Server};

use super::{store, store_at};
use crate::{
    node::{Node, User},
    support::*,
};

/// How often two tabs race.
const ROUNDS: u64 = 200;

fn tokens(node: &Node) -> RefreshTokens<User> {
    let signer = Signer::hs256("s".repeat(32)).unwrap();
    RefreshTokens::new(&node.sessions, signer, [Secret::new("k".repeat(32))]).unwrap()
}

async fn refresh(tokens: &RefreshTokens<User>, token: &str) -> Result<String, String> {
    match tokens.refresh(token).await {
        Ok(issued) => Ok(issued.refresh_token().expose().to_owned()),
        Err(refusal) => Err(refusal.code().to_owned()),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tabs_on_two_nodes_get_one_successor_and_an_old_token_ends_the_login() {
    let Some(database) = Database::create() else { return };
    let clock = clock();
    let node = async || Node::start(store(&database).await.clock(clock.clone()), &clock).await;
    let (one, two) = (node().await, node().await);
    let (here, there) = (tokens(&one), tokens(&two));
    let first = here.log_in(&User("ann".to_owned())).await.unwrap().refresh_token().expose().to_owned();
    let mut token = first.clone();
    for round in 2..ROUNDS + 2 {
        let (left, right) = tokio::join!(refresh(&here, &token), refresh(&there, &token));
        assert_eq!((&left, left.as_ref().unwrap().split('.').nth(1)), (&right, Some(&*round.to_string())));
        token = left.unwrap();
    }
    clock.advance(Duration::from_secs(301));
    let invalid = Err("invalid_grant".to_owned());
    assert_eq!((refresh(&there, &first).await, refresh(&here, &token).await), (invalid.clone(), invalid));
    assert_eq!(one.logins("ann").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_killed_under_refreshes_is_503_and_the_same_token_works_afterwards() {
    let Some(mut postgres) = Server::start() else { return };
    let clock = clock();
    let store = store_at(&postgres.url("postgres")).await.timeout(Duration::from_millis(300));
    let node = Node::start(store.clock(clock.clone()), &clock).await;
    let tokens = tokens(&node);
    let mut token = tokens.log_in(&User("ann".to_owned())).await.unwrap().refresh_token().expose().to_owned();
    token = refresh(&tokens, &token).await.unwrap();
    postgres.kill();
    for _ in 0..3 {
        assert_eq!(refresh(&tokens, &token).await, Err("unavailable".to_owned()));
    }
    postgres.start_again();
    let mut next = String::new();
    soon(async {
        while next.is_empty() {
            next = refresh(&tokens, &token).await.unwrap_or_default();
        }
    })
    .await;
    assert_eq!(next.split('.').nth(1), Some("3"));
}
