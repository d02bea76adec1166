//! A verdict accepts a user, not the result of a check.

use auth_basic::{Basic, BasicLogin};
use auth_core::Verdict;

fn main() {
    let _ = Basic::new("demo").verify(|_: BasicLogin| async { Verdict::accept(false) });
}
