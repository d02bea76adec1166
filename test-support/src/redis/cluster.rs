use std::time::Duration;

use super::{Kind, Server, free_port};

/// How long the servers of a cluster may take to agree.
const SETTLED: Duration = Duration::from_secs(15);

/// A cluster of three servers that take writes, perhaps with replicas after them.
pub struct Cluster(pub Vec<Server>);

impl Cluster {
    /// Starts three servers with a third of the slots each, and joins them. `None` if Redis is not installed.
    pub async fn start() -> Option<Self> {
        let mut servers = Vec::new();
        for _ in 0..3 {
            servers.push(member().await?);
        }
        for (number, (server, slots)) in servers.iter().zip(["0 5460", "5461 10922", "10923 16383"]).enumerate() {
            let (first, last) = slots.split_once(' ').unwrap();
            done(server, &["CLUSTER", "ADDSLOTSRANGE", first, last]).await;
            done(server, &["CLUSTER", "SET-CONFIG-EPOCH", &(number + 1).to_string()]).await;
            for other in servers.iter().take(number) {
                meet(other, server).await;
            }
        }
        let cluster = Self(servers);
        cluster.settles().await;
        Some(cluster)
    }

    /// Starts one more server, which follows the first, and waits until it has its data. It is the last one.
    pub async fn add_replica(&mut self) {
        let replica = member().await.unwrap();
        for other in &self.0 {
            meet(other, &replica).await;
        }
        let primary = self.0[0].ask(&["CLUSTER", "MYID"]).await;
        until(async || replica.ask(&["CLUSTER", "NODES"]).await.contains(&primary)).await;
        until(async || replica.ask(&["CLUSTER", "REPLICATE", &primary]).await == "OK").await;
        self.0.push(replica);
        let replica = &self.0[3];
        until(async || replica.ask(&["INFO", "replication"]).await.contains("master_link_status:up")).await;
        // The others have to know it too, before they let it take over.
        let name = replica.ask(&["CLUSTER", "MYID"]).await;
        for other in &self.0[..3] {
            until(async || {
                let nodes = other.ask(&["CLUSTER", "NODES"]).await;
                nodes.lines().any(|line| line.starts_with(&*name) && line.contains("slave"))
            })
            .await;
        }
    }

    /// Waits until each server knows all slots, and where they are.
    pub async fn settles(&self) {
        for server in &self.0 {
            until(async || {
                let info = server.ask(&["CLUSTER", "INFO"]).await;
                let lines = ["cluster_state:ok", "cluster_slots_ok:16384", "cluster_size:3"];
                lines.iter().all(|line| info.contains(line))
            })
            .await;
        }
    }

    /// The URLs of its servers.
    pub fn urls(&self) -> Vec<String> {
        self.0.iter().map(Server::url).collect()
    }

    /// The URLs of its servers, over TLS.
    pub fn tls_urls(&self) -> Vec<String> {
        self.0.iter().map(|server| format!("rediss://127.0.0.1:{}/", ports(server).1)).collect()
    }

    /// The server that has this key, and another. Replicas don't count.
    pub async fn servers_of(&self, key: &str) -> (&Server, &Server) {
        let [one, two, three] = &self.0[..3] else { unreachable!() };
        let slot: u32 = one.ask(&["CLUSTER", "KEYSLOT", key]).await.parse().unwrap();
        match slot / 5461 {
            0 => (one, two),
            1 => (two, three),
            _ => (three, one),
        }
    }
}

async fn member() -> Option<Server> {
    Server::start_as(Kind::Member { bus: free_port(), tls: free_port() }).await
}

/// Introduces another server. They speak TLS among themselves.
async fn meet(server: &Server, other: &Server) {
    let (bus, tls) = ports(other);
    done(server, &["CLUSTER", "MEET", "127.0.0.1", &tls.to_string(), &bus.to_string()]).await;
}

async fn done(server: &Server, words: &[&str]) {
    assert_eq!(server.ask(words).await, "OK", "{words:?}");
}

/// The ports of a member: its bus, and the one for TLS.
fn ports(server: &Server) -> (u16, u16) {
    match server.kind() {
        Kind::Member { bus, tls } => (*bus, *tls),
        _ => panic!("the server is not a member of a cluster"),
    }
}

async fn until(holds: impl AsyncFn() -> bool) {
    let settled = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(SETTLED, settled).await.expect("the cluster does not settle");
}
