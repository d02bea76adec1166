//! Cost against size. No curve may be worse than linear, and keys with a `kid` and connections must be flat.

mod connections;
mod keys;
mod strategies;
mod tokens;

use floors::{Algorithm, Harness, Key};

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    // What is entered asks for the time, and nothing waits.
    let _entered = runtime.enter();
    let key = Key::generate(Algorithm::Hs256);
    let mut harness = Harness::new("size");
    tokens::add(&mut harness, &key);
    strategies::add(&mut harness, &key);
    keys::add(&mut harness);
    connections::add(&mut harness);
    harness.run();
}
