//! The goals. They are pinned here, so that a run can't move them.

use crate::{
    figures::Figure::{self, Added, Best, Over, Plain, Ratio},
    format::{self, number, quantity, short},
    http,
    plots::Plot,
    results::Results,
    table::Table,
};

struct Goal {
    work: &'static str,
    part: &'static str,
    figure: Figure<'static>,
    unit: &'static str,
    limit: Limit,
}

enum Limit {
    AtMost(f64),
    Below(f64),
    AtLeast(f64),
    Above(f64),
    /// As before the work on speed, give or take a tenth.
    Keep(f64),
    /// As `AtMost`, and without an allocation.
    WithoutAllocation(f64),
}
use Limit::{Above, AtLeast, AtMost, Below, Keep, WithoutAllocation};

const fn goal(
    work: &'static str,
    part: &'static str,
    figure: Figure<'static>,
    unit: &'static str,
    limit: Limit,
) -> Goal {
    Goal { work, part, figure, unit, limit }
}

const TIGHT: &str = "floor: tight verifier, HS256";
const DECODE: &str = "jsonwebtoken 11 decode, HS256";
const SMALL: &str = "bare axum, 4 KiB buffers";

const GOALS: &[Goal] = &[
    goal(
        "chain, HS256, beside a tight verifier by hand",
        "micro",
        Ratio { name: "ours, HS256", beside: TIGHT },
        "",
        AtMost(1.3),
    ),
    goal(
        "chain, HS256, beside `jsonwebtoken` 11 `decode`",
        "micro",
        Ratio { name: "ours, HS256", beside: DECODE },
        "",
        AtMost(0.5),
    ),
    goal(
        "chain, RS256, beside the signature alone",
        "micro",
        Ratio { name: "ours, RS256", beside: "floor: signature alone, RS256" },
        "",
        AtMost(1.07),
    ),
    goal(
        "chain, ES256, beside the signature alone",
        "micro",
        Ratio { name: "ours, ES256", beside: "floor: signature alone, ES256" },
        "",
        AtMost(1.02),
    ),
    goal(
        "chain, EdDSA, beside the signature alone",
        "micro",
        Ratio { name: "ours, EdDSA", beside: "floor: signature alone, EdDSA" },
        "",
        AtMost(1.02),
    ),
    goal(
        "RS256 remembered, beside parsing and SHA-256",
        "micro",
        Ratio { name: "ours, RS256 remembered", beside: "floor: parsing and SHA-256, RS256" },
        "",
        AtMost(1.5),
    ),
    goal(
        "ES256 remembered, beside parsing and SHA-256",
        "micro",
        Ratio { name: "ours, ES256 remembered", beside: "floor: parsing and SHA-256, ES256" },
        "",
        AtMost(1.5),
    ),
    goal(
        "EdDSA remembered, beside parsing and SHA-256",
        "micro",
        Ratio { name: "ours, EdDSA remembered", beside: "floor: parsing and SHA-256, EdDSA" },
        "",
        AtMost(1.5),
    ),
    goal(
        "one more strategy that is absent (cookie)",
        "micro",
        Plain { name: "ours, each of 7 absent" },
        "ns",
        WithoutAllocation(60.0),
    ),
    goal("a token over the limit, refused", "micro", Plain { name: "ours, token over the limit" }, "ns", Below(700.0)),
    goal("nobody, one strategy (401)", "micro", Plain { name: "ours, nobody" }, "ns", Keep(240.0)),
    goal("Basic without the hash", "micro", Plain { name: "ours, Basic without a hash" }, "ns", Keep(410.0)),
    goal(
        "what the layer adds to a route, HS256, beside what the tight verifier adds",
        "service",
        Added { name: "ours, HS256", beside: "tight verifier", base: "bare" },
        "",
        AtMost(1.1),
    ),
    goal(
        "the same, ES256 remembered, beside the tight verifier for HS256",
        "service",
        Added { name: "ours, ES256 remembered", beside: "tight verifier", base: "bare" },
        "",
        AtMost(1.0),
    ),
    goal("the same, refusal of nobody", "service", Over { name: "ours, nobody", base: "bare" }, "ns", AtMost(1000.0)),
    goal(
        "a route behind a login in memory, two calls of `layer`, beside tower-sessions",
        "session",
        Ratio { name: "ours, session", beside: "tower-sessions" },
        "",
        Below(1.0),
    ),
    goal(
        "the same, beside axum-login",
        "session",
        Ratio { name: "ours, session", beside: "axum-login" },
        "",
        Below(1.0),
    ),
    goal(
        "the same, both layers in one call, beside tower-sessions",
        "session",
        Ratio { name: "ours, session, one layer", beside: "tower-sessions" },
        "",
        Below(1.0),
    ),
    goal(
        "memory of an idle WebSocket, over bare axum with the same buffers",
        "websocket memory",
        Over { name: "ours", base: SMALL },
        "bytes",
        AtMost(1228.8),
    ),
    goal(
        "HTTP over loopback, HS256, beside the tight verifier",
        "http",
        Ratio { name: "ours, HS256", beside: "tight verifier, HS256" },
        "",
        AtLeast(0.97),
    ),
    goal(
        "HTTP, ES256, beside the tight verifier",
        "http",
        Ratio { name: "ours, ES256", beside: "tight verifier, ES256" },
        "",
        AtLeast(0.97),
    ),
    goal(
        "HTTP, RS256, beside the tight verifier",
        "http",
        Ratio { name: "ours, RS256", beside: "tight verifier, RS256" },
        "",
        AtLeast(0.97),
    ),
    goal(
        "HTTP, HS256, beside the best peer",
        "http",
        Best { name: "ours, HS256", others: &http::HS256_PEERS },
        "",
        Above(1.0),
    ),
    goal(
        "HTTP, ES256, beside the best peer",
        "http",
        Best { name: "ours, ES256", others: &http::ES256_PEERS },
        "",
        Above(1.0),
    ),
    goal(
        "HTTP, RS256, beside the best peer",
        "http",
        Best { name: "ours, RS256", others: &http::RS256_PEERS },
        "",
        Above(1.0),
    ),
];

