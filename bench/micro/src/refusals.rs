use auth_core::Chain;
use floors::{Algorithm, Harness, Key, Tokens};
use ours::{Requests, decide, jwt, owner};

pub fn add(harness: &mut Harness<'_>, key: &Key) {
    refused(harness, "ours, nobody", key, Requests::bare());
    let strangers = Tokens::new(&Key::generate(Algorithm::Hs256));
    refused(harness, "ours, bad signature", key, Requests::bearing(&strangers));
    let oversize = format!("Bearer {}", "eyJh".repeat(2250));
    refused(harness, "ours, token over the limit", key, Requests::with([oversize]));
}

fn refused(harness: &mut Harness<'_>, name: &str, key: &Key, mut requests: Requests) {
    let chain = Chain::new().or(owner(jwt(key)));
    harness.side(name, move || assert!(decide(&chain, requests.next()).is_err()));
}
