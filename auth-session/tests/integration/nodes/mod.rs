//! Two nodes that share a real Redis: servers with sessions, connections and revocations of their own.

mod cluster;
mod failover;
mod flow;
mod leak;
mod load;
mod outage;
mod shared;

use std::time::Duration;

use auth_core::ManualClock;
use auth_session::{Devices, Sessions};
use auth_store::{RedisStore, RedisTls};
use test_support::{redis::AUTHORITY, server::Server};

use crate::support::*;

/// How long a node waits for Redis where a test stops it.
const TIMEOUT: Duration = Duration::from_millis(300);

struct Nodes {
    clock: ManualClock,
    one: Node,
    two: Node,
}

impl Nodes {
    /// Each of them has a store of its own.
    async fn with(store: impl Fn() -> RedisStore) -> Self {
        let clock = clock();
        Self { one: Node::start(store(), &clock).await, two: Node::start(store(), &clock).await, clock }
    }
}

struct Node {
    sessions: Sessions<User>,
    server: Server,
}

impl Node {
    async fn start(store: RedisStore, clock: &ManualClock) -> Self {
        let store = store.clock(clock.clone());
        let sessions = Sessions::builder(store, Users::default(), ORIGIN).clock(clock.clone()).build().unwrap();
        let devices = Devices::new(&sessions).routes().layer(sessions.layer());
        let app = with_socket(&sessions, clock, routes(&sessions, clock).merge(devices));
        Self { sessions, server: Server::start(app).await }
    }

    /// A browser at this node in which this user is logged in.
    async fn logged_in(&self, name: &str) -> Browser {
        let mut browser = Browser::at(&self.server);
        assert_eq!(browser.post(&format!("/login/{name}")).await.status, 204);
        browser
    }

    async fn sids(&self, name: &str) -> Vec<String> {
        let logins = self.sessions.logins(&User(name.to_owned())).await.unwrap();
        logins.iter().map(|login| login.sid().to_owned()).collect()
    }
}

fn plain(url: &str) -> RedisStore {
    RedisStore::new(url).unwrap()
}

fn in_cluster(urls: &[String]) -> RedisStore {
    RedisStore::cluster(urls.iter().map(String::as_str)).unwrap()
}

/// Trusts the authority of the tests.
fn tls() -> RedisTls {
    RedisTls::ca(AUTHORITY).unwrap()
}
