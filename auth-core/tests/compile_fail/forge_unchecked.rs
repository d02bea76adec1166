//! Unchecked evidence is for tests: its feature is off.

fn main() {
    let _ = auth_core::Authenticated::dangerous_unchecked("root");
}
