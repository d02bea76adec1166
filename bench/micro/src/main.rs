//! The chain without a server, beside the floors. Each line of ours names the floor that it is compared with.
//!
//! Inside the loop are: the next credential put into the head, `AuthRequest::new` and the clock. `LOG=info` installs a subscriber that
//! writes to nowhere.

mod floor_sides;
mod refusals;
mod strategies;

use floors::{Algorithm, Harness, Key, Tokens};

fn main() {
    let part = ours::part("micro");
    let keys = Algorithm::ALL.map(Key::generate);
    let tokens = keys.each_ref().map(Tokens::new);
    let mut harness = Harness::new(&part);
    for (key, tokens) in keys.iter().zip(&tokens) {
        floor_sides::add(&mut harness, key, tokens);
        strategies::add(&mut harness, key, tokens);
    }
    strategies::add_absent(&mut harness, &keys[0], &tokens[0]);
    strategies::add_basic(&mut harness);
    refusals::add(&mut harness, &keys[0]);
    harness.run();
}
