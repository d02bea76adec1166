//! Sockets that a cookie opens: they end with the login.

use test_support::server::{Server, close};

use super::App;
use crate::support::*;

async fn serve(app: &App) -> Server {
    Server::start(with_socket(&app.sessions, &app.clock, app.router.clone())).await
}

#[tokio::test]
async fn logout_in_one_tab_closes_the_sockets_of_the_others() {
    let app = App::new();
    let server = serve(&app).await;
    let mut browser = app.logged_in("ann").await;
    let other = app.logged_in("ann").await;
    let mut sockets = Vec::new();
    for cookie in [&browser.cookie, &browser.cookie, &other.cookie] {
        let headers = [("cookie", cookie.as_deref().unwrap()), ("origin", ORIGIN)];
        let (mut socket, answer) = server.connect("/ws", &headers).await.unwrap();
        assert_eq!(answer.header("set-cookie"), None);
        assert!(socket.echoes("hello").await);
        sockets.push(socket);
    }
    browser.post("/logout").await;
    for socket in &mut sockets[..2] {
        assert_eq!(socket.closed().await, close(4403, "revoked"));
    }
    assert!(sockets[2].echoes("still here").await, "another login of the same user");
    app.sessions.end_all(&User("ann".to_owned())).await.unwrap();
    assert_eq!(sockets[2].closed().await, close(4403, "revoked"));
}

#[tokio::test]
async fn handshake_with_a_dead_cookie_removes_it() {
    let app = App::new();
    let server = serve(&app).await;
    let mut browser = app.logged_in("ann").await;
    let cookie = browser.cookie.clone().unwrap();
    browser.post("/logout").await;
    let answer = server.refused(&[("cookie", &cookie), ("origin", ORIGIN)]).await;
    assert!(answer.is(401, "session_expired"), "{answer:?}");
    assert!(answer.header("set-cookie").unwrap().contains("Max-Age=0"));
}

#[tokio::test]
async fn handshake_of_a_foreign_page_is_refused() {
    let app = App::new();
    let server = serve(&app).await;
    let cookie = app.logged_in("ann").await.cookie.unwrap();
    let answer = server.refused(&[("cookie", &cookie), ("origin", "https://evil.example")]).await;
    assert!(answer.is(403, "origin_not_allowed"), "{answer:?}");
    assert!(server.refused(&[("cookie", &cookie)]).await.is(403, "origin_required"));
}
