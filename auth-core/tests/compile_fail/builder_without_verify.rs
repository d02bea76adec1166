//! A builder is not a strategy yet, and the error says what is missing.

struct Builder;

fn main() {
    let _ = auth_core::Chain::new().or(Builder);
}
