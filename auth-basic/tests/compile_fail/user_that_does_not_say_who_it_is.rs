//! A user type says whether it has an identity of its own.

use auth_basic::{Basic, BasicLogin};

struct User;

fn main() {
    let _ = Basic::new("demo").verify(|_: BasicLogin| async { Some(User) });
}
