//! A secret cannot be printed by accident.

fn main() {
    println!("{}", auth_core::Secret::new("open sesame"));
}
