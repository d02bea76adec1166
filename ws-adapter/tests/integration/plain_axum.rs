//! What stays open on a plain axum router, without a warning. `Protected` closes all of it. If axum changes, a test fails.

use axum::{
    Router,
    routing::{get, post},
};
use reqwest::Method;

use crate::support::*;

async fn open() -> &'static str {
    "open"
}

/// The response of `path` to a request without a credential.
async fn asked(app: Router, method: Method, path: &str) -> (u16, String) {
    let answer = Server::start(app).await.send(method, path, &[], "").await;
    (answer.status, answer.body)
}

fn is_open(answer: &(u16, String)) -> bool {
    *answer == (200, "open".to_owned())
}

#[tokio::test]
async fn route_after_the_layer_is_open_in_plain_axum() {
    let app = Router::new().route("/me", get(me)).layer(layer(jwt_or_basic())).route("/late", get(open));
    assert_eq!(asked(app.clone(), Method::GET, "/me").await.0, 401);
    assert!(is_open(&asked(app, Method::GET, "/late").await));
}

#[tokio::test]
async fn fallback_after_the_layer_is_open_in_plain_axum() {
    let app = Router::new().route("/me", get(me)).layer(layer(jwt_or_basic())).fallback(open);
    assert!(is_open(&asked(app, Method::GET, "/nowhere").await));
}

#[tokio::test]
async fn method_after_the_layer_of_a_path_is_open_in_plain_axum() {
    let app = Router::new().route("/", get(me).layer(layer(jwt_or_basic())).post(open));
    assert_eq!(asked(app.clone(), Method::GET, "/").await.0, 401);
    assert!(is_open(&asked(app, Method::POST, "/").await));
}

#[tokio::test]
async fn method_added_to_a_path_after_the_layer_is_open_in_plain_axum() {
    let app = Router::new().route("/", get(me)).layer(layer(jwt_or_basic())).route("/", post(open));
    assert_eq!(asked(app.clone(), Method::GET, "/").await.0, 401);
    assert!(is_open(&asked(app, Method::POST, "/").await));
}

#[tokio::test]
async fn nested_fallback_under_route_layer_is_open_in_plain_axum() {
    let nested = Router::new().route("/me", get(me)).fallback(open);
    let app = Router::new().nest("/api", nested).route_layer(layer(jwt_or_basic()));
    assert_eq!(asked(app.clone(), Method::GET, "/api/me").await.0, 401);
    assert!(is_open(&asked(app, Method::GET, "/api/nowhere").await));
}

#[tokio::test]
async fn fallback_before_route_layer_is_open_in_plain_axum() {
    let app = Router::new().route("/me", get(me)).fallback(open).route_layer(layer(jwt_or_basic()));
    assert!(is_open(&asked(app, Method::GET, "/nowhere").await));
}

#[tokio::test]
async fn refused_method_names_the_methods_of_its_path_in_plain_axum() {
    let app = Router::new().route("/", get(me).put(me)).layer(layer(jwt_or_basic()));
    let answer = Server::start(app).await.send(Method::DELETE, "/", &[], "").await;
    assert_eq!((answer.status, answer.header("allow")), (401, Some("GET,HEAD,PUT")));
}
