//! The memory of an entry in a registry: the slope of the resident memory of a process.

use std::time::Instant;

use crate::{Result, fleet::Node, order::Order, report::line, server::Server, usage};

pub fn run() -> Result<()> {
    let server = Server::start()?;
    let mut node = Node::start(&server.url(), "auth:", false)?;
    let (mut count, mut before) = (0, usage::resident(node.pid())?);
    for until in [10_000, 100_000, 1_000_000] {
        let (begun, cpu, more) = (Instant::now(), usage::cpu(node.pid())?, until - count);
        node.ask(&Order::Enter { first: count, count: more })?;
        let (now, cpu) = (usage::resident(node.pid())?, usage::cpu(node.pid())? - cpu);
        line(
            &format!("entries in one registry, {count} to {until}"),
            format!(
                "{:.0} bytes each; {:.1} µs CPU each to sign, check and enter; {:.1} s",
                (now as f64 - before as f64) / more as f64,
                cpu * 1e6 / more as f64,
                begun.elapsed().as_secs_f64(),
            ),
        );
        (count, before) = (until, now);
    }
    let (begun, cpu) = (Instant::now(), usage::cpu(node.pid())?);
    node.ask(&Order::Leave)?;
    let cpu = usage::cpu(node.pid())? - cpu;
    line(
        "all of them leave",
        format!("{:.1} µs CPU each; {:.1} s", cpu * 1e6 / count as f64, begun.elapsed().as_secs_f64()),
    );
    Ok(())
}
