//! The log of a refusal: one line, at its level, with the reason.

use auth_core::{Chain, Refusal, RefusalKind, Strategy as _, Transport};
use http::StatusCode;
use test_support::{checks::revoked, log::captured};

use crate::support::*;

/// The lines about refusals.
fn events(log: &str) -> Vec<String> {
    log.lines().filter(|line| line.contains(" auth_core::refusal: ")).map(str::to_owned).collect()
}

/// The log of a chain of one strategy, in a few nestings.
async fn logged(say: Say) -> Vec<String> {
    let leaf = || Chain::new().or(jwt(say));
    let chains = [
        leaf(),
        Chain::new().or(basic(Say::Absent)).or(leaf()),
        leaf().map_user(|user| user),
        Chain::new().or(session(Say::Absent)).or(leaf()).or(session(Say::Absent).named("another".to_owned())),
        leaf().and_then(|accept| Ok(auth_core::Outcome::Accept(accept))),
    ];
    let mut lines = Vec::new();
    for chain in chains {
        let (_, log) = captured(ask(&chain)).await;
        let events = events(&log);
        assert_eq!(events.len(), 1, "{say:?} is one line: {log}");
        lines.extend(events);
    }
    lines
}

#[tokio::test]
async fn every_refusal_of_a_chain_is_one_log_line_with_its_fields() {
    for say in Say::ALL {
        // A new outcome does not compile until it has its line here.
        let (level, code, status, strategy) = match say {
            Say::Accept => continue,
            Say::Absent => ("DEBUG", "missing_credentials", 401, ""),
            Say::Unrecognized => ("INFO", "invalid_credentials", 401, ""),
            Say::Reject => ("INFO", "invalid_credentials", 401, "jwt"),
            Say::Expired => ("INFO", "token_expired", 401, "jwt"),
            Say::Revoked => ("INFO", "revoked", 401, "jwt"),
            Say::Malformed => ("INFO", "invalid_request", 400, "jwt"),
            Say::Scope => ("INFO", "insufficient_scope", 403, "jwt"),
            Say::StepUp => ("INFO", "insufficient_user_authentication", 401, "jwt"),
            Say::TooMany => ("INFO", "too_many_requests", 429, "jwt"),
            Say::Forbidden => ("INFO", "forbidden", 403, "jwt"),
            Say::Redirect => ("INFO", "redirect", 302, "jwt"),
            Say::Error => ("ERROR", "unavailable", 503, "jwt"),
            Say::Panic | Say::PanicAfterAwait => ("ERROR", "internal_error", 500, ""),
        };
        for line in logged(say).await {
            let fields = format!("code=\"{code}\" strategy=\"{strategy}\" transport=Http status={status}");
            assert!(line.contains(level) && line.contains(&fields), "{say:?}: {line}");
            // No strategy rejects it, so the log names those that did not recognize it.
            assert_eq!(line.contains("not recognized by jwt"), matches!(say, Say::Unrecognized), "{line}");
        }
    }
}

#[tokio::test]
async fn log_of_an_and_names_the_side_that_rejects() {
    for (left, right, strategy) in [
        (Say::Reject, Say::Accept, "jwt"),
        (Say::Accept, Say::Reject, "basic"),
        (Say::Accept, Say::Redirect, "basic"),
        (Say::Error, Say::Accept, "jwt"),
        (Say::Accept, Say::Error, "basic"),
    ] {
        let (result, log) = captured(ask(&Chain::new().or(jwt(left)).and(basic(right)))).await;
        assert_eq!(result.unwrap_err().strategy(), strategy);
        assert!(events(&log).concat().contains(&format!("strategy=\"{strategy}\"")), "{log}");
    }
}

#[tokio::test]
async fn later_refusal_names_the_strategy_that_accepted() {
    let revoked =
        Chain::new().or(jwt(Say::Accept).edit(|accept| accept.credential_id("", "1"))).revocation(revoked("1"));
    assert_eq!((refusal(&revoked).await.strategy(), refusal(&revoked).await.code()), ("jwt", "revoked"));
    let forbidden = |_| Ok(auth_core::Outcome::<Name>::Reject(auth_core::Rejection::forbidden()));
    let refused = Chain::new().or(jwt(Say::Accept)).and_then(forbidden);
    assert_eq!(refusal(&refused).await.strategy(), "jwt");
    let user = ask(&Chain::new().or(jwt(Say::Accept))).await.unwrap();
    assert_eq!(user.evidence().require_scope("a").unwrap_err().strategy(), "jwt");
}

#[tokio::test]
async fn refusal_and_its_clones_are_logged_once() {
    let refusal = Refusal::new(StatusCode::FORBIDDEN, "origin_not_allowed").with_detail("one is not the other");
    let (_, log) = captured(async {
        refusal.clone().log_once(Transport::WebSocket);
        refusal.log_once(Transport::Http);
        refusal.clone().with_detail("more").log_once(Transport::Http);
    })
    .await;
    let [line] = &events(&log)[..] else { panic!("one line: {log}") };
    assert!(line.contains("INFO") && line.contains("transport=WebSocket"), "{line}");
    assert!(line.contains(r#"detail="one is not the other""#), "{line}");
    assert!(!refusal.to_response().body().contains("the other") && !format!("{refusal:?}").contains("the other"));
}

#[tokio::test]
async fn outage_names_its_cause_and_the_hook_still_sees_the_error_itself() {
    let chain = Chain::new().or(Chain::new().or(jwt(Say::Error)));
    let (result, log) = captured(ask(&chain)).await;
    let refusal = result.unwrap_err();
    assert_eq!(refusal.kind(), RefusalKind::Unavailable);
    assert!(events(&log).concat().contains("the store is down"), "{log}");
    assert_eq!(std::error::Error::source(&refusal).unwrap().to_string(), "the store is down");
}
