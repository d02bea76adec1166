//! What a service costs past one machine: 16 nodes, each a process of its own, around a real Redis.
//!
//! `cargo run --release -p scaling` runs all parts, `cargo run --release -p scaling -- registry outage` some. Linux, with
//! `redis-server` and `redis-cli`.

mod counted;
mod fleet;
mod node;
mod order;
mod parts;
mod report;
mod server;
mod service;
mod sharded;
mod usage;

use std::env;

/// The number of nodes.
const NODES: usize = 16;

type Error = Box<dyn std::error::Error + Send + Sync>;
type Result<T> = std::result::Result<T, Error>;

const PARTS: [(&str, fn() -> Result<()>); 7] = [
    ("revocations", parts::revocations::run),
    ("lookups", parts::lookups::run),
    ("memory", parts::memory::run),
    ("registry", parts::registry::run),
    ("passwords", parts::passwords::run),
    ("outage", parts::outage::run),
    ("cluster", parts::cluster::run),
];

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let [node, urls, prefix, follows] = &arguments[..]
        && node == "node"
    {
        return node::run(urls, prefix, follows == "follows");
    }
    if let Some(unknown) = arguments.iter().find(|name| PARTS.iter().all(|(part, _)| part != name)) {
        return Err(format!("unknown part {unknown}").into());
    }
    report::machine()?;
    for (name, run) in PARTS {
        if arguments.is_empty() || arguments.iter().any(|argument| argument == name) {
            println!("\n# {name}");
            run()?;
        }
    }
    Ok(())
}
