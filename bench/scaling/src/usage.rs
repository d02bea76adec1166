//! CPU time and memory of a process, from `/proc`.

use std::fs;

use crate::Result;

/// Ticks a second, on every Linux of today.
const TICKS: f64 = 100.0;

/// The CPU time that a process has used, in seconds, in steps of 10 ms.
pub fn cpu(pid: u32) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name in parentheses may have blanks.
    let after = stat.rsplit_once(')').ok_or("no name in stat")?.1;
    let ticks: u64 = after.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    Ok(ticks as f64 / TICKS)
}

/// The resident memory of a process, in bytes.
pub fn resident(pid: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    let kib: u64 = line.split_whitespace().next().ok_or("no number")?.parse()?;
    Ok(kib * 1024)
}
