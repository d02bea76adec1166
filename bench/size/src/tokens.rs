//! Tokens of 0.3 to 8 KiB.

use auth_core::Chain;
use floors::{Claims, DISTINCT, Harness, Key, Payload, TightVerifier, Tokens};
use ours::{Requests, decide, jwt, owner};

const PLOT: &str = "bytes of a token";
const FLOOR: &str = "tight verifier, HS256";

/// Lengths; the last one is the longest token that is read by default.
const LENGTHS: [usize; 6] = [287, 512, 1024, 2048, 4096, 8192];

pub fn add(harness: &mut Harness<'_>, key: &Key) {
    for length in LENGTHS {
        let mut tokens = padded(key, length);
        let x = tokens.next().len() as f64;
        let (chain, mut requests) = (Chain::new().or(owner(jwt(key))), Requests::bearing(&tokens));
        let tight = TightVerifier::new(key);
        harness.side(FLOOR, move || verify(&tight, tokens.next()).expect("claims")).point(PLOT, x);
        harness.side("ours, HS256", move || decide(&chain, requests.next()).expect("a user"));
        harness.point(PLOT, x).beside(FLOOR);
    }
}

fn padded(key: &Key, length: usize) -> Tokens {
    let padding = (0..length).rev().find(|&bytes| with_padding(key, 0, bytes).len() <= length).unwrap_or_default();
    Tokens::from_fn(DISTINCT, |number| with_padding(key, number, padding))
}

fn with_padding(key: &Key, number: usize, bytes: usize) -> String {
    key.token(None, &Payload::new(number).padding(bytes).json())
}

/// The smallest buffer that is enough, since it is filled with zeros first.
fn verify(tight: &TightVerifier, token: &str) -> Option<Claims> {
    match token.len() {
        ..=1024 => tight.verify_within::<1024>(token),
        1025..=2048 => tight.verify_within::<2048>(token),
        2049..=4096 => tight.verify_within::<4096>(token),
        _ => tight.verify_within::<8192>(token),
    }
}
