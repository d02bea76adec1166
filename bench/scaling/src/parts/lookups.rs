//! What requests, handshakes and tickets ask of Redis, and how many of them one core of Redis serves.

use crate::{
    NODES, Result,
    fleet::Fleet,
    order::{Kind, Work},
    report::{cost, line},
    server::Server,
};

const SECS: f64 = 4.0;

pub fn run() -> Result<()> {
    let server = Server::start()?;
    let mut fleet = Fleet::start(&vec![server.url(); NODES], "auth:")?;
    fill(&mut fleet)?;
    let works = [
        ("request", Kind::Request),
        ("handshake", Kind::Handshake),
        ("ticket bought", Kind::BuyTicket),
        ("ticket bought and used", Kind::Ticket),
    ];
    for (name, kind) in works {
        for at_once in [1, 64] {
            measure(&mut fleet, &server, &format!("{name}, {at_once} at once"), 1, Work::of(kind).at_once(at_once))?;
        }
    }
    for (nodes, at_once) in [(1, 256), (4, 64), (16, 16), (16, 64)] {
        let what = format!("request, {nodes} nodes, {at_once} at once each");
        measure(&mut fleet, &server, &what, nodes, Work::of(Kind::Request).at_once(at_once))?;
    }
    Ok(())
}

/// Look-ups in an empty Redis are too cheap.
pub fn fill(fleet: &mut Fleet) -> Result<()> {
    fleet.0[0].work(Work::of(Kind::Revoke).first(1_000_000).count(100_000).at_once(64)).map(drop)
}

pub fn measure(fleet: &mut Fleet, server: &Server, what: &str, nodes: usize, work: Work) -> Result<()> {
    let (before, cpu) = (server.snapshot()?, fleet.cpu()?);
    let done = fleet.work(nodes, work.secs(SECS))?;
    let (change, cpu) = (server.snapshot()?.since(&before), fleet.cpu()? - cpu);
    let total: usize = done.iter().map(|done| done.done).sum();
    let failed: usize = done.iter().map(|done| done.failed).sum();
    cost(what, total, &change, cpu);
    line(
        what,
        format!(
            "{:.0} a second, {failed} failed; Redis {:.0} % of a core: {:.0} a second for a whole one",
            total as f64 / SECS,
            100.0 * change.cpu() / SECS,
            total as f64 / change.cpu(),
        ),
    );
    Ok(())
}
