//! The memory that Redis needs for revocations and tickets.

use crate::{
    Result,
    fleet::Node,
    order::{Kind, Work},
    report::line,
    server::Server,
};

const COUNT: usize = 100_000;

pub fn run() -> Result<()> {
    for (name, kind, pattern) in [
        ("revoked token", Kind::Revoke, "auth:credential:*"),
        ("user logged out everywhere", Kind::RevokeUser, "auth:user:*"),
        ("ticket that is not used yet", Kind::BuyTicket, "auth:ticket:*"),
    ] {
        let server = Server::start()?;
        let mut node = Node::start(&server.url(), "auth:", false)?;
        node.work(Work::of(kind).count(100))?;
        let (before, keys_before): (_, f64) = (server.snapshot()?, server.ask(&["DBSIZE"])?);
        let done = node.work(Work::of(kind).first(1000).count(COUNT).at_once(64))?;
        let (change, keys): (_, f64) = (server.snapshot()?.since(&before), server.ask(&["DBSIZE"])?);
        let (_, found): (String, Vec<String>) = server.ask(&["SCAN", "0", "MATCH", pattern, "COUNT", "1000"])?;
        let one: u64 = server.ask(&["MEMORY", "USAGE", found.first().ok_or("no key")?])?;
        let (keys, secs) = (keys - keys_before, done.secs);
        line(
            &format!("memory of a {name}"),
            format!(
                "{:.0} bytes of `used_memory`, {:.0} resident, {one} by MEMORY USAGE; {keys:.0} keys in {secs:.1} s",
                change.number("used_memory") / keys,
                change.number("resident") / keys,
            ),
        );
    }
    Ok(())
}
