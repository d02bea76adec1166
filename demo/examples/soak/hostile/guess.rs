//! Credentials over an open connection, again and again.

use super::Hostile;
use crate::{
    client::{present, presentation},
    world::{Cut, Result},
};

/// Two guesses, then its own token: a counter that success resets would never reach its limit.
pub(super) async fn in_band(hostile: &Hostile) -> Result<()> {
    let mut socket = hostile.login().await?;
    loop {
        for token in ["a.b.c", "d.e.f", &hostile.token()] {
            match present(&mut socket, hostile.kind, token).await {
                Ok(()) | Err(Cut::Told(_)) => {}
                Err(cut) => return Err(cut),
            }
            hostile.flood_pause().await;
        }
    }
}

/// Ten at once.
pub(super) async fn without_waiting(hostile: &Hostile) -> Result<()> {
    let mut socket = hostile.login().await?;
    for _ in 0..10 {
        socket.send(&presentation(hostile.kind, &hostile.token())).await?;
    }
    Err(socket.drain().await)
}

/// Good credentials, each of which the server has to register and release.
pub(super) async fn refreshes(hostile: &Hostile) -> Result<()> {
    let mut socket = hostile.login().await?;
    for _ in 0..60 {
        present(&mut socket, hostile.kind, &hostile.token()).await?;
        hostile.flood_pause().await;
    }
    Ok(())
}
