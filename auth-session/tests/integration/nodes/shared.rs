//! What two nodes do at the same time.

use std::time::{Duration, Instant};

use auth_session::{LoginOverflow, Sessions};
use test_support::{
    redis::Server,
    server::{Client, close},
};

use super::{Nodes, plain};
use crate::support::*;

/// How often two requests race.
const ROUNDS: usize = 200;

async fn start() -> Option<(Server, Nodes)> {
    let redis = Server::start().await?;
    let nodes = Nodes::with(|| plain(&redis.url())).await;
    Some((redis, nodes))
}

async fn revoked_within_a_second(asked: Instant, socket: &mut Client) {
    assert_eq!(socket.closed().await, close(4403, "revoked"));
    assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logout_on_one_node_closes_sockets_of_the_other_in_a_second() {
    let Some((_redis, Nodes { one, two, .. })) = start().await else { return };
    let (mut tab, mut bob) = (one.logged_in("ann").await, one.logged_in("bob").await);
    let mut sockets = [tab.on(&two.server).open().await, tab.open().await];
    let mut others = [one.logged_in("ann").await.on(&two.server).open().await, bob.on(&two.server).open().await];
    for socket in sockets.iter_mut().chain(&mut others) {
        assert!(socket.echoes("open").await);
    }
    let mut same = tab.on(&two.server);
    let asked = Instant::now();
    assert_eq!(tab.post("/logout").await.status, 204);
    for socket in &mut sockets {
        revoked_within_a_second(asked, socket).await;
    }
    let answer = same.get("/me").await;
    assert!(answer.is(401, "session_expired") && same.cookie.is_none(), "{answer:?}");
    for socket in &mut others {
        assert!(socket.echoes("still open").await);
    }
    assert_eq!(bob.me().await, is("bob"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn device_ended_on_one_node_is_out_on_the_other_in_a_second() {
    let Some((_redis, Nodes { one, two, .. })) = start().await else { return };
    let (mut laptop, mut phone) = (one.logged_in("ann").await, two.logged_in("ann").await);
    let mut bob = two.logged_in("bob").await;
    let mut sockets = [phone.open().await, phone.on(&one.server).open().await];
    let mut kept = [laptop.on(&two.server).open().await, bob.open().await];
    for socket in sockets.iter_mut().chain(&mut kept) {
        assert!(socket.echoes("open").await);
    }
    let (phones, bobs) = (phone.get("/sid").await.body, bob.get("/sid").await.body);
    let list = laptop.get("/sessions").await.body;
    assert!(list.contains(&phones) && !list.contains(&bobs), "{list}");
    let asked = Instant::now();
    assert_eq!(laptop.send("DELETE", &format!("/sessions/{phones}"), &[]).await.status, 204);
    for socket in &mut sockets {
        revoked_within_a_second(asked, socket).await;
    }
    for node in [&one, &two] {
        assert_eq!(phone.on(&node.server).me().await, refused(401, "session_expired"));
        let mut tab = laptop.on(&node.server);
        for other in [&phones, &bobs] {
            let answer = tab.send("DELETE", &format!("/sessions/{other}"), &[]).await;
            assert!(answer.is(404, "login_not_found"), "{answer:?}");
        }
        assert_eq!((tab.me().await, node.sids("ann").await.len()), (is("ann"), 1));
    }
    assert_eq!(phone.me().await, refused(401, "session_expired"));
    assert!(kept[0].echoes("still open").await && kept[1].echoes("still open").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logins_on_two_nodes_at_once_leave_as_many_as_allowed() {
    let Some(redis) = Server::start().await else { return };
    for overflow in [LoginOverflow::RefuseNew, LoginOverflow::EndOldest] {
        let clock = clock();
        let node = || {
            let store = plain(&redis.url()).clock(clock.clone());
            let builder = Sessions::builder(store, Users::default(), ORIGIN).clock(clock.clone());
            let sessions = builder.max_logins(3, overflow).build().unwrap();
            (Browser::of(routes(&sessions, &clock)), sessions)
        };
        let ((one, sessions), (two, _)) = (node(), node());
        let name = format!("/login/{overflow:?}");
        let logins = (0..50).map(|n| {
            let (mut browser, name) = (if n % 2 == 0 { one.clone() } else { two.clone() }, name.clone());
            tokio::spawn(async move { browser.post(&name).await.status })
        });
        for status in futures_util::future::join_all(logins).await {
            assert!([204, 409].contains(&status.unwrap()));
        }
        assert_eq!(sessions.logins(&User(format!("{overflow:?}"))).await.unwrap().len(), 3, "{overflow:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn end_others_on_one_node_ends_the_logins_of_the_other() {
    let Some((_redis, Nodes { one, two, .. })) = start().await else { return };
    let (mut current, mut other) = (one.logged_in("ann").await, two.logged_in("ann").await);
    let mut bob = two.logged_in("bob").await;
    let mut socket = other.open().await;
    assert!(socket.echoes("open").await);
    let asked = Instant::now();
    assert_eq!(current.post("/end-others").await.status, 204);
    revoked_within_a_second(asked, &mut socket).await;
    assert_eq!(other.me().await, refused(401, "session_expired"));
    for node in [&one, &two] {
        assert_eq!(current.on(&node.server).me().await, is("ann"));
    }
    assert!(current.on(&two.server).open().await.echoes("open again").await);
    assert_eq!((bob.me().await, one.sids("ann").await.len()), (is("bob"), 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tabs_on_two_nodes_that_save_at_once_keep_both_changes() {
    let Some((_redis, Nodes { one, two, .. })) = start().await else { return };
    let mut tab = one.logged_in("ann").await;
    for n in 0..ROUNDS {
        let (mut here, mut there) = (tab.clone(), tab.on(&two.server));
        let here = tokio::spawn(async move { here.post(&format!("/put/here/{n}")).await.status });
        let there = tokio::spawn(async move { there.post(&format!("/put/there/{n}")).await.status });
        assert_eq!((here.await.unwrap(), there.await.unwrap()), (204, 204));
        let values = (tab.get("/get/here").await.body, tab.get("/get/there").await.body);
        assert_eq!(values, (n.to_string(), n.to_string()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn save_on_one_node_never_brings_back_what_another_ends() {
    let Some((_redis, Nodes { one, two, .. })) = start().await else { return };
    for n in 0..ROUNDS {
        let mut tab = one.logged_in("ann").await;
        let (mut here, mut there) = (tab.clone(), tab.on(&two.server));
        let save = tokio::spawn(async move { here.post(&format!("/put/n/{n}")).await.status });
        let logout = tokio::spawn(async move { there.post("/logout").await.status });
        assert_eq!((save.await.unwrap(), logout.await.unwrap()), (204, 204));
        assert_eq!(tab.me().await, refused(401, "session_expired"));
    }
    assert!(one.sids("ann").await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_end_moved_by_another_node_keeps_a_socket_until_then() {
    let Some((_redis, Nodes { one, two, clock })) = start().await else { return };
    let tab = one.logged_in("ann").await;
    let (mut socket, mut unused) = (tab.open().await, one.logged_in("ann").await.open().await);
    assert!(socket.echoes("open").await && unused.echoes("open").await);
    clock.advance(secs(3300));
    assert_eq!(tab.on(&two.server).me().await, is("ann"));
    clock.advance(secs(300));
    assert_eq!(unused.closed().await, close(4401, "token_expired"));
    assert!(socket.echoes("still open").await);
    clock.advance(secs(3299));
    assert!(socket.echoes("to the last second").await);
    clock.advance(secs(1));
    assert_eq!(socket.closed().await, close(4401, "token_expired"));
    assert_eq!(tab.on(&two.server).me().await, refused(401, "session_expired"));
}
