//! HTTP over loopback: every server answers `GET /me`, with its own check of the token in front.
//!
//! All servers run from the start and wait on CPU 0; run this program on CPU 1. It loads one of them at a time, through 64
//! connections and with 1,024 tokens in turn. A round loads each server once, in an order that is shuffled each time, so the
//! values of two servers in one round are a pair. A shared machine is faster in some seconds than in others. So the loads are
//! short and many: then most pairs are of one kind of second.
//!
//! This process needs 64 file descriptors for each side (`ulimit -n 4096`). The environment: `ROUNDS` (31), `LOAD_MILLIS`
//! (100), `ONLY` (part of the name of the sides to run), `LOG=info` (all servers log).

mod client;
mod issuer;
mod keys;
mod number;
mod server;
mod sides;

use std::{env, time::Duration};

use floors::{Line, record};
use tokio::runtime::Builder;

use self::{
    client::{Client, Failure},
    issuer::Issuer,
    keys::Keys,
    number::number,
    server::Server,
    sides::Side,
};

/// The part of the results that names the sides that failed [`Server::check`].
const LEFT_OUT: &str = "left out";

/// The first load of each server.
const WARM_UP: Duration = Duration::from_millis(500);

/// What one side has shown so far.
struct Measured<'a> {
    side: &'a Side,
    server: Server,
    client: Client,
    requests: Vec<f64>,
    cpu: Vec<f64>,
}

fn main() -> Result<(), Failure> {
    let keys = Keys::make()?;
    let issuer = Issuer::start(keys.jwks().to_owned())?;
    let only = env::var("ONLY").unwrap_or_default();
    let sides: Vec<_> = sides::all().into_iter().filter(|side| side.name.contains(&only)).collect();
    let runtime = Builder::new_current_thread().enable_io().build()?;

    let mut all = Vec::new();
    for side in &sides {
        let Some(server) = Server::start(side, &keys, &issuer)? else { continue };
        if let Err(error) = server.check(side, &keys) {
            eprintln!("{} is left out: {error}", side.name);
            record(&Line { part: LEFT_OUT, name: &side.name, unit: "", ..Line::default() });
            continue;
        }
        let client = runtime.block_on(Client::connect(server.addr(), keys.tokens(side.alg)))?;
        all.push(Measured { side, server, client, requests: Vec::new(), cpu: Vec::new() });
    }
    for one in &mut all {
        runtime.block_on(one.client.load(WARM_UP))?;
    }
    let time = Duration::from_millis(number("LOAD_MILLIS", 100));
    let mut order: Vec<_> = (0..all.len()).collect();
    for _ in 0..number("ROUNDS", 31) {
        fastrand::shuffle(&mut order);
        for &at in &order {
            let one = &mut all[at];
            let before = one.server.cpu_nanos()?;
            let done = runtime.block_on(one.client.load(time))?;
            let cpu = (one.server.cpu_nanos()? - before) as f64;
            one.requests.push(done.requests as f64 / done.time.as_secs_f64());
            one.cpu.push(cpu / 1e3 / done.requests as f64);
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
