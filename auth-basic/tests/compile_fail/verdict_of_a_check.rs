//! A verdict accepts a user, and not the answer of a check.

use auth_basic::{Basic, BasicLogin};
use auth_core::Verdict;

fn main() {
    let _ = Basic::new("demo").verify(|_: BasicLogin| async { Verdict::accept(false) });
}
