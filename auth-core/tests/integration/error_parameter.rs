//! `error=` is only on the scheme that was presented.

use auth_core::{Chain, Challenge, Outcome, Redirect, Rejection};

use crate::support::{
    BASIC, BEARER, BEARER_INVALID, Say, Scripted, ask_with, basic, dpop, jwt, lines, refusal, session,
};

const DPOP: &str = r#"DPoP algs="ES256""#;
const DPOP_INVALID: &str =
    r#"DPoP algs="ES256", error="invalid_token", error_description="The credentials are invalid""#;

/// One strategy that takes a token under either scheme.
fn bearer_or_dpop(say: Say) -> Scripted {
    Scripted::new(
        "token",
        say,
        [Challenge::bearer("api"), Challenge::new("DPoP").with("algs", "ES256").reporting_errors()],
    )
}

#[tokio::test]
async fn error_is_on_the_scheme_of_the_header() {
    let chain = Chain::new().or(bearer_or_dpop(Say::Reject));
    for (authorization, expected) in [
        ("Bearer t", [BEARER_INVALID, DPOP]),
        ("dpop t", [BEARER, DPOP_INVALID]),
        ("BEARER\tt", [BEARER_INVALID, DPOP]),
    ] {
        assert_eq!(lines(&ask_with(&chain, authorization).await.unwrap_err()), expected, "{authorization}");
    }
}

#[tokio::test]
async fn error_for_unrecognized_is_on_the_scheme_of_the_header() {
    let chain = Chain::new().or(bearer_or_dpop(Say::Unrecognized));
    assert_eq!(lines(&ask_with(&chain, "DPoP t").await.unwrap_err()), [BEARER, DPOP_INVALID]);
}

#[tokio::test]
async fn error_is_on_every_scheme_of_the_strategy_without_a_header() {
    let chain = Chain::new().or(bearer_or_dpop(Say::Reject)).or(basic(Say::Absent));
    assert_eq!(lines(&refusal(&chain).await), [BEARER_INVALID, DPOP_INVALID, BASIC]);
    // The header of another scheme was not rejected.
    assert_eq!(lines(&ask_with(&chain, "Basic eA==").await.unwrap_err()), [BEARER_INVALID, DPOP_INVALID, BASIC]);
}

#[tokio::test]
async fn schemes_that_do_not_report_errors_are_never_marked() {
    let chain = Chain::new().or(jwt(Say::Absent)).or(basic(Say::Reject));
    assert_eq!(lines(&ask_with(&chain, "Basic eA==").await.unwrap_err()), [BEARER, BASIC]);
}

