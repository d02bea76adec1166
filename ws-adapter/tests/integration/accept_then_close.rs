//! `accept_then_close`: pages see why their socket is refused.

use auth_core::{Chain, Outcome, Rejection};
use ws_adapter::{AuthLayer, Sockets};

use crate::support::*;

async fn server() -> Server {
    let chain = jwt_or_basic().and_then(|accept| {
        Ok(match accept.user().0.as_str() {
            "banned" => Outcome::Reject(Rejection::forbidden()),
            _ => Outcome::Accept(accept),
        })
    });
    Server::start(app(layer(chain).sockets(Sockets::new().accept_then_close()))).await
}

/// The close that a page of the server's own origin sees.
async fn seen_by_page(token: &str) -> Option<(u16, String)> {
    let server = server().await;
    let own = format!("http://{}", server.addr);
    let headers = [("origin", own.as_str()), ("sec-websocket-protocol", &protocols(token))];
    let (mut client, answer) = server.connect("/ws", &headers).await.unwrap();
    // Without it, a browser drops the connection before the close arrives.
    assert_eq!(answer.header("sec-websocket-protocol"), Some("auth.v1"));
    client.closed().await
}

fn close(code: u16, reason: &str) -> Option<(u16, String)> {
    Some((code, reason.to_owned()))
}

#[tokio::test]
async fn page_sees_the_reason_for_a_refusal() {
    assert_eq!(seen_by_page("a.b.c").await, close(4401, "invalid_credentials"));
    assert_eq!(seen_by_page(&token("ann", -61)).await, expired());
    assert_eq!(seen_by_page(&token("ann", -1)).await, expired());
    assert_eq!(seen_by_page(&token("nobody", 60)).await, close(4401, "invalid_credentials"));
    assert_eq!(seen_by_page(&token("banned", 60)).await, close(4403, "forbidden"));
    assert_eq!(seen_by_page(&token("broken", 60)).await, close(1013, "unavailable"));
    assert_eq!(seen_by_page(&token("panic", 60)).await, close(1011, "internal_error"));
}

#[tokio::test]
async fn page_without_credential_or_subprotocol_sees_the_reason_too() {
    let server = server().await;
    let own = format!("http://{}", server.addr);
    let (mut client, answer) = server.connect("/ws", &[("origin", &own)]).await.unwrap();
    assert_eq!(answer.header("sec-websocket-protocol"), None);
    assert_eq!(client.closed().await, close(4401, "invalid_credentials"));
}

#[tokio::test]
async fn other_clients_and_foreign_pages_get_the_http_response() {
    let server = server().await;
    assert!(server.refused(&[]).await.is(401, "missing_credentials"));
    assert!(server.refused(&[("origin", "https://evil.example")]).await.is(403, "origin_not_allowed"));
    assert!(server.refused(&[("origin", "null")]).await.is(403, "origin_not_allowed"));
    assert!(server.get("/me", &[]).await.is(401, "missing_credentials"));
}

#[tokio::test]
async fn page_gets_the_http_response_by_default() {
    let server = Server::start(app(layer(jwt_or_basic()))).await;
    let own = format!("http://{}", server.addr);
    assert!(server.refused(&[("origin", &own)]).await.is(401, "missing_credentials"));
}

#[tokio::test]
async fn good_credential_still_opens_the_socket() {
    let server = server().await;
    let own = format!("http://{}", server.addr);
    let headers = [("origin", own.as_str()), ("authorization", &bearer_of("ann"))];
    assert!(server.connect("/ws", &headers).await.unwrap().0.echoes("hello").await);
}

#[tokio::test]
async fn refused_socket_never_runs_the_handler() {
    let ran = Counter::default();
    let counter = ran.clone();
    let route = axum::routing::any(move || {
        counter.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        std::future::ready("ran")
    });
    let layer = AuthLayer::new(Chain::new().or(jwt())).timer(clock()).sockets(Sockets::new().accept_then_close());
    let server = Server::start(axum::Router::new().route("/ws", route).layer(layer)).await;
    let own = format!("http://{}", server.addr);
    let (mut client, _) = server.connect("/ws", &[("origin", &own)]).await.unwrap();
    assert!(client.closed().await.is_some());
    assert_eq!(ran.load(std::sync::atomic::Ordering::SeqCst), 0);
}
