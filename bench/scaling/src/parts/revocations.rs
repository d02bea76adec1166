//! How fast a revocation reaches all nodes, what it costs, and when nodes lag.

use std::{collections::HashMap, thread::sleep, time::Duration};

use crate::{
    NODES, Result,
    fleet::Fleet,
    order::{Kind, Order, Stamp, Work},
    report::{cost, line, percentile},
    server::Server,
};

/// Users with one connection on each node.
const USERS: usize = 2000;

pub fn run() -> Result<()> {
    let server = Server::start()?;
    let mut fleet = Fleet::start(&vec![server.url(); NODES], "auth:")?;
    fleet.all(&Order::Enter { first: 0, count: USERS })?;

    latency("alone, one in 2 ms", &mut fleet, &server, 0, Work::of(Kind::Revoke).pause(Duration::from_millis(2)))?;
    latency("8 at once", &mut fleet, &server, 1000, Work::of(Kind::Revoke).at_once(8))?;

    for (kind, nodes, at_once) in
        [(Kind::Revoke, 1, 64), (Kind::Revoke, 4, 64), (Kind::Revoke, 16, 64), (Kind::RevokeConnection, 16, 64)]
    {
        throughput(&mut fleet, &server, kind, nodes, at_once)?;
    }
    for secs in [1, 5] {
        stall(&mut fleet, secs)?;
    }
    Ok(())
}

/// From the call of `revoke` to the end of the last connection.
fn latency(what: &str, fleet: &mut Fleet, server: &Server, first: usize, work: Work) -> Result<()> {
    fleet.closed()?;
    let (before, cpu) = (server.snapshot()?, fleet.cpu()?);
    let done = fleet.0[0].work(work.first(first).count(1000))?;
    sleep(Duration::from_millis(500));
    cost(&format!("a revocation, {what}"), done.done, &server.snapshot()?.since(&before), fleet.cpu()? - cpu);

    let begun: HashMap<usize, u64> = done.begun.iter().map(|Stamp { user, unix_nanos }| (*user, *unix_nanos)).collect();
    let closed = fleet.closed()?;
    let (mut last, mut count) = (HashMap::<usize, u64>::new(), 0);
    for Stamp { user, unix_nanos } in closed.iter().flatten() {
        let end = last.entry(*user).or_default();
        *end = (*end).max(*unix_nanos);
        count += 1;
    }
    let mut millis: Vec<f64> =
        last.iter().filter_map(|(user, end)| Some(end.saturating_sub(*begun.get(user)?) as f64 / 1e6)).collect();
    millis.sort_by(f64::total_cmp);
    let closes = format!("{count} closes for {} revocations on {} nodes", done.done, closed.len());
    line(
        &format!("call to the close on the last node, {what}"),
        format!("p50 {:.2} ms, p99 {:.2} ms; {closes}", percentile(&millis, 0.5), percentile(&millis, 0.99)),
    );
    Ok(())
}

/// As many as this machine carries. Those of connections are only announced, so they are the most.
fn throughput(fleet: &mut Fleet, server: &Server, kind: Kind, nodes: usize, at_once: usize) -> Result<()> {
    let earlier = fleet.tallies()?;
    let (before, cpu) = (server.snapshot()?, fleet.cpu()?);
    // Nobody is connected by these tokens: what is measured is announcing, hearing and looking in the registry.
    let done = fleet.work(nodes, Work::of(kind).first(1_000_000).secs(4.0).at_once(at_once))?;
    sleep(Duration::from_secs(1));
    let (change, cpu) = (server.snapshot()?.since(&before), fleet.cpu()? - cpu);
    let total: usize = done.iter().map(|done| done.done).sum();
    let failed: usize = done.iter().map(|done| done.failed).sum();
    let (mut heard, mut missed, mut again) = (Vec::new(), 0, 0);
    for (now, earlier) in fleet.tallies()?.iter().zip(&earlier) {
        heard.push(now.heard - earlier.heard);
        missed += now.missed - earlier.missed;
        again += now.looked_up - earlier.looked_up;
    }
    let what = format!("{kind:?} on {nodes} nodes, {at_once} at once each");
    line(
        &what,
        format!(
            "{:.0} a second, each heard by {} nodes; least heard on a node {}, most {} of {total}; missed {missed}, \
             checked {again} connections again; failed {failed}",
            total as f64 / 4.0,
            fleet.0.len(),
            heard.iter().min().copied().unwrap_or_default(),
            heard.iter().max().copied().unwrap_or_default(),
        ),
    );
    cost(&what, total, &change, cpu);
    let of_core = |cpu: f64| 100.0 * cpu / 4.0;
    line(&what, format!("Redis {:.0} % of a core, all nodes {:.0} %", of_core(change.cpu()), of_core(cpu)));
    Ok(())
}

/// A node that stands still while others revoke.
fn stall(fleet: &mut Fleet, secs: u64) -> Result<()> {
    let last = fleet.0.len() - 1;
    let earlier = fleet.0[last].tally()?;
    fleet.0[last].signal("-STOP")?;
    let done = fleet.work(4, Work::of(Kind::Revoke).first(2_000_000).secs(secs as f64).at_once(16))?;
    fleet.0[last].signal("-CONT")?;
    sleep(Duration::from_secs(3));
    let now = fleet.0[last].tally()?;
    let total: usize = done.iter().map(|done| done.done).sum();
    line(
        &format!("a node stands still for {secs} s"),
        format!(
            "{total} revoked meanwhile, it heard {}, missed {} times, checked {} connections again",
            now.heard - earlier.heard,
            now.missed - earlier.missed,
            now.looked_up - earlier.looked_up
        ),
    );
    Ok(())
}
