//! A replica takes over in a cluster.

use std::cell::Cell;

use test_support::redis::{Cluster, Server};
use tokio::time::{Duration, timeout};

use super::{Nodes, TIMEOUT, in_cluster, load::Load};
use crate::support::*;

async fn soon(holds: impl AsyncFn() -> bool) {
    let waits = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(20), waits).await.unwrap();
}

async fn says(server: &Server, line: &str) -> bool {
    server.ask(&["INFO", "replication"]).await.contains(line)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logins_live_on_when_a_replica_takes_over() {
    let Some(mut cluster) = Cluster::start().await else { return };
    cluster.add_replica().await;
    let nodes = Nodes::with(|| in_cluster(&cluster.urls()[..3]).timeout(TIMEOUT)).await;
    let load = Load::on(&nodes).await;
    load.gets_good(100).await;
    let [first, _, _, replica] = &cluster.0[..] else { panic!("there are four servers") };
    assert_eq!(replica.ask(&["CLUSTER", "FAILOVER"]).await, "OK");
    soon(async || says(replica, "role:master").await && says(first, "role:slave").await).await;
    load.gets_good(100).await;
    // What followed the first has all its logins, and the first is not needed any more.
    cluster.0[0].kill();
    load.gets_good(100).await;
    load.ends().await;
    assert!(cluster.0[3].ask(&["DBSIZE"]).await.parse::<usize>().unwrap() > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_server_of_a_cluster_is_503_until_its_replica_takes_over() {
    let Some(mut cluster) = Cluster::start().await else { return };
    cluster.add_replica().await;
    let Nodes { one, two, .. } = Nodes::with(|| in_cluster(&cluster.urls()[..3]).timeout(TIMEOUT)).await;
    let mut tabs = Vec::new();
    for number in 0..12 {
        tabs.push(one.logged_in(&format!("user-{number}")).await);
    }
    let mut socket = tabs[0].on(&two.server).open().await;
    // The replica has got everything.
    soon(async || {
        let info = cluster.0[0].ask(&["INFO", "replication"]).await;
        let offset = |name| info.split_once(name).unwrap().1.split(['\r', ',']).next().unwrap().to_owned();
        offset("master_repl_offset:") == offset(",offset=")
    })
    .await;
    cluster.0[0].kill();
    let unavailable = Cell::new(0);
    for (number, tab) in tabs.iter().enumerate() {
        for node in [&one, &two] {
            soon(async || {
                let me = tab.on(&node.server).me().await;
                assert!(me == is(&format!("user-{number}")) || me == refused(503, "unavailable"), "{me:?}");
                unavailable.set(unavailable.get() + usize::from(me.is_err()));
                me.is_ok()
            })
            .await;
        }
    }
    assert!(unavailable.get() > 0);
    assert!(socket.echoes("still open").await);
    assert_eq!(tabs[0].post("/put/a/b").await.status, 204);
}
