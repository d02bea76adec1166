use crate::{
    bars,
    figures::{Figure, Spread},
    format,
    results::{Line, Results},
    table::Table,
};

pub const HS256_PEERS: [&str; 5] = [
    "jsonwebtoken 10 by hand, HS256",
    "jsonwebtoken 10 by hand, RustCrypto, HS256",
    "jsonwebtoken 11 by hand, HS256",
    "axum-jwt-auth, HS256",
    "jwt-authorizer, HS256",
];
pub const ES256_PEERS: [&str; 5] = [
    "jsonwebtoken 11 by hand, ES256",
    "axum-jwt-auth, ES256",
    "jwt-authorizer, ES256",
    "tower-oauth2-resource-server, ES256",
    "oauth-resource-server, ES256",
];
pub const RS256_PEERS: [&str; 6] = [
    "jsonwebtoken 11 by hand, RS256",
    "axum-jwt-auth, RS256",
    "jwt-authorizer, RS256",
    "authkestra, RS256",
    "tower-oauth2-resource-server, RS256",
    "oauth-resource-server, RS256",
];

pub const ALGORITHMS: [&str; 3] = ["HS256", "ES256", "RS256"];

const BARE: &str = "bare axum";

/// The sides with this algorithm, and those that check nothing, fastest first. Empty if the algorithm was not measured.
pub fn sides<'a>(results: &'a Results, part: &str, algorithm: &str) -> Vec<&'a Line> {
    let mut sides = results.part(part);
    if !sides.iter().any(|line| line.name.contains(algorithm)) {
        return Vec::new();
    }
    sides.retain(|line| line.name.contains(algorithm) || !line.name.contains("256"));
    sides.sort_by(|one, other| median(&other.values).total_cmp(&median(&one.values)));
    sides
}

/// The name without the algorithm.
pub fn short_name(line: &Line, algorithm: &str) -> String {
    line.name.replace(&format!(", {algorithm}"), "").replacen(" remembered", ", remembered", 1)
}

/// One table for each algorithm, fastest first.
pub fn tables(results: &Results, part: &str, cpu: &str) -> String {
    let mut text = String::new();
    for algorithm in ALGORITHMS {
        let sides = sides(results, part, algorithm);
        if sides.is_empty() {
            continue;
        }
        let tight = format!("tight verifier, {algorithm}");
        let mut table =
            Table::new(&[algorithm, "requests/s", "of bare axum", "of the tight verifier", "CPU a request"]);
        for line in sides {
            let name = short_name(line, algorithm);
            let ratio = |beside| Figure::Ratio { name: &line.name, beside }.spread(results, part);
            let cpu = results.side(cpu, &line.name).and_then(|line| Spread::of(&line.values));
            table.row(&[
                emphasized(&name),
                Spread::of(&line.values).map_or_else(String::new, |spread| format::spread(spread, &line.unit)),
                text_of(ratio(BARE), ""),
                text_of(ratio(&tight), ""),
                text_of(cpu, "µs"),
            ]);
        }
        if part == "http" {
            text += &format!("![Requests a second with {algorithm}](benchmarks/{})\n\n", bars::file(algorithm));
        }
        text += &table.text();
    }
    text
}

fn emphasized(name: &str) -> String {
    if name.starts_with("ours") { format!("**{name}**") } else { name.to_owned() }
}

fn text_of(spread: Option<Spread>, unit: &str) -> String {
    spread.map_or_else(String::new, |spread| format::spread(spread, unit))
}

fn median(values: &[f64]) -> f64 {
    Spread::of(values).map_or(0.0, |spread| spread.median)
}
