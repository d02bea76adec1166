//! `()` is not a user: a check that returns nothing may have meant anything.

use auth_basic::{Basic, BasicLogin};

async fn check(_: &BasicLogin) {}

fn main() {
    let _ = Basic::new("demo").verify(|login: BasicLogin| async move { Some(check(&login).await) });
}
