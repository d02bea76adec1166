//! Redis dies, stops answering, or loses its data.

use futures_util::future::join_all;
use test_support::redis::Server;
use tokio::time::{Duration, timeout};

use super::{Nodes, TIMEOUT, load::Load, plain};
use crate::support::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_killed_under_load_is_503_and_ends_nothing() {
    let Some(mut redis) = Server::start().await else { return };
    let nodes = Nodes::with(|| plain(&redis.url()).timeout(TIMEOUT)).await;
    let load = Load::on(&nodes).await;
    for _ in 0..2 {
        load.gets_good(150).await;
        redis.kill();
        load.gets_unavailable(150).await;
        redis.start_again().await;
    }
    load.gets_good(150).await;
    load.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silent_redis_is_503_in_time_and_ends_nothing() {
    let Some(redis) = Server::start().await else { return };
    let Nodes { one, two, clock } = Nodes::with(|| plain(&redis.url()).timeout(TIMEOUT)).await;
    let mut tab = one.logged_in("ann").await;
    let mut socket = tab.on(&two.server).open().await;
    redis.signal("STOP");
    let paths = [
        ("GET", "/me"),
        ("GET", "/greet"),
        ("POST", "/put/a/b"),
        ("POST", "/login/ann"),
        ("POST", "/step-up"),
        ("POST", "/end-others"),
        ("POST", "/logout"),
    ];
    let asked = paths.iter().flat_map(|path| [(path, &one), (path, &two)]).map(async |((method, path), node)| {
        let answer = timeout(Duration::from_secs(5), tab.on(&node.server).send(method, path, &[])).await.unwrap();
        assert!(answer.is(503, "unavailable") && answer.header("set-cookie").is_none(), "{path}: {answer:?}");
    });
    join_all(asked).await;
    assert!(socket.echoes("still open").await);
    redis.signal("CONT");
    // The connection was given up. The next one opens after a pause.
    let back = async { while tab.get("/me").await.status == 503 {} };
    timeout(Duration::from_secs(5), back).await.unwrap();
    assert_eq!((tab.me().await, socket.echoes("still open").await), (is("ann"), true));
    clock.advance(secs(60));
    assert_eq!(tab.post("/logout").await.status, 204);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_that_lost_its_data_is_401_and_the_next_login_works() {
    let Some(redis) = Server::start().await else { return };
    let Nodes { one, two, .. } = Nodes::with(|| plain(&redis.url())).await;
    let mut tab = one.logged_in("ann").await;
    assert_eq!(redis.ask(&["FLUSHALL"]).await, "OK");
    assert_eq!(tab.on(&two.server).me().await, refused(401, "session_expired"));
    assert_eq!(tab.me().await, refused(401, "session_expired"));
    assert_eq!(tab.cookie, None);
    assert_eq!(tab.post("/login/ann").await.status, 204);
    assert_eq!(tab.on(&two.server).me().await, is("ann"));
}