#[tokio::test]
async fn only_the_rejecting_one_of_two_realms_is_marked() {
    let partner = |say| Scripted::new("partner", say, [Challenge::bearer("partner")]);
    let chain = Chain::new().or(jwt(Say::Unrecognized)).or(partner(Say::Reject));
    let lines = lines(&ask_with(&chain, "Bearer t").await.unwrap_err());
    assert_eq!(lines[0], BEARER);
    assert!(lines[1].starts_with(r#"Bearer realm="partner", error="invalid_token""#));
}

#[tokio::test]
async fn merged_challenge_is_marked_if_either_strategy_rejects() {
    let chain = Chain::new().or(jwt(Say::Absent)).or(jwt(Say::Reject));
    assert_eq!(lines(&refusal(&chain).await), [BEARER_INVALID]);
}

#[tokio::test]
async fn nested_chain_marks_only_the_strategy_that_rejects() {
    let inner = Chain::new().or(jwt(Say::Absent)).or(dpop(Say::Reject));
    let chain = Chain::new().or(basic(Say::Absent)).or(inner.map_user(|name| name));
    assert_eq!(lines(&refusal(&chain).await), [BASIC, BEARER, DPOP_INVALID]);
}

#[tokio::test]
async fn rejected_session_in_a_nested_chain_marks_no_scheme() {
    let inner = Chain::new().or(session(Say::Reject)).or(jwt(Say::Absent));
    let chain = Chain::new().or(inner.map_user(|name| name)).or(basic(Say::Absent));
    assert_eq!(lines(&refusal(&chain).await), [BEARER, BASIC]);
}

#[tokio::test]
async fn rejected_session_marks_no_scheme() {
    let chain = Chain::new().or(session(Say::Reject)).or(jwt(Say::Absent));
    assert_eq!(lines(&refusal(&chain).await), [BEARER]);
    let chain = Chain::new().or(session(Say::Unrecognized)).or(jwt(Say::Absent));
    assert_eq!(lines(&refusal(&chain).await), [BEARER]);
}

#[tokio::test]
async fn and_marks_the_side_that_rejects() {
    let api_key = |say| Scripted::new("key", say, [Challenge::new("ApiKey").reporting_errors()]);
    let invalid_key = r#"ApiKey error="invalid_token", error_description="The credentials are invalid""#;
    let right = Chain::new().or(jwt(Say::Accept)).and(api_key(Say::Reject));
    assert_eq!(lines(&ask_with(&right, "Bearer t").await.unwrap_err()), [BEARER, invalid_key]);
    let left = Chain::new().or(jwt(Say::Reject)).and(api_key(Say::Accept));
    assert_eq!(lines(&ask_with(&left, "Bearer t").await.unwrap_err()), [BEARER_INVALID, "ApiKey"]);
}

#[tokio::test]
async fn and_with_a_rejected_session_marks_no_scheme() {
    let chain = Chain::new().or(jwt(Say::Accept)).and(session(Say::Reject));
    assert_eq!(lines(&ask_with(&chain, "Bearer t").await.unwrap_err()), [BEARER]);
}

#[tokio::test]
async fn and_then_marks_the_scheme_that_was_accepted() {
    let refuse =
        |chain: Chain<&'static str>| chain.and_then(|_| Ok(Outcome::<String>::Reject(Rejection::token_expired())));
    let by_session = Chain::new().or(session(Say::Accept)).or(jwt(Say::Accept));
    assert_eq!(lines(&refusal(&refuse(by_session)).await), [BEARER]);
    let by_dpop = Chain::new().or(jwt(Say::Absent)).or(dpop(Say::Accept));
    let lines = lines(&refusal(&refuse(by_dpop)).await);
    assert_eq!((lines[0].as_str(), lines[1].contains("The token expired")), (BEARER, true));
}

#[tokio::test]
async fn insufficient_scope_without_a_reporting_scheme_has_no_challenge() {
    let refusal = refusal(&Chain::new().or(jwt(Say::Absent)).or(basic(Say::Scope))).await;
    assert_eq!((refusal.status().as_u16(), lines(&refusal)), (403, Vec::<String>::new()));
}

#[tokio::test]
async fn refusal_by_a_layer_marks_the_scheme_in_the_header() {
    let chain = Chain::new().or(jwt(Say::Accept)).or(dpop(Say::Accept)).or(basic(Say::Accept));
    let head = crate::support::head("/", &[("authorization", b"Bearer t")]);
    let request = auth_core::AuthRequest::new(&head, auth_core::Transport::WebSocket, crate::support::now());
    let refusal = chain.refuse(&Rejection::token_expired(), &request);
    assert_eq!((refusal.status().as_u16(), refusal.code()), (401, "token_expired"));
    assert!(lines(&refusal)[0].contains("The token expired"));
    assert_eq!(lines(&refusal)[1..], [DPOP, BASIC]);
}

#[tokio::test]
async fn refusal_by_a_layer_uses_the_fallback() {
    let chain = Chain::new().or(session(Say::Accept)).fallback_redirect(Redirect::found("/login").unwrap());
    let head = crate::support::head("/", &[]);
    let request = auth_core::AuthRequest::new(&head, auth_core::Transport::Http, crate::support::now());
    assert_eq!(chain.refuse(&Rejection::token_expired(), &request).status(), 302);
}

/// RFC 9449 has its own error for proofs.
#[tokio::test]
async fn error_of_an_extension_replaces_the_error_of_the_kind() {
    let refused = || Rejection::invalid_credentials().with_error("invalid_dpop_proof", "The proof is wrong");
    let chain = Chain::new().or(dpop(Say::Accept)).and_then::<String, _>(move |_| Ok(Outcome::Reject(refused())));
    let refusal = refusal(&chain).await;
    assert_eq!((refusal.status().as_u16(), refusal.code()), (401, "invalid_credentials"));
    let expected = r#"DPoP algs="ES256", error="invalid_dpop_proof", error_description="The proof is wrong""#;
    assert_eq!(lines(&refusal), [expected]);
}
