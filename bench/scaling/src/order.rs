//! What the coordinator says to a node, and what the node answers: one line of JSON each.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

#[derive(Debug, Deserialize, Serialize)]
pub enum Order {
    /// Enters one connection each for `count` users from `first` on.
    Enter {
        first: usize,
        count: usize,
    },
    /// Drops all connections.
    Leave,
    Work(Work),
    /// The closes since the last such order.
    Closed,
    Tally,
}

/// A task, done by `at_once` loops until one of the limits is reached.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct Work {
    pub kind: Kind,
    /// The first user.
    pub first: usize,
    pub count: usize,
    pub secs: f64,
    pub at_once: usize,
    /// How long a loop waits after each round.
    pub pause_micros: u64,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub enum Kind {
    /// Revokes the token of a user: written, then announced.
    Revoke,
    /// Revokes all tokens of a user up to now.
    RevokeUser,
    /// Ends a connection by its name: announced only.
    RevokeConnection,
    /// Asks the chain about a request with a token.
    Request,
    /// The same for a handshake: it is entered into the registry, checked again, and leaves.
    Handshake,
    /// Buys a ticket with a token.
    BuyTicket,
    /// Buys a ticket and opens a socket with it.
    Ticket,
    /// Looks up the four keys of a request with the cluster client of `redis`.
    ClusterLookUp,
}

impl Work {
    pub fn of(kind: Kind) -> Self {
        Self { kind, first: 0, count: usize::MAX, secs: f64::MAX, at_once: 1, pause_micros: 0 }
    }

    pub fn count(self, count: usize) -> Self {
        Self { count, ..self }
    }

    pub fn first(self, first: usize) -> Self {
        Self { first, ..self }
    }

    pub fn secs(self, secs: f64) -> Self {
        Self { secs, ..self }
    }

    pub fn at_once(self, at_once: usize) -> Self {
        Self { at_once, ..self }
    }

    pub fn pause(self, pause: Duration) -> Self {
        Self { pause_micros: pause.as_micros() as u64, ..self }
    }
}

#[derive(Debug, Deserialize, Serialize)]
pub enum Answer {
    Ready,
    Done(Done),
    Closed(Vec<Stamp>),
    Tally(Tally),
}

/// A user and an instant.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct Stamp {
    pub user: usize,
    pub unix_nanos: u64,
}

#[derive(Debug, Default, Deserialize, Serialize)]
pub struct Done {
    pub done: usize,
    pub failed: usize,
    pub why: Option<String>,
    pub secs: f64,
    /// When each round of a revocation began; empty for other work.
    pub begun: Vec<Stamp>,
    /// When the last failure and the first success after it were, if any.
    pub last_failure_unix_nanos: Option<u64>,
}

/// What a node has seen since it started.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
pub struct Tally {
    /// Revocations that its registry heard.
    pub heard: u64,
    pub missed: u64,
    pub last_missed_unix_nanos: u64,
    /// Look-ups by its registry: one after each connection is entered, one for each connection after something was missed.
    pub looked_up: u64,
    pub last_look_up_unix_nanos: u64,
    pub closed: u64,
}

/// All processes run on one machine, so its clock compares their times.
pub fn unix_nanos() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_nanos() as u64)
}
