//! Redis is killed under load, and comes back a second later, empty.

use std::{thread::sleep, time::Duration};

use crate::{
    NODES, Result,
    fleet::Fleet,
    order::{Kind, Order, Work, unix_nanos},
    report::{cost, line, percentile},
    server::Server,
};

/// Open connections on each node.
const ENTRIES: usize = 10_000;

pub fn run() -> Result<()> {
    let mut server = Server::start()?;
    let mut fleet = Fleet::start(&vec![server.url(); NODES], "auth:")?;
    fleet.all(&Order::Enter { first: 0, count: ENTRIES })?;
    for round in 1..=3 {
        outage(&mut server, &mut fleet, round)?;
    }
    Ok(())
}

fn outage(server: &mut Server, fleet: &mut Fleet, round: usize) -> Result<()> {
    let earlier = fleet.tallies()?;
    // About 1,000 requests and 100 revocations a second.
    let requests = Work::of(Kind::Request).secs(8.0).at_once(2).pause(Duration::from_millis(20));
    let revocations = Work::of(Kind::Revoke).first(1_000_000).secs(8.0).at_once(1).pause(Duration::from_millis(40));
    for (place, node) in fleet.0.iter_mut().enumerate() {
        node.send(&Order::Work(if place < 4 { revocations } else { requests }))?;
    }
    sleep(Duration::from_secs(2));
    server.kill();
    let killed = unix_nanos();
    sleep(Duration::from_secs(1));
    server.start_again()?;
    let back = unix_nanos();
    let cpu = fleet.cpu()?;
    let begin = server.snapshot()?;
    let done = fleet.0.iter_mut().map(|node| node.done()).collect::<Result<Vec<_>>>()?;
    let change = server.snapshot()?.since(&begin);
    let cpu = fleet.cpu()? - cpu;

    let tallies = fleet.tallies()?;
    let secs = |unix_nanos: u64| unix_nanos.saturating_sub(back) as f64 / 1e9;
    let sorted = |mut secs: Vec<f64>| {
        secs.sort_by(f64::total_cmp);
        secs
    };
    let hear = sorted(tallies.iter().map(|tally| secs(tally.last_missed_unix_nanos)).collect());
    let checked = sorted(tallies.iter().map(|tally| secs(tally.last_look_up_unix_nanos)).collect());
    let again: u64 = tallies.iter().zip(&earlier).map(|(now, earlier)| now.looked_up - earlier.looked_up).sum();
    let missed: u64 = tallies.iter().zip(&earlier).map(|(now, earlier)| now.missed - earlier.missed).sum();
    let failed: usize = done.iter().map(|done| done.failed).sum();
    let last_failure = done.iter().filter_map(|done| done.last_failure_unix_nanos).max().unwrap_or_default();
    line(
        &format!("outage {round}: nodes hear again"),
        format!(
            "after {:.2} s (median), {:.2} s (last of {NODES}); down for {:.2} s; missed {missed}",
            percentile(&hear, 0.5),
            percentile(&hear, 1.0),
            (back - killed) as f64 / 1e9
        ),
    );
    line(
        &format!("outage {round}: all connections are checked again"),
        format!(
            "{again} look-ups, done {:.2} s after Redis was back; from the first node that heard: {:.0} a second",
            percentile(&checked, 1.0),
            again as f64 / (percentile(&checked, 1.0) - percentile(&hear, 0.0)),
        ),
    );
    line(
        &format!("outage {round}: calls that failed"),
        format!("{failed}, the last one {:.2} s after Redis was back", secs(last_failure)),
    );
    cost(&format!("outage {round}: a look-up after Redis was back"), again as usize, &change, cpu);
    Ok(())
}
