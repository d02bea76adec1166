//! What a look-up gives is no user yet: an inner `Err` is a store that is down, or somebody who was not found.

use auth_basic::{Basic, BasicLogin};

async fn find(_: &BasicLogin) -> Result<String, std::io::Error> {
    Ok("ann".to_owned())
}

fn main() {
    let _ = Basic::new("demo").verify(|login: BasicLogin| async move { Some(find(&login).await) });
}
