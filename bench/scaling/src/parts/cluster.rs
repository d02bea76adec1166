//! Redis cut into three: as a cluster, and as three servers that know nothing of each other.

use std::{process::Command, thread::sleep, time::Duration};

use super::lookups::{fill, measure};
use crate::{
    NODES, Result,
    fleet::{Fleet, Node},
    order::{Kind, Work},
    report::{cost, line},
    server::{Server, Snapshot, free_port},
};

const SECS: f64 = 4.0;

pub fn run() -> Result<()> {
    let servers = cluster()?;
    one_server_of_it(&servers)?;
    tagged(&servers)?;
    bus(&servers)?;
    cluster_client(&servers)?;
    drop(servers);
    apart()
}

fn cluster() -> Result<Vec<Server>> {
    let arguments = ["--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf"];
    let servers = (0..3).map(|_| Server::start_with(free_port()?, &arguments)).collect::<Result<Vec<_>>>()?;
    let addresses = servers.iter().map(|server| format!("127.0.0.1:{}", server.port()));
    let mut create = Command::new("redis-cli");
    create.args(["--cluster", "create"]).args(addresses).args(["--cluster-replicas", "0", "--cluster-yes"]);
    let created = create.output()?;
    if !created.status.success() {
        return Err(String::from_utf8_lossy(&created.stdout).into_owned().into());
    }
    for _ in 0..500 {
        let states = servers.iter().map(|server| server.ask::<String>(&["CLUSTER", "INFO"]));
        if states.collect::<Result<Vec<_>>>()?.iter().all(|state| state.contains("cluster_state:ok")) {
            sleep(Duration::from_millis(500));
            return Ok(servers);
        }
        sleep(Duration::from_millis(20));
    }
    Err("the cluster does not come up".into())
}

/// `RedisStore` at one server of a cluster, as it is.
fn one_server_of_it(servers: &[Server]) -> Result<()> {
    let mut node = Node::start(&servers[0].url(), "auth:", true)?;
    let works = [("revocations", Kind::Revoke), ("requests", Kind::Request), ("tickets", Kind::BuyTicket)];
    for (place, (name, kind)) in works.into_iter().enumerate() {
        let done = node.work(Work::of(kind).first(place * 10_000).count(300).at_once(8))?;
        line(
            &format!("one server of a cluster, {name}"),
            format!("{} of 300 failed: {}", done.failed, done.why.unwrap_or_default()),
        );
    }
    Ok(())
}

/// A prefix with a hash tag keeps all keys on one server.
fn tagged(servers: &[Server]) -> Result<()> {
    let slot: u16 = servers[0].ask(&["CLUSTER", "KEYSLOT", "{auth}:"])?;
    let owner = servers.iter().find(|server| {
        let ours: redis::RedisResult<Option<String>> = server
            .connect()
            .map_err(|_| ())
            .map_or(Ok(None), |mut connection| redis::cmd("GET").arg("{auth}:none").query(&mut connection));
        ours.is_ok()
    });
    let owner = owner.ok_or("nobody owns the slot")?;
    line("the slot of the prefix `{auth}:`", format!("{slot}, on port {}", owner.port()));
    let mut fleet = Fleet::start(&vec![owner.url(); NODES], "{auth}:")?;
    let works = [("revocations", Kind::Revoke), ("requests", Kind::Request), ("tickets used", Kind::Ticket)];
    for (place, (name, kind)) in works.into_iter().enumerate() {
        let done = fleet.0[0].work(Work::of(kind).first(place * 10_000).count(300).at_once(8))?;
        line(&format!("prefix `{{auth}}:` at the owner, {name}"), format!("{} of 300 failed", done.failed));
    }
    let before = snapshots(servers)?;
    let done = fleet.work(4, Work::of(Kind::Revoke).first(100_000).secs(SECS).at_once(16))?;
    sleep(Duration::from_millis(500));
    let total: usize = done.iter().map(|done| done.done).sum();
    line("prefix `{auth}:`, 4 nodes revoke", format!("{:.0} a second", total as f64 / SECS));
    each(servers, &before, "prefix `{auth}:`, a revocation", total)
}

