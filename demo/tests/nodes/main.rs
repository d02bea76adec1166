//! Two nodes as separate programs with one Redis: what is revoked or used up on one node also is on the other.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod away;
mod line;
mod logout;
mod outage;
#[allow(dead_code, reason = "shared with the tests of hostile clients, which use the rest of it")]
mod program;
mod race;
#[path = "../../../auth-store/tests/integration/redis/server.rs"]
#[allow(dead_code, reason = "shared with the tests of auth-store, which use all of it")]
mod redis;
mod socket;
mod tickets;

use self::{program::Program, redis::Server};

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
