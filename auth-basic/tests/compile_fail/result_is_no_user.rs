//! The result of a look-up is not a user: an inner `Err` may mean that the store is down.

use auth_basic::{Basic, BasicLogin};

async fn find(_: &BasicLogin) -> Result<String, std::io::Error> {
    Ok("ann".to_owned())
}

fn main() {
    let _ = Basic::new("demo").verify(|login: BasicLogin| async move { Some(find(&login).await) });
}
