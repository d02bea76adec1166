//! The result of a check is not a user: with `Some` around it, a wrong password would be let in.

use auth_basic::{Basic, BasicLogin};

async fn check(_: &BasicLogin) -> bool {
    false
}

fn main() {
    let _ = Basic::new("demo").verify(|login: BasicLogin| async move { Some(check(&login).await) });
}
