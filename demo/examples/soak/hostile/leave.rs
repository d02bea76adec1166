//! Clients that disconnect in unusual ways.

use super::Hostile;
use crate::{
    client::{self, Http, Wire, connect},
    world::{Kind, Result},
};

/// A reset, one stage later each time.
pub(super) async fn resets(hostile: &Hostile) -> Result<()> {
    let stage = *hostile.round.lock().await % 7;
    match stage {
        0 => Wire::tcp(hostile.client.tcp().await?).reset(),
        1 | 2 => {
            let mut http = Http::connect(&hostile.client).await?;
            let headers = format!("{}authorization: Bearer {}\r\n", client::HANDSHAKE, hostile.token());
            let head = http.head("GET", path(hostile.kind), &headers);
            let some = if stage == 1 { head.len() / 2 } else { head.len() };
            http.write(head.as_bytes().get(..some).unwrap_or_default()).await?;
            http.reset();
        }
        3 => hostile.open().await?.wire.reset(),
        _ => {
            let mut socket = hostile.login().await?;
            let big = hostile.big();
            match stage {
                4 => {}
                // In the middle of a frame.
                5 => socket.wire.write(big.get(..1000).unwrap_or_default()).await?,
                // With an answer in flight.
                _ => socket.wire.write(&big).await?,
            }
            socket.wire.reset();
        }
    }
    Ok(())
}

fn path(kind: Kind) -> &'static str {
    match kind {
        Kind::Raw | Kind::H2 => "/ws",
        Kind::First => "/first",
        Kind::Polling | Kind::Socket => "/socket.io/?EIO=4&transport=websocket",
    }
}

/// Sends FIN, but would keep reading forever.
pub(super) async fn finishes(hostile: &Hostile) -> Result<()> {
    let logs_in = *hostile.round.lock().await % 2 == 0;
    let mut socket = if logs_in { hostile.login().await? } else { hostile.open().await? };
    socket.wire.finish().await?;
    Err(socket.drain().await)
}

/// More sockets of one user than the limit. The server cuts the oldest, and the client keeps them open.
pub(super) async fn too_many(hostile: &Hostile) -> Result<()> {
    let mut sockets = Vec::new();
    for _ in 0..20 {
        sockets.push(hostile.login().await?);
        hostile.flood_pause().await;
    }
    match sockets.first_mut() {
        Some(oldest) => Err(oldest.drain().await),
        None => Ok(()),
    }
}

pub(super) async fn namespaces(hostile: &Hostile) -> Result<()> {
    let mut socket = hostile.login().await?;
    loop {
        for packet in [connect("/one", &hostile.token()), "41/one,".into(), connect("/nowhere", "x"), "41".into()] {
            socket.send(&packet).await?;
            hostile.flood_pause().await;
        }
    }
}
