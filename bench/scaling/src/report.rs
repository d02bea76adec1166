//! How results are printed.

use std::{fs, process::Command};

use crate::{Result, server::Snapshot};

/// The machine and the versions.
pub fn machine() -> Result<()> {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo")?;
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let version = String::from_utf8(Command::new("redis-server").arg("--version").output()?.stdout)?;
    let threads = std::thread::available_parallelism()?;
    line("processor", format!("{threads} cores, {}", model.trim_start_matches([' ', '\t', ':'])));
    line("redis", version.split_whitespace().nth(2).unwrap_or_default());
    Ok(())
}

pub fn line(what: &str, value: impl std::fmt::Display) {
    println!("{what:<58} {value}");
}

/// What each of `count` operations cost Redis.
pub fn cost(what: &str, count: usize, change: &Snapshot, nodes_cpu: f64) {
    let each = |total: f64| total / count as f64;
    line(
        what,
        format!(
            "{:.0} bytes in, {:.0} out, {:.2} reads, {:.2} writes; Redis {:.2} µs CPU; nodes {:.1} µs CPU; {}",
            each(change.bytes_in()),
            each(change.bytes_out()),
            each(change.number("total_reads_processed")),
            each(change.number("total_writes_processed")),
            each(change.cpu()) * 1e6,
            each(nodes_cpu) * 1e6,
            commands(change, count),
        ),
    );
}

/// Calls an operation, by command, with the microseconds of one call.
fn commands(change: &Snapshot, count: usize) -> String {
    let named = change.commands.iter().filter(|(_, (calls, _))| *calls > count as f64 / 100.0);
    let named = named.map(|(name, (calls, micros))| {
        format!("{:.2} {} ({:.2} µs)", calls / count as f64, name.to_uppercase(), micros / calls)
    });
    named.collect::<Vec<_>>().join(", ")
}

/// The value that `part` of all values do not exceed.
pub fn percentile(sorted: &[f64], part: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    sorted.get((last as f64 * part).round() as usize).copied().unwrap_or(f64::NAN)
}
