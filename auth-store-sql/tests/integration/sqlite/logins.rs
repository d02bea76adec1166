//! Logins that outlive the program.

use test_support::server::close;

use super::file::File;
use crate::{node::Node, support::*};

#[tokio::test]
async fn logins_and_their_ends_outlive_a_restart() {
    let (file, clock) = (File::new(), clock());
    let node = async || Node::start(file.store().await.clock(clock.clone()), &clock).await;
    let one = node().await;
    let (mut kept, mut ended) = (one.logged_in("ann").await, one.logged_in("ann").await);
    let mut old = ended.clone();
    let mut socket = ended.open(&one).await;
    assert!(socket.echoes("open").await);
    assert_eq!(ended.post(&one, "/logout").await.status, 204);
    assert_eq!(socket.closed().await, close(4403, "revoked"));
    drop(one);

    let two = node().await;
    assert_eq!((kept.me(&two).await, two.logins("ann").await), ("ann".to_owned(), 1));
    assert_eq!(old.me(&two).await, "401 session_expired");
}
