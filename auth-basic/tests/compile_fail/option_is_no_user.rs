//! What a look-up gives is no user yet: an inner `None` is somebody who was not found.

use auth_basic::{Basic, BasicLogin};

async fn find(_: &BasicLogin) -> Option<String> {
    None
}

fn main() {
    let _ = Basic::new("demo").verify(|login: BasicLogin| async move { Ok::<_, std::io::Error>(Some(find(&login).await)) });
}
