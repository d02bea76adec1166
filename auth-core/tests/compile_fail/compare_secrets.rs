//! Secrets are compared in constant time only.

fn main() {
    let _ = auth_core::Secret::new("a") == auth_core::Secret::new("b");
}
