//! The field of evidence is private.
#![allow(unreachable_code)]

fn main() {
    let _ = auth_core::Authenticated::<&str> { 0: unreachable!() };
}
