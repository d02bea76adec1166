//! What is demanded beyond a good credential, and the answer if it is missing.

use std::time::Duration;

use auth_core::{
    Accept, Authenticated, Carrier, Chain, Refusal, RefusalKind, Rejection, Requirement, Scopes, UserAuthentication,
};
use test_support::log::captured;

use crate::support::*;

type Edit = fn(Accept<Name>) -> Accept<Name>;

fn read_and_write(accept: Accept<Name>) -> Accept<Name> {
    accept.extra(Scopes::parse("chat:read chat:write"))
}

/// Logged in 100 s ago, with a class.
fn logged_in(accept: Accept<Name>) -> Accept<Name> {
    accept.extra(UserAuthentication::new().with_time(in_secs(0) - Duration::from_secs(100)).with_acr("phr"))
}

async fn accepted(edit: Edit) -> Authenticated<Name> {
    ask(&Chain::new().or(jwt(Say::Accept).edit(edit))).await.unwrap()
}

async fn check(edit: Edit, requirement: Requirement) -> Result<(), Refusal> {
    accepted(edit).await.evidence().require(&requirement)
}

fn within(secs: u64) -> Requirement {
    Requirement::new().max_age(Duration::from_secs(secs))
}

#[test]
fn scopes_are_compared_exactly_and_whole() {
    let scopes = Scopes::parse("  chat:read  chat:write ");
    assert_eq!(scopes.iter().collect::<Vec<_>>(), ["chat:read", "chat:write"]);
    for scope in ["chat:read", "chat:write"] {
        assert!(scopes.contains(scope));
    }
    for scope in ["", " ", "chat", "chat:rea", "Chat:read", "chat:read chat:write"] {
        assert!(!scopes.contains(scope), "{scope:?}");
    }
    assert_eq!(Scopes::parse("").iter().count(), 0);
}

#[tokio::test]
async fn credential_with_every_scope_passes() {
    assert!(accepted(read_and_write).await.evidence().require_scope("chat:write").is_ok());
    assert!(check(read_and_write, Requirement::new().scope("chat:write").scope("chat:read")).await.is_ok());
}

#[tokio::test]
async fn missing_scope_is_403_with_all_required_scopes() {
    let requirement = Requirement::new().scope("chat:write").scope("chat:admin");
    let refusal = check(read_and_write, requirement).await.unwrap_err();
    assert_eq!(answer(&refusal), (403, "insufficient_scope"));
    assert_eq!(refusal.kind(), RefusalKind::Rejected);
    assert_eq!(
        lines(&refusal),
        [concat!(
            r#"Bearer realm="api", scope="chat:write chat:admin", error="insufficient_scope", "#,
            r#"error_description="More scope is required""#
        )]
    );
    assert_eq!(problem(&refusal)["code"], "insufficient_scope");
    assert_eq!(refusal.to_response().headers()["cache-control"], "no-store");
}

#[tokio::test]
async fn credential_without_scopes_has_none() {
    let refusal = accepted(|accept| accept).await.evidence().require_scope("chat:read").unwrap_err();
    assert_eq!(answer(&refusal), (403, "insufficient_scope"));
}

