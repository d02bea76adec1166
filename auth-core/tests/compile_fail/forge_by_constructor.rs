//! Evidence has no public constructor.

use auth_core::{Authenticated, Evidence};

fn forge(evidence: Box<Evidence>) -> Authenticated<&'static str> {
    Authenticated::sealed("root", evidence)
}

fn main() {}
