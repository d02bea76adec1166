//! Key sets of 1 to 1,000 secrets.

use auth_core::Chain;
use auth_jwt::{Jwt, KeySet};
use floors::{Algorithm, Harness, Key, Payload, Tokens};
use ours::{Requests, decide, owner, verifying_key, with_rules};

pub fn add(harness: &mut Harness<'_>) {
    for count in [1, 10, 100, 1000] {
        let keys: Vec<_> = (0..count).map(|_| Key::generate(Algorithm::Hs256)).collect();
        let kid = |at: usize| format!("key-{at:04}");
        let named = keys.iter().enumerate().map(|(at, key)| verifying_key(key).with_kid(kid(at)));
        // Each key in turn.
        let tokens = Tokens::from_fn(floors::DISTINCT, |number| {
            let at = number % count;
            keys[at].token(Some(&kid(at)), &Payload::new(number).json())
        });
        side(harness, "ours, HS256 with `kid`", KeySet::new(named).expect("a set"), &tokens);
        harness.point("keys", count as f64);
    }
    // Without a name each of them is tried, and four is the limit.
    for count in 1..=4 {
        let keys: Vec<_> = (0..count).map(|_| Key::generate(Algorithm::Hs256)).collect();
        let last = &keys[count - 1];
        let set = KeySet::new(keys.iter().map(verifying_key)).expect("a set");
        side(harness, "ours, HS256 without `kid`, the last key", set, &Tokens::new(last));
        harness.point("keys", count as f64);
    }
}

fn side(harness: &mut Harness<'_>, name: &str, set: KeySet, tokens: &Tokens) {
    let chain = Chain::new().or(owner(with_rules(Jwt::keys(set))));
    let mut requests = Requests::bearing(tokens);
    harness.side(name, move || decide(&chain, requests.next()).expect("a user"));
}
