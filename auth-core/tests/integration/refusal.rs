//! How a refusal is answered.

use std::time::Duration;

use auth_core::{Chain, Refusal, RefusalKind};
use http::{Response, StatusCode};

use crate::support::{BASIC, BEARER, Say, basic, header_lines, jwt, problem, refusal};

#[tokio::test]
async fn body_is_problem_json_with_type_title_status_and_code() {
    let refusal = refusal(&Chain::new().or(jwt(Say::Absent))).await;
    let response = refusal.to_response();
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    assert_eq!(
        response.body(),
        r#"{"type":"about:blank","title":"Unauthorized","status":401,"code":"missing_credentials"}"#
    );
}

#[tokio::test]
async fn every_refusal_has_a_valid_json_body_and_no_store() {
    for say in [
        Say::Absent,
        Say::Unrecognized,
        Say::Reject,
        Say::Expired,
        Say::Malformed,
        Say::Scope,
        Say::Forbidden,
        Say::Error,
        Say::Panic,
    ] {
        let refusal = refusal(&Chain::new().or(jwt(say))).await;
        let problem = problem(&refusal);
        assert_eq!(problem["status"], refusal.status().as_u16());
        assert_eq!(problem["code"], refusal.code());
        assert_eq!(problem.len(), 4);
        assert_eq!(refusal.to_response().headers()["cache-control"], "no-store");
    }
}

#[test]
fn code_that_is_not_snake_case_cannot_break_the_body() {
    let odd = Refusal::new(StatusCode::BAD_REQUEST, "a\"b\\c\u{7f}\n\u{e9}");
    assert_eq!(problem(&odd)["code"], "abc");
}

#[test]
fn status_without_a_name_still_has_a_title() {
    let odd = Refusal::new(StatusCode::from_u16(499).unwrap(), "odd");
    assert_eq!(problem(&odd)["title"], "Refused");
}

#[test]
fn refusal_of_the_middleware_has_its_own_kind_and_no_challenge() {
    let refusal = Refusal::new(StatusCode::FORBIDDEN, "foreign_origin");
    assert_eq!((refusal.kind(), refusal.code()), (RefusalKind::Middleware, "foreign_origin"));
    assert!(refusal.challenges().is_empty() && refusal.redirect().is_none() && refusal.retry_after().is_none());
}

#[test]
fn refusal_with_a_status_below_400_becomes_500() {
    for status in [StatusCode::SWITCHING_PROTOCOLS, StatusCode::OK, StatusCode::NO_CONTENT, StatusCode::FOUND] {
        assert_eq!(Refusal::new(status, "x").status(), 500);
    }
    assert_eq!(Refusal::new(StatusCode::BAD_REQUEST, "x").status(), 400);
}

#[tokio::test]
async fn answer_of_a_hook_gets_challenges_and_no_store_back() {
    let refusal = refusal(&Chain::new().or(jwt(Say::Absent)).or(basic(Say::Absent))).await;
    let mut response = Response::builder()
        .status(401)
        .header("www-authenticate", "Own")
        .header("cache-control", "public")
        .header("x-own", "stays")
        .body("text")
        .unwrap();
    refusal.apply_to(&mut response);
    assert_eq!(header_lines(response.headers()), [BEARER, BASIC]);
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert_eq!((response.headers()["x-own"].to_str().unwrap(), *response.body()), ("stays", "text"));
}

#[tokio::test]
async fn answer_of_a_hook_below_300_gets_the_status_of_the_refusal() {
    let refusal = refusal(&Chain::new().or(jwt(Say::Absent))).await;
    for (made, answered) in
        [(101, 401), (200, 401), (204, 401), (299, 401), (300, 300), (302, 302), (404, 404), (500, 500)]
    {
        let mut response = Response::builder().status(made).body(()).unwrap();
        refusal.apply_to(&mut response);
        assert_eq!(response.status(), answered, "{made}");
    }
}

#[tokio::test]
async fn answer_of_a_hook_gets_retry_after_and_location_back() {
    let unavailable = refusal(&Chain::new().or(jwt(Say::Error))).await;
    let mut response = Response::new(());
    unavailable.apply_to(&mut response);
    assert_eq!((response.status().as_u16(), response.headers()["retry-after"].to_str().unwrap()), (503, "5"));

    let redirect = refusal(&Chain::new().or(jwt(Say::Redirect))).await;
    let mut response = Response::new(());
    redirect.apply_to(&mut response);
    assert_eq!((response.status().as_u16(), response.headers()["location"].to_str().unwrap()), (302, "/login"));
}

#[test]
fn retry_after_of_its_own_is_rounded_up_to_whole_seconds() {
    for (wait, secs) in [(0, "1"), (1, "1"), (1000, "1"), (1001, "2"), (900_000, "900")] {
        let refusal = Refusal::new(StatusCode::TOO_MANY_REQUESTS, "too_many_attempts");
        let refusal = refusal.with_retry_after(Duration::from_millis(wait)).with_detail("of the account");
        assert_eq!(refusal.to_response().headers()["retry-after"], secs, "{wait} ms");
    }
}

#[tokio::test]
async fn display_of_a_refusal_is_its_code() {
    assert_eq!(refusal(&Chain::new().or(jwt(Say::Absent))).await.to_string(), "missing_credentials");
}
