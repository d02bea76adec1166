//! The response to a refusal, and how a hook can change it.

use auth_core::{Refusal, RefusalKind};
use axum::{Router, body::Bytes, middleware, response::Response, routing::get};
use http::{StatusCode, request::Parts};
use ws_adapter::OnRefusal;

use crate::support::*;

async fn server(hook: impl OnRefusal) -> Server {
    Server::start(app(layer(jwt_or_basic()).on_refusal(hook))).await
}

#[tokio::test]
async fn default_response_is_problem_json_with_only_a_stable_code() {
    let answer = Server::start(app(layer(jwt_or_basic()))).await.get("/me", &[]).await;
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let expected = r#"{"type":"about:blank","title":"Unauthorized","status":401,"code":"missing_credentials"}"#;
    assert_eq!(answer.body, expected);
}

#[tokio::test]
async fn hook_makes_the_body_and_the_layer_restores_the_protocol() {
    let hook = |refusal: &Refusal, request: &Parts| {
        Response::builder()
            .header("content-type", "text/html")
            .header("cache-control", "public")
            .header("www-authenticate", "Weak")
            .body(format!("<p>{} at {}", refusal.code(), request.uri.path()))
            .unwrap()
    };
    let answer = server(hook).await.get("/me", &[]).await;
    assert_eq!((answer.status, answer.body.as_str()), (401, "<p>missing_credentials at /me"));
    assert_eq!(answer.header("content-type"), Some("text/html"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.challenges(), JWT_OR_BASIC);
}

#[tokio::test]
async fn hook_cannot_turn_a_refusal_into_a_success() {
    for status in [StatusCode::OK, StatusCode::NO_CONTENT, StatusCode::SWITCHING_PROTOCOLS] {
        let hook = move |_: &Refusal, _: &Parts| Response::builder().status(status).body("welcome").unwrap();
        let server = server(hook).await;
        assert_eq!(server.get("/me", &[]).await.status, 401, "{status}");
        assert_eq!(server.refused(&[]).await.status, 401, "{status}");
    }
}

#[tokio::test]
async fn hook_that_panics_is_replaced_by_the_default() {
    fn hook(_: &Refusal, _: &Parts) -> Response<&'static str> {
        panic!("the hook panics")
    }
    assert!(server(hook).await.get("/me", &[]).await.is(401, "missing_credentials"));
}

#[tokio::test]
async fn hook_can_redirect_the_browser_to_a_login_page() {
    let hook = |_: &Refusal, _: &Parts| {
        Response::builder().status(303).header("location", "/login").body(Bytes::new()).unwrap()
    };
    let answer = server(hook).await.get("/me", &[]).await;
    assert_eq!((answer.status, answer.header("location")), (303, Some("/login")));
}

#[tokio::test]
async fn hook_sees_the_cause_of_a_503_and_the_client_does_not() {
    let hook = |refusal: &Refusal, _: &Parts| {
        let seen = std::error::Error::source(refusal).is_some_and(|cause| cause.to_string() == "the store is down");
        Response::new(if seen { "seen" } else { "not seen" })
    };
    let answer = server(hook).await.get("/me", &[("authorization", &bearer_of("broken"))]).await;
    assert_eq!((answer.status, answer.body.as_str()), (503, "seen"));
    assert_eq!(answer.header("retry-after"), Some("5"));
}

#[tokio::test]
async fn outer_layer_finds_the_refusal_in_the_response() {
    let outer = middleware::map_response(|response: Response| async move {
        let kind = response.extensions().get::<Refusal>().map(Refusal::kind);
        (StatusCode::IM_A_TEAPOT, format!("{:?}", kind == Some(RefusalKind::Missing)))
    });
    let app = Router::new().route("/me", get(me)).layer(layer(jwt_or_basic())).layer(outer);
    assert_eq!(Server::start(app).await.get("/me", &[]).await.body, "true");
}
