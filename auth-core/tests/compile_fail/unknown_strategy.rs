//! A strategy that is not there cannot be named.

fn main() {
    let _ = auth_core::Chain::new().or(google);
}
