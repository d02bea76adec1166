//! Good clients: they log in, send a message every second, refresh in time, sometimes disconnect, and return.

mod polling;

use std::{
    net::Ipv4Addr,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::time::{sleep, timeout};

use self::polling::Polling;
use crate::{
    client::{self, Client, Socket},
    world::{Cut, Dice, Kind, Phase, Result, World},
};

/// How long a client waits before it returns after a cut, so that a revocation of this second no longer applies.
const BACK_AFTER: Duration = Duration::from_millis(1500);

/// The time over which all good clients log in first.
pub(crate) const WARM_UP: Duration = Duration::from_secs(10);

/// The name of a good client, by which it can be revoked.
pub(crate) fn name(kind: Kind, number: usize) -> String {
    format!("good-{kind:?}-{number}")
}

/// Runs until its phase ends.
pub(crate) async fn live(world: Arc<World>, kind: Kind, number: usize) {
    let mut good = Good {
        client: Client {
            source: Ipv4Addr::new(127, 0, 1, 1 + (number % 200) as u8),
            address: format!("198.51.{}.{}", 100 + kind as usize, number % 250),
            small: false,
            world,
        },
        kind,
        user: name(kind, number),
        dice: Dice::new(kind, number),
    };
    let world = Arc::clone(&good.client.world);
    // Not all at once.
    sleep(good.dice.between(Duration::ZERO, WARM_UP * 3 / 4)).await;
    while world.phase() < Phase::Frozen {
        if let Err((step, cut)) = good.session().await
            && world.phase() < Phase::Frozen
        {
            world.tally.good(kind, world.phase(), format!("{cut}, at {step}"));
        }
        sleep(BACK_AFTER).await;
    }
}

struct Good {
    client: Client,
    kind: Kind,
    user: String,
    dice: Dice,
}

impl Good {
    /// One session, from login to disconnect. An error names the step.
    async fn session(&mut self) -> std::result::Result<(), (&'static str, Cut)> {
        let world = Arc::clone(&self.client.world);
        let (token, mut refresh) = self.token();
        let mut session = Session::open(&self.client, self.kind, &token).await.map_err(at("login"))?;
        world.tally.session(self.kind);
        // socketioxide confirms the connection a moment before handlers can emit to it. An answer in between is lost.
        sleep(Duration::from_millis(100)).await;
        let leaves = Instant::now() + self.dice.between(Duration::from_secs(20), Duration::from_secs(300));
        let mut sent = 0;
        while Instant::now() < leaves && world.phase() < Phase::Frozen {
            let begun = Instant::now();
            if begun > refresh {
                let fresh = self.token();
                session.refresh(self.kind, &fresh.0).await.map_err(at("refresh"))?;
                refresh = fresh.1;
                world.tally.refresh(self.kind);
            }
            let begun = Instant::now();
            session.echo(self.kind, &format!("message {sent} of {}", self.user)).await.map_err(at("message"))?;
            world.tally.round_trip(self.kind, world.phase(), begun.elapsed());
            sent += 1;
            sleep(Duration::from_secs(1).saturating_sub(begun.elapsed())).await;
        }
        session.close().await.map_err(at("close"))
    }

    /// A token, and when to refresh it.
    fn token(&mut self) -> (String, Instant) {
        let life = self.dice.between(Duration::from_secs(60), Duration::from_secs(120));
        (self.client.world.token(&self.user, life), Instant::now() + self.dice.between(life / 4, life * 3 / 4))
    }
}

fn at(step: &'static str) -> impl Fn(Cut) -> (&'static str, Cut) {
    move |cut| (step, cut)
}

enum Session {
    Socket(Socket),
    Polling(Polling),
}

impl Session {
    async fn open(client: &Client, kind: Kind, token: &str) -> Result<Self> {
        match kind {
            Kind::Polling => Ok(Self::Polling(Polling::login(client, token).await?)),
            _ => Ok(Self::Socket(client::login(client, kind, token).await?)),
        }
    }

    async fn refresh(&mut self, kind: Kind, token: &str) -> Result<()> {
        match self {
            Self::Polling(polling) => polling.present(token).await,
            Self::Socket(socket) => client::present(socket, kind, token).await,
        }
    }

    async fn echo(&mut self, kind: Kind, text: &str) -> Result<()> {
        match self {
            Self::Polling(polling) => polling.echo(text).await,
            Self::Socket(socket) => client::echo(socket, kind, text).await,
        }
    }

    async fn close(self) -> Result<()> {
        match self {
            Self::Polling(polling) => polling.close().await,
            Self::Socket(socket) => timeout(Duration::from_secs(10), socket.close()).await?,
        }
    }
}
