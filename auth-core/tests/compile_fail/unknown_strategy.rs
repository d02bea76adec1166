//! An unknown strategy does not compile.

fn main() {
    let _ = auth_core::Chain::new().or(google);
}