/// The table of all goals.
pub fn table(results: &Results, plots: &[Plot]) -> String {
    let mut table = Table::new(&["Work", "Goal", "Figure", "Met", "With a subscriber at INFO"]);
    for goal in GOALS {
        let (figure, met) = goal.found(results, goal.part);
        let (informed, _) = goal.found(results, &format!("{}, INFO", goal.part));
        let informed = if informed == MISSING { String::new() } else { informed };
        table.row(&[goal.work.to_owned(), goal.limit.text(goal.unit), figure, met.to_owned(), informed]);
    }
    for growth in plots.iter().flat_map(Plot::growth).filter(|growth| !growth.name.starts_with(FLOOR)) {
        let (goal, met) = match FLAT.contains(&(growth.plot, growth.name)) {
            true => ("flat", growth.last.1 <= growth.first.1 * TOLERANCE),
            false => ("at most linear", growth.is_at_most_linear(TOLERANCE)),
        };
        let work = format!("{}, over {}", growth.name, growth.plot);
        let [size, cost] = [growth.size(), growth.cost()].map(number);
        let figure = format!("{} times the size, {} times the cost", short(&size), short(&cost));
        table.row(&[work, goal.to_owned(), figure, yes(met).to_owned(), String::new()]);
    }
    table.text()
}

/// What must not grow at all: plot and series.
const FLAT: [(&str, &str); 1] = [("keys", "ours, HS256 with `kid`")];
/// How the names of series begin that are not ours.
const FLOOR: &str = "tight verifier";
/// For noise.
const TOLERANCE: f64 = 1.1;

const MISSING: &str = "not measured";

impl Goal {
    /// The median with the spread, and whether it meets the goal.
    fn found(&self, results: &Results, part: &str) -> (String, &'static str) {
        let Some(spread) = self.figure.spread(results, part) else { return (MISSING.into(), "") };
        let mut text = format::spread(spread, self.unit);
        let mut met = self.limit.holds(spread.median);
        let missing = self.figure.missing(results, part);
        if !missing.is_empty() {
            text += &format!(", not measured: {}", missing.join("; "));
            met = false;
        }
        if let (WithoutAllocation(_), Plain { name }) = (&self.limit, self.figure) {
            let allocations = results.side(part, name).and_then(|line| line.allocations).unwrap_or_default();
            text += &format!(", {allocations} allocations");
            met &= allocations == 0;
        }
        (text, yes(met))
    }
}

fn yes(met: bool) -> &'static str {
    if met { "yes" } else { "**no**" }
}

impl Limit {
    fn holds(&self, value: f64) -> bool {
        match *self {
            AtMost(limit) | WithoutAllocation(limit) => value <= limit,
            Below(limit) => value < limit,
            AtLeast(limit) => value >= limit,
            Above(limit) => value > limit,
            Keep(limit) => value <= limit * 1.1,
        }
    }

    fn text(&self, unit: &str) -> String {
        let quantity = |value| short(&quantity(value, unit));
        match *self {
            AtMost(limit) => format!("≤ {}", quantity(limit)),
            Below(limit) => format!("< {}", quantity(limit)),
            AtLeast(limit) => format!("≥ {}", quantity(limit)),
            Above(limit) => format!("> {}", quantity(limit)),
            Keep(limit) => format!("keep {}", quantity(limit)),
            WithoutAllocation(limit) => format!("≤ {}, 0 allocations", quantity(limit)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_holds_at_its_limit_and_not_beyond() {
        assert!(AtMost(1.3).holds(1.3) && !AtMost(1.3).holds(1.31));
        assert!(Below(700.0).holds(699.0) && !Below(700.0).holds(700.0));
        assert!(AtLeast(0.97).holds(0.97) && !AtLeast(0.97).holds(0.96));
        assert!(Above(1.0).holds(1.01) && !Above(1.0).holds(1.0));
        assert!(Keep(100.0).holds(110.0) && !Keep(100.0).holds(111.0));
    }
}
