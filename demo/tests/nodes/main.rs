//! Two nodes as separate programs with one Redis: what is revoked or used up on one node also is on the other.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod away;
mod line;
mod logout;
mod outage;
#[allow(dead_code, reason = "shared with the tests of hostile clients, which use the rest of it")]
mod program;
mod race;
mod socket;
mod tickets;

use test_support::redis::Server;

use self::program::Program;

/// Redis, and two nodes that share it.
struct Nodes {
    redis: Server,
    one: Program,
    two: Program,
}

impl Nodes {
    /// `None` if Redis is not installed.
    async fn start() -> Option<Self> {
        let redis = Server::start().await?;
        let url = redis.url();
        let (one, two) = (Program::start(&["--redis", &url]), Program::start(&["--redis", &url]));
        Some(Self { redis, one, two })
    }
}
