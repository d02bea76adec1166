//! Strategies of different users do not stand side by side; `map_user` makes them of one type first.

use auth_core::{Chain, Strategy};

fn chain(tokens: impl Strategy<User = &'static str>, sessions: impl Strategy<User = String>) {
    let _ = Chain::new().or(tokens).or(sessions);
}

fn main() {}
