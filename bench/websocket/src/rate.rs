use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use floors::{DISTINCT, Key, Line, record};
use tokio::{runtime::Runtime, task::JoinSet};
use tokio_tungstenite::tungstenite::handshake::client::Request;

use crate::{
    Failure, KINDS,
    client::{AT_A_TIME, close, echo, open, requests},
    number,
    process::Server,
};

#[derive(Clone, Copy)]
pub enum What {
    Handshakes,
    Echoes,
}

/// Loads the servers in rounds, one at a time, in an order that is shuffled each time.
pub fn measure(runtime: &Runtime, key: &Key, what: What) -> Result<(), Failure> {
    let servers = KINDS.map(|kind| Server::start(kind, key));
    let mut sides = Vec::new();
    for server in servers {
        let server = server?;
        sides.push((requests(server.addr(), key, DISTINCT)?, server, Vec::new(), Vec::new()));
    }
    let time = Duration::from_secs(number("LOAD_SECONDS", 2));
    let mut order: Vec<_> = (0..sides.len()).collect();
    for round in 0..=number("ROUNDS", 5) {
        fastrand::shuffle(&mut order);
        for &at in &order {
            let (requests, server, rates, cpu) = &mut sides[at];
            let (before, began) = (server.cpu_nanos()?, Instant::now());
            let done = runtime.block_on(load(server.addr(), requests, what, began + time))?;
            // The first round warms up.
            if round > 0 {
                rates.push(done as f64 / began.elapsed().as_secs_f64());
                cpu.push((server.cpu_nanos()? - before) as f64 / 1e3 / done as f64);
            }
        }
    }
    let (part, unit) = match what {
        What::Handshakes => ("websocket handshakes", "open, echo, close/s"),
        What::Echoes => ("websocket echoes", "echoes/s"),
    };
    let beside = ["bare axum, 4 KiB buffers".to_owned()];
    for (kind, (_, _, rates, cpu)) in KINDS.iter().zip(&sides) {
        let line = Line { name: kind, beside: &beside, ..Line::default() };
        record(&Line { part, unit, values: rates, ..line.clone() });
        record(&Line { part: &format!("{part} CPU"), unit: "µs", values: cpu, ..line });
    }
    Ok(())
}

/// How often all workers together did it until this time.
async fn load(addr: SocketAddr, requests: &[Request], what: What, until: Instant) -> Result<u64, Failure> {
    let mut workers = JoinSet::new();
    for worker in 0..AT_A_TIME {
        let mine: Vec<_> = requests.iter().skip(worker).step_by(AT_A_TIME).cloned().collect();
        match what {
            What::Handshakes => workers.spawn(handshakes(addr, mine, worker, until)),
            What::Echoes => workers.spawn(echoes(addr, mine, worker, until)),
        };
    }
    let mut done = 0;
    while let Some(worker) = workers.join_next().await {
        done += worker??;
    }
    Ok(done)
}

async fn handshakes(addr: SocketAddr, requests: Vec<Request>, worker: usize, until: Instant) -> Result<u64, Failure> {
    let mut done = 0;
    for (at, request) in requests.iter().cycle().enumerate() {
        if Instant::now() >= until {
            break;
        }
        let mut socket = open(addr, request.clone(), worker + at).await?;
        echo(&mut socket).await?;
        close(socket).await?;
        done += 1;
    }
    Ok(done)
}

async fn echoes(addr: SocketAddr, requests: Vec<Request>, worker: usize, until: Instant) -> Result<u64, Failure> {
    let request = requests.into_iter().next().ok_or("no request")?;
    let mut socket = open(addr, request, worker).await?;
    let mut done = 0;
    while Instant::now() < until {
        echo(&mut socket).await?;
        done += 1;
    }
    close(socket).await?;
    Ok(done)
}
