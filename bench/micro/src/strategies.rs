use auth_core::Chain;
use floors::{Algorithm, Harness, Key, Tokens};
use ours::{Owner, Requests, decide, in_cookie, jwt, owner, remembering};

use crate::floor_sides::{decode_name, raw_name, remembered_name, tight_name};

/// The chain with one strategy: each signature checked, and each remembered.
pub fn add(harness: &mut Harness<'_>, key: &Key, tokens: &Tokens) {
    let name = key.algorithm().name();
    accepting(harness, format!("ours, {name}"), Chain::new().or(owner(jwt(key))), Requests::bearing(tokens));
    if key.algorithm() == Algorithm::Hs256 {
        harness.beside(&tight_name()).beside(&decode_name(name));
        // As it was measured at first: heads that were parsed a thousand requests ago come from the memory.
        let (chain, heads, mut at) = (Chain::new().or(owner(jwt(key))), Requests::bearing(tokens).whole_heads(), 0);
        harness.side("ours, HS256, a cold head each time", move || {
            at = (at + 1) % heads.len();
            decide(&chain, &heads[at]).expect("a user")
        });
        harness.beside(&tight_name());
        return;
    }
    harness.beside(&raw_name(name));
    let chain = Chain::new().or(owner(remembering(jwt(key))));
    accepting(harness, format!("ours, {name} remembered"), chain, Requests::bearing(tokens));
    harness.beside(&remembered_name(name));
}

/// Strategies in front that find no cookie. The difference to the chain without them, divided by their number, is what one
/// more costs.
pub fn add_absent(harness: &mut Harness<'_>, key: &Key, tokens: &Tokens) {
    const NAMES: [&str; 7] = ["a", "b", "c", "d", "e", "f", "g"];
    for count in [1, 3, 7] {
        let mut chain = Chain::new().or(owner(in_cookie(jwt(key), NAMES[0])));
        for name in &NAMES[1..count] {
            chain = chain.or(owner(in_cookie(jwt(key), name)));
        }
        let chain = chain.or(owner(jwt(key)));
        accepting(harness, format!("ours, HS256 behind {count} absent"), chain, Requests::bearing(tokens));
        harness.share(format!("ours, each of {count} absent"), "ours, HS256", count);
    }
}

pub fn add_basic(harness: &mut Harness<'_>) {
    let mut requests = Requests::with(["Basic YWRtaW46cGFzc3dvcmQ=".into()]);
    let chain = Chain::new().or(ours::basic());
    harness.side("ours, Basic without a hash", move || decide(&chain, requests.next()).expect("a user"));
}

fn accepting(harness: &mut Harness<'_>, name: String, chain: Chain<Owner>, mut requests: Requests) {
    harness.side(name, move || decide(&chain, requests.next()).expect("a user"));
}
