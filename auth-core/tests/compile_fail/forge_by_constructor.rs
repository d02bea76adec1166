//! Only a chain seals an acceptance.

use auth_core::{Accept, Authenticated};

fn forge(accept: Accept<&'static str>) -> Authenticated<&'static str> {
    accept.seal()
}

fn main() {}
