//! Attacks before authentication.

use axum::body::Bytes;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use h2::Reason;

use super::Hostile;
use crate::{
    client::{self, Http, Wire, presentation},
    server::PASSWORD,
    world::{Kind, Result},
};

/// A TCP connection without a byte.
pub(super) async fn silent(hostile: &Hostile) -> Result<()> {
    Wire::tcp(hostile.client.tcp().await?).read(&mut Vec::new()).await
}

pub(super) async fn dribbled_request(hostile: &Hostile) -> Result<()> {
    let mut http = Http::connect(&hostile.client).await?;
    for byte in http.head("GET", "/ws", client::HANDSHAKE).into_bytes() {
        http.write(&[byte]).await?;
        hostile.pause().await;
    }
    http.read().await
}

/// Ten handshakes in a row without a credential. Connections that open are dropped at once.
pub(super) async fn without_credential(hostile: &Hostile) -> Result<()> {
    let mut last = Ok(());
    for _ in 0..10 {
        last = client::open(&hostile.client, hostile.kind, None).await.map(|socket| socket.wire.reset());
    }
    last
}

pub(super) async fn wrong_credential(hostile: &Hostile) -> Result<()> {
    let login = format!("Basic {}", STANDARD.encode(format!("{}:guess {}", hostile.user, hostile.round.lock().await)));
    let wrong = ["Bearer a.b.c", &login, "Bearer", "Negotiate x"];
    let Some(wrong) = wrong.get(*hostile.round.lock().await % wrong.len()) else {
        return Ok(());
    };
    client::open(&hostile.client, hostile.kind, Some(wrong)).await.map(drop)
}

/// Opens as far as possible, then sends nothing, not even pongs.
pub(super) async fn half_open(hostile: &Hostile) -> Result<()> {
    Err(hostile.open().await?.drain().await)
}

/// As above, with a login that never expires.
pub(super) async fn silent_login(hostile: &Hostile) -> Result<()> {
    let login = format!("Basic {}", STANDARD.encode(format!("{}:{PASSWORD}", hostile.user)));
    let mut socket = client::open(&hostile.client, hostile.kind, Some(&login)).await?;
    if hostile.kind == Kind::Socket {
        socket.send("40").await?;
    }
    Err(socket.drain().await)
}

/// Sends byte by byte, without end.
pub(super) async fn dribbled_message(hostile: &Hostile) -> Result<()> {
    let mut socket = hostile.open().await?;
    let first = match hostile.kind {
        Kind::Socket => client::connect("/", &hostile.token()),
        kind => presentation(kind, &hostile.token()),
    };
    for byte in client::frame(client::TEXT, first.as_bytes()).into_iter().chain(hostile.big()) {
        socket.wire.write(&[byte]).await?;
        hostile.flood_pause().await;
    }
    Ok(())
}

/// Fifty sockets over one connection, each reset before the answer.
pub(super) async fn rapid_resets(hostile: &Hostile) -> Result<()> {
    let mut sender = hostile.client.h2().await?;
    let bearer = format!("Bearer {}", hostile.token());
    for round in 0..50 {
        let authorization = [("authorization", &*bearer)];
        let headers = if round % 2 == 0 { &authorization[..] } else { &[] };
        let request = hostile.client.extended_connect("/ws", headers)?;
        sender = sender.ready().await.map_err(client::lost)?;
        let (_answer, mut stream) = sender.send_request(request, false).map_err(client::lost)?;
        let _ = stream.send_data(Bytes::from_static(b"\x81\x82\0\0\0\0hi"), false);
        stream.send_reset(Reason::CANCEL);
    }
    hostile.pause().await;
    Ok(())
}
