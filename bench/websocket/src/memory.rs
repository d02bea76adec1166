use std::{net::SocketAddr, thread::sleep, time::Duration};

use floors::{Key, Line, record};
use tokio::{runtime::Runtime, task::JoinSet};
use tokio_tungstenite::tungstenite::handshake::client::Request;

use crate::{
    Failure, KINDS,
    client::{AT_A_TIME, Socket, open, requests},
    number,
    process::Server,
};

const FEW: usize = 2_000;
const MANY: usize = 10_000;

/// A new server for each measurement, since a server keeps memory that was used once.
pub fn measure(runtime: &Runtime, key: &Key) -> Result<(), Failure> {
    let mut bytes: [Vec<f64>; KINDS.len()] = Default::default();
    let mut cpu = bytes.clone();
    let idle = Duration::from_secs(number("IDLE", 10));
    let rounds = number("ROUNDS", 5).min(3);
    for round in 1..=rounds {
        for (at, kind) in KINDS.iter().enumerate() {
            let server = Server::start(kind, key)?;
            let requests = requests(server.addr(), key, MANY)?;
            let mut sockets = runtime.block_on(open_all(server.addr(), &requests[..FEW]))?;
            let few = settled(&server)?;
            sockets.extend(runtime.block_on(open_all(server.addr(), &requests[FEW..]))?);
            let many = settled(&server)?;
            bytes[at].push((many as f64 - few as f64) / (MANY - FEW) as f64);
            if round == rounds && !idle.is_zero() {
                let before = server.cpu_nanos()?;
                sleep(idle);
                cpu[at].push((server.cpu_nanos()? - before) as f64 / 1e6 / idle.as_secs_f64());
            }
            drop(sockets);
        }
    }
    let beside = ["bare axum, 4 KiB buffers".to_owned()];
    for (at, kind) in KINDS.iter().enumerate() {
        let line = Line { name: kind, beside: &beside, ..Line::default() };
        record(&Line { part: "websocket memory", unit: "bytes", values: &bytes[at], ..line.clone() });
        if !cpu[at].is_empty() {
            record(&Line { part: "websocket idle", unit: "ms CPU/s", values: &cpu[at], ..line });
        }
    }
    Ok(())
}

async fn open_all(addr: SocketAddr, requests: &[Request]) -> Result<Vec<Socket>, Failure> {
    let mut sockets = Vec::with_capacity(requests.len());
    for (at, some) in requests.chunks(AT_A_TIME).enumerate() {
        let mut opening = JoinSet::new();
        for (number, request) in some.iter().cloned().enumerate() {
            opening.spawn(open(addr, request, at + number));
        }
        while let Some(socket) = opening.join_next().await {
            sockets.push(socket??);
        }
    }
    Ok(sockets)
}

/// The resident memory when the last handshake is over, in bytes.
fn settled(server: &Server) -> Result<u64, Failure> {
    sleep(Duration::from_secs(1));
    server.memory()
}
