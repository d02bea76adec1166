//! Hostile clients. Each repeats one act of the table for its kind.

mod flood;
mod guess;
mod knock;
mod leave;
mod polling;

use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use tokio::{pin, select, sync::Mutex, time::sleep};

use crate::{
    client::{self, Client, Socket},
    world::{Dice, Kind, Phase, Result, World},
};

/// How long their tokens are valid.
const LIFE: Duration = Duration::from_secs(30);

type Play = for<'h> fn(&'h Hostile) -> BoxFuture<'h, Result<()>>;

macro_rules! act {
    ($module:ident :: $act:ident) => {
        |hostile| Box::pin($module::$act(hostile))
    };
}

/// WebSockets of every kind.
const SOCKETS: &[Kind] = &[Kind::Raw, Kind::H2, Kind::First, Kind::Socket];
/// Kinds that open before authentication.
const LATE: &[Kind] = &[Kind::First, Kind::Socket];

#[rustfmt::skip]
const ACTS: &[(&str, &[Kind], Play)] = &[
    ("connects, and is silent", &Kind::ALL, act!(knock::silent)),
    ("dribbles its first request", &Kind::ALL, act!(knock::dribbled_request)),
    ("handshakes without credential", SOCKETS, act!(knock::without_credential)),
    ("wrong credentials at the door", SOCKETS, act!(knock::wrong_credential)),
    ("opens, and is silent", SOCKETS, act!(knock::half_open)),
    ("logs in by Basic, and is silent", SOCKETS, act!(knock::silent_login)),
    ("dribbles its first message", SOCKETS, act!(knock::dribbled_message)),
    ("streams that are reset", &[Kind::H2], act!(knock::rapid_resets)),
    ("pings, and reads nothing", SOCKETS, act!(flood::pings)),
    ("pings before it logs in", LATE, act!(flood::pings_of_a_stranger)),
    ("big messages, and reads nothing", SOCKETS, act!(flood::big_messages)),
    ("drains slowly for ever", SOCKETS, act!(flood::slow_drain)),
    ("a message over the limit", SOCKETS, act!(flood::too_big)),
    ("guesses in band", SOCKETS, act!(guess::in_band)),
    ("presents without waiting", SOCKETS, act!(guess::without_waiting)),
    ("refreshes for ever", SOCKETS, act!(guess::refreshes)),
    ("resets at every stage", SOCKETS, act!(leave::resets)),
    ("FIN without close frame", SOCKETS, act!(leave::finishes)),
    ("leaves its old ones open", SOCKETS, act!(leave::too_many)),
    ("joins and leaves namespaces", &[Kind::Socket], act!(leave::namespaces)),
    ("opens sessions and leaves them", &[Kind::Polling], act!(polling::abandoned)),
    ("wrong credentials", &[Kind::Polling], act!(polling::wrong_credential)),
    ("guesses in band", &[Kind::Polling], act!(polling::guesses)),
    ("POSTs that trickle", &[Kind::Polling], act!(polling::trickle)),
    ("polls that are never read", &[Kind::Polling], act!(polling::unread)),
    ("posts, and never polls", &[Kind::Polling], act!(polling::never_polls)),
    ("two polls at a time", &[Kind::Polling], act!(polling::two_polls)),
    ("unknown sessions", &[Kind::Polling], act!(polling::unknown)),
    ("upgrades that never go on", &[Kind::Polling], act!(polling::half_upgrade)),
    ("polls beside half an upgrade, and posts", &[Kind::Polling], act!(polling::half_upgrade_with_posts)),
    ("resets its polls", &[Kind::Polling], act!(polling::resets)),
    ("joins and leaves namespaces", &[Kind::Polling], act!(polling::namespaces)),
    ("is silent after its login", &[Kind::Polling], act!(polling::half_open)),
];

struct Hostile {
    client: Client,
    kind: Kind,
    user: String,
    /// How many times it has played.
    round: Mutex<usize>,
}

/// The name of a hostile client, by which it can be revoked.
pub(crate) fn name(kind: Kind, number: usize) -> String {
    format!("hostile-{kind:?}-{number}")
}

/// Plays until the attack ends. Then holds its connections idle until it may close them.
pub(crate) async fn live(world: Arc<World>, kind: Kind, number: usize) {
    let acts: Vec<_> = ACTS
        .iter()
        .filter(|(_, kinds, _)| kinds.contains(&kind))
        .filter(|(act, ..)| format!("{}: {act}", kind.name()).contains(&world.plan.only))
        .collect();
    let Some(&&(act, _, play)) = acts.get(number % acts.len().max(1)) else {
        return;
    };
    let hostile = Hostile {
        client: Client {
            source: Ipv4Addr::new(127, 0, 2 + kind as u8, 1 + (number % 200) as u8),
            address: address(kind, number / acts.len()),
            small: true,
            world: Arc::clone(&world),
        },
        kind,
        user: name(kind, number),
        round: Mutex::new(0),
    };
    let first = Dice::new(kind, number).between(Duration::ZERO, world.plan.pause());
    let rage = async {
        sleep(first).await;
        loop {
            let end = play(&hostile).await.map_or_else(|cut| cut.to_string(), |()| "played".into());
            world.tally.hostile(kind, act, end);
            *hostile.round.lock().await += 1;
            sleep(world.plan.pause()).await;
        }
    };
    pin!(rage);
    select! {
        () = &mut rage => {}
        () = world.reached(Phase::Frozen) => world.tally.hostile(kind, act, "running at the end".into()),
    }
    world.reached(Phase::Gone).await;
}

/// A third share one IPv4 address. A third have a /64 each in the /48 of one IPv6 customer. A third have unrelated addresses, and
/// put more addresses into the header than their proxy does.
fn address(kind: Kind, number: usize) -> String {
    match number % 3 {
        0 => "203.0.113.7".into(),
        1 => format!("2001:db8:77:{:x}::1", kind as usize * 0x1000 + number),
        _ => format!("198.51.100.1, 192.0.{}.{}", kind as usize, number % 250),
    }
}

impl Hostile {
    fn token(&self) -> String {
        self.client.world.token(&self.user, LIFE)
    }

    /// Opens a connection without a credential, or with a token if the kind needs one.
    async fn open(&self) -> Result<Socket> {
        let bearer = format!("Bearer {}", self.token());
        let authorization = (!LATE.contains(&self.kind)).then_some(&*bearer);
        client::open(&self.client, self.kind, authorization).await
    }

    async fn login(&self) -> Result<Socket> {
        client::login(&self.client, self.kind, &self.token()).await
    }

    async fn pause(&self) {
        sleep(self.client.world.plan.pause()).await;
    }

    async fn flood_pause(&self) {
        sleep(self.client.world.plan.flood_pause()).await;
    }

    /// A message a little below the limit.
    fn big(&self) -> Vec<u8> {
        let length = if self.kind == Kind::First { 16_000 } else { 60_000 };
        let text = client::message(self.kind, &"x".repeat(length));
        client::frame(client::TEXT, text.as_bytes())
    }
}
