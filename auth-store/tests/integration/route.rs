//! The route that issues tickets.

use std::sync::Arc;

use auth_core::{Carrier, Chain, Transport};
use auth_store::{MemoryStore, Tickets};
use axum::{Router, body::Body, http::Request, response::Response};
use tower::ServiceExt as _;

use crate::support::*;

/// The route behind a layer that let Ann in.
async fn post(tickets: &Tickets, method: &str, with_layer: bool) -> Response {
    let app: Router = Router::new().route("/api/ws-ticket", tickets.route::<Name, _>());
    let mut request = Request::builder().method(method).uri("/api/ws-ticket").body(Body::empty()).unwrap();
    if with_layer {
        let chain = Chain::new().or(Login(Carrier::Header, token));
        request.extensions_mut().insert(ask(&chain, parts(login()), Transport::Http, now()).await.unwrap());
    }
    app.oneshot(request).await.unwrap()
}

async fn body(response: Response) -> String {
    let bytes = axum::body::to_bytes(response.into_body(), 1024).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn post_answers_with_a_good_ticket_and_no_store() {
    let tickets = Tickets::new(MemoryStore::new().clock(clock()), "/ws").unwrap().clock(clock());
    let response = post(&tickets, "POST", true).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/json");
    assert_eq!(response.headers()["cache-control"], "no-store");
    let json: serde_json::Value = serde_json::from_str(&body(response).await).unwrap();
    assert_eq!(json["expires_in"], 30);
    assert!(open(&socket(&tickets), json["ticket"].as_str().unwrap()).await.is_ok());
}

#[tokio::test]
async fn only_post_issues_a_ticket() {
    let tickets = Tickets::new(Arc::new(MemoryStore::new()), "/ws").unwrap();
    for method in ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"] {
        assert_eq!(post(&tickets, method, true).await.status(), 405, "{method}");
    }
}

#[tokio::test]
async fn refusal_of_a_ticket_is_problem_json() {
    let full = Tickets::new(MemoryStore::new().max_tickets(0), "/ws").unwrap().clock(clock());
    let response = post(&full, "POST", true).await;
    assert_eq!((response.status().as_u16(), &response.headers()["retry-after"]), (503, &"5".parse().unwrap()));
    assert!(body(response).await.contains(r#""code":"unavailable""#));
}

#[tokio::test]
async fn ticket_route_without_a_layer_is_500() {
    let tickets = Tickets::new(MemoryStore::new(), "/ws").unwrap();
    assert_eq!(post(&tickets, "POST", false).await.status(), 500);
}
