use std::{fs::OpenOptions, io::Write as _};

use serde::Serialize;

/// One measured side. A later line with the same `part` and `name` adds what the first one lacks.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Line<'a> {
    /// The program: `service`, `micro`, `size`, `http`, …
    pub part: &'a str,
    pub name: &'a str,
    /// Of `values`: `ns`, `requests/s`, `bytes`, …
    pub unit: &'a str,
    /// One per round, in the order of the rounds: the values of two sides of a run are pairs.
    pub values: &'a [f64],
    /// The sides of the same part to compare with: the ratio of two values of one round counts.
    pub beside: &'a [String],
    /// The side that is subtracted from both sides before they are compared.
    pub over: Option<&'a str>,
    /// Each time.
    pub allocations: Option<u64>,
    /// Allocated each time.
    pub bytes: Option<u64>,
    /// Each time, as callgrind counts.
    pub instructions: Option<u64>,
    /// The plot that the line is a point of, by the name of its x axis.
    pub plot: Option<&'a str>,
    pub x: Option<f64>,
}

/// Prints the line, and appends it as JSON to the file named by `BENCH_RESULTS`, if that is set.
///
/// # Panics
/// If the file can't be written.
pub fn record(line: &Line<'_>) {
    println!("{}", readable(line));
    let Some(path) = std::env::var_os("BENCH_RESULTS") else { return };
    let json = serde_json::to_string(line).expect("JSON") + "\n";
    let file = OpenOptions::new().create(true).append(true).open(&path);
    file.and_then(|mut file| file.write_all(json.as_bytes())).expect("the file of BENCH_RESULTS is writable");
}

fn readable(line: &Line<'_>) -> String {
    let mut text = format!("{:<10} {:<52}", line.part, line.name);
    let mut sorted = line.values.to_vec();
    sorted.sort_by(f64::total_cmp);
    if let [least, .., most] = sorted[..] {
        text += &format!(" {:>10.1} {} [{least:.1}..{most:.1}]", median(line.values), line.unit);
    } else if let [one] = sorted[..] {
        text += &format!(" {one:>10.1} {}", line.unit);
    }
    for (count, name) in [(line.allocations, "allocations"), (line.bytes, "bytes"), (line.instructions, "instructions")]
    {
        if let Some(count) = count {
            text += &format!(", {count} {name}");
        }
    }
    text
}

/// The middle value; of an even number, the upper of the two in the middle. 0 if there is none.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}
