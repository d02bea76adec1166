//! Logins on two nodes with one Postgres.

use std::time::Duration;

use auth_core::{Clock as _, ManualClock};
use test_support::{
    postgres::{Database, Server},
    server::close,
};

use super::{store, store_at};
use crate::{
    node::{Browser, Node, User},
    support::*,
};

/// How often two requests race.
const ROUNDS: usize = 200;

async fn start() -> Option<(Database, Node, Node, ManualClock)> {
    let (database, clock) = (Database::create()?, clock());
    let node = async || Node::start(store(&database).await.clock(clock.clone()), &clock).await;
    let (one, two) = (node().await, node().await);
    Some((database, one, two, clock))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn login_on_one_node_is_one_on_the_other_until_it_ends_there() {
    let Some((_database, one, two, clock)) = start().await else { return };
    let mut tab = one.logged_in("ann").await;
    assert_eq!(tab.me(&two).await, "ann");
    assert_eq!(tab.post(&two, "/put/cart/books").await.status, 204);
    assert_eq!(tab.get(&one, "/get/cart").await.body, "books");
    let mut sockets = [tab.open(&one).await, tab.open(&two).await];
    let (mut phone, mut bob) = (two.logged_in("ann").await, two.logged_in("bob").await);
    let mut others = [phone.open(&one).await, bob.open(&one).await];
    for socket in sockets.iter_mut().chain(&mut others) {
        assert!(socket.echoes("open").await);
    }
    let old = tab.clone();
    clock.advance(Duration::from_secs(120));
    assert_eq!(tab.post(&one, "/step-up").await.status, 204);
    assert_eq!(old.clone().me(&two).await, "401 missing_credentials", "its secret was replaced");
    assert_eq!((tab.me(&two).await, one.logins("ann").await), ("ann".to_owned(), 2));

    let mut same = tab.clone();
    assert_eq!(tab.post(&two, "/logout").await.status, 204);
    for socket in &mut sockets {
        assert_eq!(socket.closed().await, close(4403, "revoked"));
    }
    assert_eq!(same.me(&one).await, "401 session_expired");
    for socket in &mut others {
        assert!(socket.echoes("still open").await);
    }

    one.sessions.end_all(&User("ann".to_owned())).await.unwrap();
    assert_eq!(others[0].closed().await, close(4403, "revoked"));
    assert_eq!((phone.me(&two).await, two.logins("ann").await), ("401 session_expired".to_owned(), 0));
    assert_eq!(bob.me(&one).await, "bob");
    clock.advance(Duration::from_secs(1));
    assert_eq!(one.logged_in("ann").await.me(&two).await, "ann");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tabs_on_two_nodes_that_save_at_once_keep_both_changes() {
    let Some((_database, one, two, _)) = start().await else { return };
    let mut tab = one.logged_in("ann").await;
    for n in 0..ROUNDS {
        let (mut here, mut there) = (tab.clone(), tab.clone());
        let (left, right) = (format!("/put/here/{n}"), format!("/put/there/{n}"));
        let (here, there) = tokio::join!(here.post(&one, &left), there.post(&two, &right));
        assert_eq!((here.status, there.status), (204, 204));
        let values = (tab.get(&two, "/get/here").await.body, tab.get(&one, "/get/there").await.body);
        assert_eq!(values, (n.to_string(), n.to_string()));
    }
}

/// A save, a step up, or the end of all: what the other node ends at the same moment stays ended.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_on_one_node_brings_back_what_another_ends() {
    let Some((_database, one, two, clock)) = start().await else { return };
    for n in 0..ROUNDS {
        let mut tab = one.logged_in("ann").await;
        let (mut here, mut there) = (tab.clone(), tab.clone());
        let (save, logout) = tokio::join!(here.post(&one, "/put/n/1"), there.post(&two, "/logout"));
        assert_eq!((save.status, logout.status), (204, 204));
        assert_eq!(tab.me(&one).await, "401 session_expired");

        let mut tab = one.logged_in("bob").await;
        let began = clock.now();
        let user = User("bob".to_owned());
        let (step_up, ended) = if n.is_multiple_of(2) {
            tokio::join!(tab.post(&one, "/step-up"), two.sessions.end_all(&user))
        } else {
            let (ended, step_up) = tokio::join!(two.sessions.end_all(&user), tab.post(&one, "/step-up"));
            (step_up, ended)
        };
        ended.unwrap();
        assert!([204, 401].contains(&step_up.status), "{n}: {}", step_up.status);
        assert_eq!(clock.now(), began, "both are of the same instant, which the end covers");
        assert!(tab.me(&two).await.starts_with("401"), "{n}");
        assert_eq!((one.logins("bob").await, one.logins("ann").await), (0, 0), "{n}");
        clock.advance(Duration::from_secs(1));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_killed_under_logins_is_503_and_ends_nothing() {
    let Some(mut postgres) = Server::start() else { return };
    let clock = clock();
    let node = async || {
        let store = store_at(&postgres.url("postgres")).await.timeout(Duration::from_millis(300));
        Node::start(store.clock(clock.clone()), &clock).await
    };
    let (one, two) = (node().await, node().await);
    let mut browsers = Vec::new();
    for n in 0..10 {
        browsers.push(one.logged_in(&format!("user-{n}")).await);
    }
    let mut gone = one.logged_in("gone").await;
    let mut ended = gone.clone();
    assert_eq!(ended.post(&two, "/logout").await.status, 204);
    let mut socket = browsers[0].open(&two).await;
    assert!(socket.echoes("open").await);

    postgres.kill();
    let all = browsers.iter_mut().map(|browser: &mut Browser| browser.me(&one));
    for answer in futures_util::future::join_all(all).await {
        assert_eq!(answer, "503 unavailable");
    }
    assert_eq!(Browser::new().post(&two, "/login/late").await.status, 503);
    assert!(socket.echoes("still open").await);

    postgres.start_again();
    for (n, browser) in browsers.iter_mut().enumerate() {
        soon(async { while browser.me(&two).await != format!("user-{n}") {} }).await;
    }
    assert_eq!(gone.me(&one).await, "401 session_expired");
    // The socket closes when its login ends on the other node, now that both hear again.
    let mut tab = browsers[0].clone();
    soon(async { while tab.post(&one, "/logout").await.status != 204 {} }).await;
    assert_eq!(socket.closed().await, close(4403, "revoked"));
}
