//! Hostile clients that poll.

use tokio::time::timeout;

use super::Hostile;
use crate::{
    client::{self, Http, connect, message, presentation},
    world::{Cut, Kind, Result},
};

const OPEN: &str = "/socket.io/?EIO=4&transport=polling";

/// Opens a session without a credential, and returns its target.
async fn open(hostile: &Hostile) -> Result<(Http, String)> {
    let mut http = Http::connect(&hostile.client).await?;
    http.get(OPEN, "").await?;
    let target = format!("{OPEN}&sid={}", client::sid(&http.good().await?)?);
    Ok((http, target))
}

async fn login(hostile: &Hostile) -> Result<(Http, String)> {
    let (mut http, target) = open(hostile).await?;
    post(&mut http, &target, &connect("/", &hostile.token())).await?;
    http.get(&target, "").await?;
    http.good().await?;
    Ok((http, target))
}

async fn post(http: &mut Http, target: &str, packet: &str) -> Result<()> {
    http.post(target, packet).await?;
    http.good().await.map(drop)
}

fn big() -> String {
    message(Kind::Polling, &"x".repeat(60_000))
}

pub(super) async fn abandoned(hostile: &Hostile) -> Result<()> {
    open(hostile).await.map(drop)
}

pub(super) async fn wrong_credential(hostile: &Hostile) -> Result<()> {
    let (mut http, target) = open(hostile).await?;
    loop {
        post(&mut http, &target, &connect("/", "a.b.c")).await?;
        http.get(&target, "authorization: Bearer a.b.c\r\n").await?;
        timeout(hostile.client.world.plan.pause() * 10, http.answer()).await??;
    }
}

pub(super) async fn guesses(hostile: &Hostile) -> Result<()> {
    let (mut http, target) = login(hostile).await?;
    loop {
        for token in ["a.b.c", "d.e.f", &hostile.token()] {
            post(&mut http, &target, &presentation(Kind::Polling, token)).await?;
            http.get(&target, "").await?;
            http.good().await?;
            hostile.flood_pause().await;
        }
    }
}

/// Sends bodies byte by byte.
pub(super) async fn trickle(hostile: &Hostile) -> Result<()> {
    let (mut http, target) = login(hostile).await?;
    let head = http.head("POST", &target, "content-length: 60000\r\n");
    http.write(head.as_bytes()).await?;
    let trickle = async {
        loop {
            http.write(b"4").await?;
            hostile.pause().await;
        }
    };
    trickle.await
}

/// Asks for the largest allowed echoes, and never reads the answers to its polls.
pub(super) async fn unread(hostile: &Hostile) -> Result<()> {
    let (mut posts, target) = login(hostile).await?;
    let mut polls = Http::connect(&hostile.client).await?;
    loop {
        polls.get(&target, "").await?;
        post(&mut posts, &target, &big()).await?;
        hostile.flood_pause().await;
    }
}

/// Asks for echoes, and never fetches them.
pub(super) async fn never_polls(hostile: &Hostile) -> Result<()> {
    let (mut http, target) = login(hostile).await?;
    loop {
        post(&mut http, &target, &big()).await?;
        hostile.flood_pause().await;
    }
}

pub(super) async fn two_polls(hostile: &Hostile) -> Result<()> {
    let (mut one, target) = login(hostile).await?;
    let mut two = Http::connect(&hostile.client).await?;
    one.get(&target, "").await?;
    two.get(&target, "").await?;
    let (status, body) = two.answer().await?;
    let _ = one.answer().await;
    Err(Cut::Status(status, client::code(&body)))
}

pub(super) async fn unknown(hostile: &Hostile) -> Result<()> {
    let mut http = Http::connect(&hostile.client).await?;
    for _ in 0..20 {
        let target = format!("{OPEN}&sid=AAAAAAAAAAAAAAAAAAAAAA{}", hostile.round.lock().await);
        http.post(&target, "4").await?;
        let _ = http.answer().await?;
        hostile.flood_pause().await;
    }
    http.get(&format!("{OPEN}&sid=AAAAAAAAAAAAAAAAAAAAAA"), "").await?;
    http.good().await.map(drop)
}

/// Starts an upgrade on a second connection, and then sends nothing, or only a probe.
pub(super) async fn half_upgrade(hostile: &Hostile) -> Result<()> {
    let (_http, target) = login(hostile).await?;
    let target = target.replace("transport=polling", "transport=websocket");
    let mut socket = client::Socket::over_http1(&hostile.client, &target, &[]).await?;
    if *hostile.round.lock().await % 2 == 1 {
        socket.send("2probe").await?;
    }
    Err(socket.drain().await)
}

/// Polls that engine.io answers with nothing, and posts that it answers with the name of an unknown namespace.
pub(super) async fn half_upgrade_with_posts(hostile: &Hostile) -> Result<()> {
    let (mut http, target) = open(hostile).await?;
    let upgrade = target.replace("transport=polling", "transport=websocket");
    let mut socket = client::Socket::over_http1(&hostile.client, &upgrade, &[]).await?;
    socket.send("2probe").await?;
    loop {
        http.get(&target, "").await?;
        http.good().await?;
        post(&mut http, &target, &format!("40/{},", "x".repeat(60_000))).await?;
        hostile.flood_pause().await;
    }
}

/// A reset during a poll, and one in the middle of a POST.
pub(super) async fn resets(hostile: &Hostile) -> Result<()> {
    let (mut http, target) = login(hostile).await?;
    http.get(&target, "").await?;
    hostile.flood_pause().await;
    http.reset();
    let mut http = Http::connect(&hostile.client).await?;
    let head = http.head("POST", &target, "content-length: 60000\r\n");
    http.write(format!("{head}4").as_bytes()).await?;
    hostile.flood_pause().await;
    http.reset();
    Ok(())
}

pub(super) async fn namespaces(hostile: &Hostile) -> Result<()> {
    let (mut http, target) = login(hostile).await?;
    loop {
        for packet in [connect("/one", &hostile.token()), "41/one,".into(), connect("/nowhere", "x"), "41".into()] {
            post(&mut http, &target, &packet).await?;
            hostile.flood_pause().await;
        }
    }
}

/// A pending poll of a client that answers no ping.
pub(super) async fn half_open(hostile: &Hostile) -> Result<()> {
    let (mut http, target) = login(hostile).await?;
    loop {
        http.get(&target, "").await?;
        let (status, body) = http.answer().await?;
        if status != 200 {
            return Err(Cut::Status(status, client::code(&body)));
        }
    }
}
