//! Strategies with different user types do not fit into one chain; `map_user` converts them first.

use auth_core::{Chain, Strategy};

fn chain(tokens: impl Strategy<User = &'static str>, sessions: impl Strategy<User = String>) {
    let _ = Chain::new().or(tokens).or(sessions);
}

fn main() {}
