//! The life of a login on two nodes. It is the same however Redis is set up.

use test_support::server::close;

use super::Nodes;
use crate::support::*;

/// Login, data, socket, step up, logout and the end of all logins: each counts on the other node at once.
pub(super) async fn holds(nodes: &Nodes) {
    let Nodes { clock, one, two } = nodes;
    let mut here = one.logged_in("ann").await;
    let mut there = here.on(&two.server);
    assert_eq!(there.me().await, is("ann"));
    assert_eq!(there.post("/put/cart/books").await.status, 204);
    assert_eq!(here.get("/get/cart").await.body, "books");
    let mut socket = there.open().await;
    assert!(socket.echoes("open").await);

    clock.advance(secs(120));
    assert_eq!(here.post("/step-up").await.status, 204);
    assert_eq!(there.me().await, refused(401, "missing_credentials"), "its secret was replaced");
    there = here.on(&two.server);
    assert_eq!((there.me().await, socket.echoes("still open").await), (is("ann"), true));

    let mut phone = two.logged_in("ann").await;
    assert_eq!(one.sids("ann").await.len(), 2);
    assert_eq!(here.post("/logout").await.status, 204);
    assert_eq!(socket.closed().await, close(4403, "revoked"));
    assert_eq!(there.me().await, refused(401, "session_expired"));
    assert_eq!(there.cookie, None);
    assert_eq!(phone.on(&one.server).me().await, is("ann"), "another login of the same user");

    let mut socket = phone.on(&one.server).open().await;
    assert!(socket.echoes("open").await);
    two.sessions.end_all(&User("ann".to_owned())).await.unwrap();
    assert_eq!(socket.closed().await, close(4403, "revoked"));
    assert_eq!(phone.me().await, refused(401, "session_expired"));
    assert!(one.sids("ann").await.is_empty());
    clock.advance(secs(1));
    let again = one.logged_in("ann").await;
    assert_eq!(again.on(&two.server).me().await, is("ann"));
}
