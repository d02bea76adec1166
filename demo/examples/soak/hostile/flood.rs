//! Clients that make the server keep data for them.

use futures_util::future::try_join;

use super::Hostile;
use crate::{
    client::{self, Socket, Wire},
    world::{Kind, Result},
};

/// Sends pings, and reads no pong.
pub(super) async fn pings(hostile: &Hostile) -> Result<()> {
    let socket = hostile.login().await?;
    flood(hostile, socket, &pings_of(hostile)).await
}

pub(super) async fn pings_of_a_stranger(hostile: &Hostile) -> Result<()> {
    let socket = hostile.open().await?;
    flood(hostile, socket, &pings_of(hostile)).await
}

fn pings_of(hostile: &Hostile) -> Vec<u8> {
    let ping = client::frame(client::PING, &[b'x'; 125]);
    ping.repeat(hostile.client.world.plan.burst / ping.len())
}

/// Sends messages that are echoed, and reads none.
pub(super) async fn big_messages(hostile: &Hostile) -> Result<()> {
    let socket = hostile.login().await?;
    let big = hostile.big();
    flood(hostile, socket, &big.repeat((hostile.client.world.plan.burst / big.len()).max(1))).await
}

/// Writes until the server cuts the connection, which is an error.
async fn flood(hostile: &Hostile, mut socket: Socket, burst: &[u8]) -> Result<()> {
    loop {
        socket.wire.write(burst).await?;
        hostile.flood_pause().await;
    }
}

/// Sends messages that are echoed, and keeps reading a little, so the client is not dead.
pub(super) async fn slow_drain(hostile: &Hostile) -> Result<()> {
    let Socket { wire: Wire { mut out, mut back }, .. } = hostile.login().await?;
    let big = hostile.big();
    let sends = async {
        loop {
            out.write(&big).await?;
            hostile.flood_pause().await;
        }
    };
    let reads = async {
        loop {
            back.read(&mut Vec::with_capacity(8 * 1024)).await?;
            hostile.flood_pause().await;
        }
    };
    try_join(sends, reads).await.map(|((), ())| ())
}

/// A frame whose head announces far too many bytes, and as many of them as the server takes.
pub(super) async fn too_big(hostile: &Hostile) -> Result<()> {
    let mut socket = hostile.login().await?;
    if hostile.kind == Kind::Socket {
        // A packet that announces attachments, one of which never comes.
        socket.send(r#"452-["message",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#).await?;
        socket.wire.write(&client::frame(0x2, &[0; 60_000])).await?;
    }
    socket.wire.write(&client::frame(client::TEXT, &vec![b'x'; 1024 * 1024])).await?;
    Err(socket.drain().await)
}