/// Announcements that reach subscribers of other servers over the bus.
fn bus(servers: &[Server]) -> Result<()> {
    let urls: Vec<String> = (0..NODES).map(|node| servers[node % servers.len()].url()).collect();
    let mut fleet = Fleet::start(&urls, "auth:")?;
    let earlier = fleet.tallies()?;
    let before = snapshots(servers)?;
    // These are announced and not stored, so any server of the cluster takes them.
    let done = fleet.work(4, Work::of(Kind::RevokeConnection).secs(SECS).at_once(16))?;
    sleep(Duration::from_secs(1));
    let total: usize = done.iter().map(|done| done.done).sum();
    let tallies = fleet.tallies()?;
    let heard = tallies.iter().zip(&earlier).map(|(now, earlier)| now.heard - earlier.heard);
    let missed: u64 = tallies.iter().zip(&earlier).map(|(now, earlier)| now.missed - earlier.missed).sum();
    line(
        "bus: announcements at three servers, heard at all nodes",
        format!(
            "{:.0} a second; least heard on a node {} of {total}; missed {missed}",
            total as f64 / SECS,
            heard.min().unwrap_or_default()
        ),
    );
    each(servers, &before, "bus: an announcement", total)
}

/// Look-ups by a client that knows the slots.
fn cluster_client(servers: &[Server]) -> Result<()> {
    let urls = servers.iter().map(Server::url).collect::<Vec<_>>().join(",");
    let mut fleet = Fleet((0..4).map(|_| Node::start(&urls, "auth:", false)).collect::<Result<_>>()?);
    for at_once in [1, 64] {
        let (before, cpu) = (snapshots(servers)?, fleet.cpu()?);
        let done = fleet.work(4, Work::of(Kind::ClusterLookUp).secs(SECS).at_once(at_once))?;
        let cpu = fleet.cpu()? - cpu;
        let total: usize = done.iter().map(|done| done.done).sum();
        let failed: usize = done.iter().map(|done| done.failed).sum();
        line(
            &format!("cluster client, look-up of 4 keys, 4 nodes, {at_once} at once"),
            format!(
                "{:.0} a second, {failed} failed; {:.1} µs CPU of a node",
                total as f64 / SECS,
                cpu * 1e6 / total as f64
            ),
        );
        each(servers, &before, "cluster client, a look-up", total)?;
    }
    Ok(())
}

/// Three servers without a cluster: the key says which.
fn apart() -> Result<()> {
    let servers = (0..3).map(|_| Server::start()).collect::<Result<Vec<_>>>()?;
    let urls = servers.iter().map(Server::url).collect::<Vec<_>>().join(",");
    let mut fleet = Fleet::start(&vec![urls; NODES], "auth:")?;
    fill(&mut fleet)?;
    let before = snapshots(&servers)?;
    measure(
        &mut fleet,
        &servers[0],
        "three apart, request (this line: one of them)",
        4,
        Work::of(Kind::Request).at_once(64),
    )?;
    let change = snapshots(&servers)?.iter().zip(&before).map(|(now, before)| now.since(before)).collect::<Vec<_>>();
    let (cpu, busiest) = change.iter().fold((0.0, 0.0_f64), |(sum, max), now| (sum + now.cpu(), max.max(now.cpu())));
    line("three apart, CPU of all three, and of the busiest, for these", format!("{cpu:.2} s, {busiest:.2} s"));

    let (earlier, before) = (fleet.tallies()?, snapshots(&servers)?);
    let done = fleet.work(4, Work::of(Kind::Revoke).first(1_000_000).secs(SECS).at_once(64))?;
    sleep(Duration::from_secs(1));
    let total: usize = done.iter().map(|done| done.done).sum();
    let tallies = fleet.tallies()?;
    let heard = tallies.iter().zip(&earlier).map(|(now, earlier)| now.heard - earlier.heard);
    line(
        "three apart, 4 nodes revoke",
        format!(
            "{:.0} a second; least heard on a node {} of {total}",
            total as f64 / SECS,
            heard.min().unwrap_or_default()
        ),
    );
    each(&servers, &before, "three apart, a revocation", total)
}

fn snapshots(servers: &[Server]) -> Result<Vec<Snapshot>> {
    servers.iter().map(Server::snapshot).collect()
}

fn each(servers: &[Server], before: &[Snapshot], what: &str, total: usize) -> Result<()> {
    for (place, (server, before)) in servers.iter().zip(before).enumerate() {
        cost(&format!("{what}, server {}", place + 1), total, &server.snapshot()?.since(before), 0.0);
    }
    Ok(())
}
