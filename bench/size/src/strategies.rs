//! Chains of 1 to 8 strategies. Only the last one finds its credential.

use auth_core::Chain;
use floors::{Harness, Key, Tokens};
use ours::{Requests, decide, in_cookie, jwt, owner};

const COOKIES: [&str; 7] = ["a", "b", "c", "d", "e", "f", "g"];

pub fn add(harness: &mut Harness<'_>, key: &Key) {
    let tokens = Tokens::new(key);
    for count in 1..=COOKIES.len() + 1 {
        let mut strategies = COOKIES[..count - 1].iter().map(|name| owner(in_cookie(jwt(key), name)));
        let last = owner(jwt(key));
        let chain = match strategies.next() {
            Some(first) => strategies.fold(Chain::new().or(first), Chain::or).or(last),
            None => Chain::new().or(last),
        };
        let mut requests = Requests::bearing(&tokens);
        harness.side("ours, HS256", move || decide(&chain, requests.next()).expect("a user"));
        harness.point("strategies", count as f64);
    }
}
