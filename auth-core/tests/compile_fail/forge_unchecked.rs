//! Evidence that nobody has checked is for tests: it is behind a feature that is off.

fn main() {
    let _ = auth_core::Authenticated::dangerous_unchecked("root");
}
