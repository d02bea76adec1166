//! HTTP over loopback: every server answers `GET /me`, with its own check of the token in front.
//!
//! All servers run from the start and wait on CPU 0; `wrk` on CPU 1 loads one of them at a time, through 64 connections and
//! with 1,024 tokens in turn. A round loads each server once, in an order that is shuffled each time, so the values of two
//! servers in one round are a pair.
//!
//! The environment: `ROUNDS` (9), `LOAD_SECONDS` (2), `ONLY` (part of the name of the sides to run), `LOG=info`
//! (all servers log), `QUIET` (how many seconds to wait at most for a quiet machine; 5), `TRIES` (how often a load that a
//! neighbour disturbs runs at most; 3).

mod issuer;
mod keys;
mod machine;
mod number;
mod server;
mod sides;
mod wrk;

use std::{env, error::Error};

use floors::{Line, record};

use self::{issuer::Issuer, keys::Keys, number::number, server::Server, sides::Side, wrk::Load};

/// The part of the results that names the sides that failed [`Server::check`].
const LEFT_OUT: &str = "left out";

/// What one side has shown so far.
struct Measured<'a> {
    side: &'a Side,
    server: Server,
    requests: Vec<f64>,
    cpu: Vec<f64>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let keys = Keys::make()?;
    let issuer = Issuer::start(keys.jwks().to_owned())?;
    let only = env::var("ONLY").unwrap_or_default();
    let sides: Vec<_> = sides::all().into_iter().filter(|side| side.name.contains(&only)).collect();

    let mut all = Vec::new();
    for side in &sides {
        let Some(server) = Server::start(side, &keys, &issuer)? else { continue };
        if let Err(error) = server.check(side, &keys) {
            eprintln!("{} is left out: {error}", side.name);
            record(&Line { part: LEFT_OUT, name: &side.name, unit: "", ..Line::default() });
            continue;
        }
        all.push(Measured { side, server, requests: Vec::new(), cpu: Vec::new() });
    }
    let load =
        Load { seconds: number("LOAD_SECONDS", 2), quiet_seconds: number("QUIET", 5), tries: number("TRIES", 3) };
    for one in &all {
        Load { seconds: 1, quiet_seconds: 0, tries: 1 }.run(&one.server, &keys.script(one.side.alg))?;
    }
    let rounds = number("ROUNDS", 9);
    let mut order: Vec<_> = (0..all.len()).collect();
    for round in 1..=rounds {
        fastrand::shuffle(&mut order);
        for &at in &order {
            let one = &mut all[at];
            let sample = load.undisturbed(&one.server, &keys.script(one.side.alg))?;
            eprintln!("{round}/{rounds} {:<44} {sample}", one.side.name);
            one.requests.push(sample.requests_per_second);
            one.cpu.push(sample.cpu_micros);
        }
    }
    all.iter().for_each(report);
    Ok(())
}

fn report(one: &Measured<'_>) {
    let (part, cpu) = match env::var("LOG").as_deref() {
        Ok("info") => ("http, INFO", "http CPU, INFO"),
        _ => ("http", "http CPU"),
    };
    let mut beside = vec!["bare axum".to_owned()];
    beside.extend(one.side.alg.map(|alg| format!("tight verifier, {}", alg.name())));
    let line = Line { name: &one.side.name, beside: &beside, ..Line::default() };
    record(&Line { part, unit: "requests/s", values: &one.requests, ..line.clone() });
    record(&Line { part: cpu, unit: "µs", values: &one.cpu, ..line });
}