#[tokio::test]
async fn challenge_is_the_one_of_the_accepting_strategy() {
    let chain = Chain::new().or(jwt(Say::Absent)).or(dpop(Say::Accept));
    let refusal = ask(&chain).await.unwrap().evidence().require_scope("chat:read").unwrap_err();
    let [line] = &lines(&refusal)[..] else { panic!("one challenge") };
    assert!(line.starts_with(r#"DPoP algs="ES256", scope="chat:read", error="insufficient_scope""#), "{line}");
}

#[tokio::test]
async fn challenge_is_the_one_of_the_presented_scheme() {
    let challenges = [auth_core::Challenge::bearer("api"), auth_core::Challenge::new("DPoP").reporting_errors()];
    let chain = Chain::new().or(Scripted::new("jwt", Say::Accept, challenges));
    let refusal = ask_with(&chain, "DPoP token").await.unwrap().evidence().require_scope("a").unwrap_err();
    let [line] = &lines(&refusal)[..] else { panic!("one challenge") };
    assert!(line.starts_with(r#"DPoP scope="a""#), "{line}");
}

#[tokio::test]
async fn challenge_of_a_nested_chain_is_kept() {
    let nested = Chain::new().or(jwt(Say::Absent)).or(dpop(Say::Accept)).map_user(|user| user);
    let chain = Chain::new().or(basic(Say::Absent)).or(nested);
    let refusal = ask(&chain).await.unwrap().evidence().require_scope("a").unwrap_err();
    let [line] = &lines(&refusal)[..] else { panic!("one challenge") };
    assert!(line.starts_with("DPoP "), "{line}");
}

#[tokio::test]
async fn scheme_without_errors_has_no_challenge_for_a_missing_scope() {
    let user = ask(&Chain::new().or(basic(Say::Accept))).await.unwrap();
    let refusal = user.evidence().require_scope("chat:read").unwrap_err();
    assert_eq!((answer(&refusal), lines(&refusal)), ((403, "insufficient_scope"), vec![]));
}

#[tokio::test]
async fn log_in_age_limit_is_inclusive() {
    assert!(check(logged_in, within(100)).await.is_ok());
    let refusal = check(logged_in, within(99)).await.unwrap_err();
    assert_eq!(answer(&refusal), (401, "insufficient_user_authentication"));
    assert_eq!(
        lines(&refusal),
        [concat!(
            r#"Bearer realm="api", error="insufficient_user_authentication", "#,
            r#"error_description="A more recent or a stronger log-in is required", max_age="99""#
        )]
    );
}

#[tokio::test]
async fn log_in_in_the_future_has_age_zero() {
    let ahead: Edit = |accept| accept.extra(UserAuthentication::new().with_time(in_secs(5)));
    assert!(check(ahead, within(0)).await.is_ok());
}

#[tokio::test]
async fn any_of_the_classes_will_do() {
    assert!(check(logged_in, Requirement::new().acr("phrh").acr("phr")).await.is_ok());
    let refusal = check(logged_in, Requirement::new().acr("phrh").acr("PHR")).await.unwrap_err();
    assert_eq!(answer(&refusal), (401, "insufficient_user_authentication"));
    let [line] = &lines(&refusal)[..] else { panic!("one challenge") };
    assert!(line.ends_with(r#", acr_values="phrh PHR""#), "{line}");
}

#[tokio::test]
async fn every_demanded_method_must_have_been_used() {
    let by_both: Edit = |accept| accept.extra(UserAuthentication::new().with_amr(["otp", "pwd"]));
    let none: Edit = |accept| accept.extra(UserAuthentication::new());
    let unknown: Edit = |accept| accept;
    for (edit, methods, good) in [
        (by_both, &["pwd"][..], true),
        (by_both, &["pwd", "otp"], true),
        (by_both, &["pwd", "hwk"], false),
        (by_both, &["OTP"], false),
        (by_both, &["pwd otp"], false),
        (by_both, &[""], false),
        (by_both, &[], true),
        (none, &["pwd"], false),
        (unknown, &["pwd"], false),
    ] {
        let requirement = methods.iter().fold(Requirement::new(), |requirement, method| requirement.amr(*method));
        assert_eq!(check(edit, requirement).await.is_ok(), good, "{methods:?}");
    }
    let refusal = check(by_both, within(60).amr("hwk")).await.unwrap_err();
    assert_eq!(answer(&refusal), (401, "insufficient_user_authentication"));
    assert!(Requirement::new().try_amr("a b").is_err() && Requirement::new().try_amr("hwk").is_ok());
}

#[tokio::test]
async fn class_and_age_must_both_be_right() {
    for (requirement, good) in
        [(within(100).acr("phr"), true), (within(99).acr("phr"), false), (within(100).acr("phrh"), false)]
    {
        assert_eq!(check(logged_in, requirement).await.is_ok(), good);
    }
}

#[tokio::test]
async fn credential_without_a_log_in_is_refused() {
    let nothing: Edit = |accept| accept.extra(UserAuthentication::new());
    for edit in [nothing, |accept| accept] {
        for requirement in [within(u64::MAX), Requirement::new().acr("phr")] {
            let refusal = check(edit, requirement).await.unwrap_err();
            assert_eq!(answer(&refusal), (401, "insufficient_user_authentication"));
        }
    }
}

#[tokio::test]
async fn missing_scope_comes_before_an_insufficient_log_in() {
    let refusal = check(logged_in, within(1).scope("a")).await.unwrap_err();
    assert_eq!(refusal.code(), "insufficient_scope");
}

#[tokio::test]
async fn step_up_of_a_cookie_has_a_challenge() {
    let chain = Chain::new().or(session(Say::Accept));
    let refusal = ask(&chain).await.unwrap().evidence().require(&within(1)).unwrap_err();
    let [line] = &lines(&refusal)[..] else { panic!("one challenge") };
    assert!(line.starts_with(r#"Bearer error="insufficient_user_authentication""#), "{line}");
}

#[tokio::test]
async fn requirement_that_demands_nothing_is_met() {
    assert!(check(|accept| accept, Requirement::new()).await.is_ok());
}

#[tokio::test]
async fn scopes_of_one_part_of_an_and_count() {
    let chain = Chain::new().or(basic(Say::Accept)).and(jwt(Say::Accept).edit(read_and_write));
    let user = ask(&chain).await.unwrap();
    assert!(user.evidence().require_scope("chat:write").is_ok());
    let refusal = user.evidence().require_scope("other").unwrap_err();
    let [line] = &lines(&refusal)[..] else { panic!("one challenge") };
    assert!(line.starts_with("Bearer "), "{line}");
}

#[tokio::test]
async fn malformed_scope_or_class_is_an_error_and_lets_nobody_in() {
    let everything: Edit = |accept| {
        accept
            .extra(Scopes::parse("a b \" \\ \u{e9} good"))
            .extra(UserAuthentication::new().with_time(in_secs(0)).with_acr("good"))
    };
    type Demand = fn(Requirement, String) -> Requirement;
    let demands: [Demand; 2] = [|requirement, text| requirement.scope(text), |requirement, text| requirement.acr(text)];
    for bad in ["", " ", "a b", "\"", "\\", "\u{e9}", "a\tb"].map(str::to_owned) {
        for demand in demands {
            let requirement = demand(demand(Requirement::new(), "good".into()), bad.clone());
            let error = requirement.validate().unwrap_err().to_string();
            assert!(error.contains(&*bad.escape_debug().to_string()) && error.contains("visible ASCII"), "{error}");
            let (result, log) = captured(check(everything, requirement)).await;
            let refusal = result.unwrap_err();
            assert_eq!((answer(&refusal), refusal.challenges().len()), ((403, "forbidden"), 0), "{bad:?}");
            assert!(log.contains("ERROR") && log.contains("a requirement is malformed"), "{log}");
        }
        assert!(Requirement::new().try_scope(bad.clone()).is_err() && Requirement::new().try_acr(bad.clone()).is_err());
        let refusal = accepted(everything).await.evidence().require_scope(bad).unwrap_err();
        assert_eq!(answer(&refusal), (403, "forbidden"));
    }
    let long = Requirement::new().scope("\u{e9}".repeat(5000)).validate().unwrap_err().to_string();
    assert!(long.chars().count() < 400 && !long.contains(&"\u{e9}".repeat(201)), "{long}");
    let good = Requirement::new().try_scope("good".to_owned()).unwrap().try_acr("good".to_owned()).unwrap();
    assert!(good.validate().is_ok() && check(everything, good).await.is_ok());
}

#[tokio::test]
async fn refusal_of_a_later_check_keeps_status_code_and_challenge() {
    let user = accepted(|accept| accept).await;
    let refuse = |rejection: Rejection| {
        let refusal = user.evidence().refuse(&rejection);
        (refusal.status().as_u16(), refusal.code(), refusal.challenges().len())
    };
    assert_eq!(refuse(Rejection::invalid_credentials().with_code("banned")), (401, "banned", 1));
    assert_eq!(refuse(Rejection::token_expired()), (401, "token_expired", 1));
    assert_eq!(refuse(Rejection::invalid_request()), (400, "invalid_request", 1));
    assert_eq!(refuse(Rejection::forbidden()), (403, "forbidden", 0));
    assert_eq!(refuse(Rejection::too_many_requests()), (429, "too_many_requests", 0));
    let basic = ask(&Chain::new().or(basic(Say::Accept))).await.unwrap();
    assert_eq!(lines(&basic.evidence().refuse(&Rejection::invalid_credentials())), [BASIC]);
}

#[test]
fn debug_of_extras_shows_no_personal_data() {
    let login = UserAuthentication::new().with_acr("marker").with_time(in_secs(0));
    let shown = format!("{:?} {login:?}", Scopes::parse("marker"));
    assert_eq!(shown, "Scopes(1) UserAuthentication(<redacted>)");
}

#[tokio::test]
async fn carrier_does_not_matter() {
    let chain = Chain::new().or(jwt(Say::Accept).carried_by(Carrier::Query).edit(read_and_write));
    assert!(ask(&chain).await.unwrap().evidence().require_scope("chat:read").is_ok());
}
