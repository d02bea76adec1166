//! A registry with 1,000 to 100,000 connections, each of a user of its own, or all of one user.

use std::{collections::VecDeque, sync::Arc, time::SystemTime};

use auth_core::{AuthRequest, Authenticated, Chain, PrincipalId, Revocation, Transport};
use floors::{Algorithm, Harness, ISSUER, Key, Payload};
use http::request::Parts;
use ours::{Owner, Requests, decide, jwt, owner, ready};
use ws_adapter::{
    AuthLayer, Close, Connections, Sockets,
    adapter::{Checkpoint, End, Entered},
};

const PLOT: &str = "connections";

pub fn add(harness: &mut Harness<'_>) {
    let key = Key::generate(Algorithm::Hs256);
    for count in [1_000, 10_000, 100_000] {
        let registry = Arc::new(Registry::new(&key, 0..count));
        let x = count as f64;

        let (this, mut at) = (Arc::clone(&registry), 0);
        harness.side("find one user", move || {
            at = (at + 7919) % count;
            assert_eq!(this.connections.count_of(&user(at)), 1);
        });
        harness.point(PLOT, x);

        let (this, mut at) = (Arc::clone(&registry), 0);
        harness.side("find and close one user", move || {
            at = (at + 7919) % count;
            let revocation = Revocation::user(user(at), SystemTime::now());
            assert_eq!(this.connections.close(&revocation, &Close::REVOKED), 1);
        });
        harness.point(PLOT, x);

        let newcomer = registry.user(&key, count);
        harness.side("enter one more, and let it go", move || registry.enter(&newcomer));
        harness.point(PLOT, x);

        let mut of_one = Registry::new(&key, std::iter::repeat_n(0, count));
        let newcomer = of_one.user(&key, 0);
        harness.side("all of one user: enter one more, and let the oldest go", move || {
            of_one.entered.push_back(of_one.enter(&newcomer));
            of_one.entered.pop_front()
        });
        harness.point(PLOT, x);
    }
}

/// Connections without sockets, as an adapter of another protocol enters them.
struct Registry {
    connections: Connections,
    checkpoint: Checkpoint<Owner>,
    chain: Chain<Owner>,
    request: Parts,
    /// Each stays in the registry until it is dropped.
    entered: VecDeque<Entered>,
}

/// A connection that hears its end and stays.
struct Deaf;

impl End for Deaf {
    fn end(&self, _: Close) {}
}

impl Registry {
    /// With a connection of each of these users.
    fn new(key: &Key, users: impl Iterator<Item = usize>) -> Self {
        let connections = Connections::new();
        let chain = Chain::new().or(owner(jwt(key)));
        let layer = AuthLayer::new(chain.clone()).sockets(Sockets::new().connections(&connections));
        let request = Requests::bare().next().clone();
        let mut this =
            Self { connections, checkpoint: layer.into_checkpoint(), chain, request, entered: VecDeque::new() };
        this.entered = users.map(|number| this.enter(&this.user(key, number))).collect();
        assert_eq!(this.connections.count(), this.entered.len());
        this
    }

    /// The user of the token with this number.
    fn user(&self, key: &Key, number: usize) -> Authenticated<Owner> {
        let token = key.token(None, &Payload::new(number).json());
        let mut requests = Requests::with([format!("Bearer {token}")]);
        decide(&self.chain, requests.next()).expect("a user")
    }

    fn enter(&self, user: &Authenticated<Owner>) -> Entered {
        let id = self.checkpoint.new_id().expect("random bits");
        let place = Arc::new(self.checkpoint.place(id, Transport::WebSocket, &self.request, Arc::new(Deaf)));
        let request = AuthRequest::new(&self.request, Transport::WebSocket, SystemTime::now());
        ready(self.checkpoint.enter(&place, user, &request)).expect("no limit")
    }
}

/// Whose token has this number.
fn user(number: usize) -> PrincipalId {
    PrincipalId::new(ISSUER, (1000 + number).to_string())
}
