//! What all clients share: the plan, the phase, tokens, and the record of what they see.

use std::{
    fmt, io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use auth_jwt::Signer;
use serde::Serialize;
use tokio::sync::watch;

use crate::{Plan, report::Tally};

/// The kinds of connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Kind {
    Raw,
    H2,
    First,
    Polling,
    Socket,
}

impl Kind {
    pub(crate) const ALL: [Self; 5] = [Self::Raw, Self::H2, Self::First, Self::Polling, Self::Socket];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::H2 => "raw over h2",
            Self::First => "first message",
            Self::Polling => "Socket.IO polling",
            Self::Socket => "Socket.IO WebSocket",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// The good clients log in.
    WarmUp,
    /// Only the good clients run.
    Quiet,
    Attack,
    /// The good clients disconnect. The hostile ones hold their connections idle.
    Frozen,
    /// The hostile clients close their connections.
    Gone,
}

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) server: SocketAddr,
    pub(crate) plan: Plan,
    pub(crate) phase: watch::Sender<Phase>,
    pub(crate) tally: Tally,
    signer: Signer,
    tokens: AtomicU64,
}

#[derive(Serialize)]
struct Claims<'c> {
    sub: &'c str,
    jti: String,
}

impl World {
    pub(crate) fn new(server: SocketAddr, plan: Plan) -> Arc<Self> {
        let signer = Signer::hs256(crate::server::SECRET).expect("the secret is long enough");
        let phase = watch::Sender::new(Phase::WarmUp);
        Arc::new(Self { server, plan, phase, tally: Tally::default(), signer, tokens: AtomicU64::new(0) })
    }

    pub(crate) fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// Waits until this phase has begun.
    pub(crate) async fn reached(&self, phase: Phase) {
        let _ = self.phase.subscribe().wait_for(|now| *now >= phase).await;
    }

    pub(crate) fn token(&self, user: &str, life: Duration) -> String {
        let jti = self.tokens.fetch_add(1, Ordering::Relaxed).to_string();
        let token = self.signer.sign_for(&Claims { sub: user, jti }, life).expect("the claims are JSON");
        token.expose().to_owned()
    }
}

/// Why a connection did not do what its client wanted.
#[derive(Debug)]
pub(crate) enum Cut {
    /// A request was answered with this status, and a code of ours.
    Status(u16, String),
    /// A close frame.
    Closed(u16, String),
    /// A message that refuses: `auth_error`, `connect_error`, `auth_closed`.
    Told(String),
    /// The connection ended silently.
    Lost(io::ErrorKind),
    /// No answer in time.
    Slow,
    Strange(String),
}

pub(crate) type Result<T> = std::result::Result<T, Cut>;

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status, code) => write!(f, "{status} {code}"),
            Self::Closed(code, reason) => write!(f, "close {code} {reason}"),
            Self::Told(what) => write!(f, "told {what}"),
            Self::Lost(kind) => write!(f, "lost: {kind}"),
            Self::Slow => write!(f, "no answer in time"),
            Self::Strange(what) => write!(f, "strange: {what}"),
        }
    }
}

impl From<io::Error> for Cut {
    fn from(error: io::Error) -> Self {
        Self::Lost(error.kind())
    }
}

impl From<tokio::time::error::Elapsed> for Cut {
    fn from(_: tokio::time::error::Elapsed) -> Self {
        Self::Slow
    }
}

/// Random numbers that differ for each client and are the same in every run.
#[derive(Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(kind: Kind, number: usize) -> Self {
        // SplitMix64, so that neighbours start far apart. It returns 0 for none of our numbers.
        let seed = (number as u64 * 8 + kind as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let seed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let seed = (seed ^ (seed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Self(seed ^ (seed >> 31))
    }

    /// From `low` up to `high`.
    pub(crate) fn between(&mut self, low: Duration, high: Duration) -> Duration {
        // xorshift64, which never reaches 0.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        low + (high - low).mul_f64((self.0 >> 11) as f64 / (1_u64 << 53) as f64)
    }
}
