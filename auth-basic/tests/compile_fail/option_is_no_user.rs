//! The result of a look-up is not a user: an inner `None` means that nobody was found.

use auth_basic::{Basic, BasicLogin};

async fn find(_: &BasicLogin) -> Option<String> {
    None
}

fn main() {
    let _ = Basic::new("demo").verify(|login: BasicLogin| async move { Ok::<_, std::io::Error>(Some(find(&login).await)) });
}
