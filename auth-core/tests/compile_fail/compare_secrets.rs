//! Secrets are only compared in constant time.

fn main() {
    let _ = auth_core::Secret::new("a") == auth_core::Secret::new("b");
}
