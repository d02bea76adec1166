//! The decision table of a chain: what each outcome does, and what the client reads if the chain ends with it.

use std::time::Duration;

use auth_core::{Chain, Challenge, Redirect, RefusalKind, Transport};

use crate::support::{
    BASIC, BEARER, BEARER_INVALID, BEARER_MALFORMED, Say, answer, ask, ask_over, basic, jwt, lines, refusal, session,
};

/// Whether the second strategy is asked after this outcome of the first.
async fn asks_the_next_after(say: Say) -> bool {
    let second = basic(Say::Absent);
    let _ = ask(&Chain::new().or(jwt(say)).or(second.clone())).await;
    second.calls() == 1
}

#[tokio::test]
async fn accept_stops_the_chain() {
    assert!(!asks_the_next_after(Say::Accept).await);
}

#[tokio::test]
async fn absent_asks_the_next_strategy() {
    assert!(asks_the_next_after(Say::Absent).await);
}

#[tokio::test]
async fn unrecognized_asks_the_next_strategy() {
    assert!(asks_the_next_after(Say::Unrecognized).await);
}

#[tokio::test]
async fn reject_of_any_kind_stops_the_chain() {
    for say in [Say::Reject, Say::Expired, Say::Malformed, Say::Scope, Say::Forbidden] {
        assert!(!asks_the_next_after(say).await, "{say:?}");
    }
}

#[tokio::test]
async fn redirect_stops_the_chain() {
    assert!(!asks_the_next_after(Say::Redirect).await);
}

#[tokio::test]
async fn error_stops_the_chain() {
    assert!(!asks_the_next_after(Say::Error).await);
}

#[tokio::test]
async fn panic_stops_the_chain() {
    assert!(!asks_the_next_after(Say::Panic).await);
    assert!(!asks_the_next_after(Say::PanicAfterAwait).await);
}

#[tokio::test]
async fn accept_in_first_place_gives_its_user() {
    let user = ask(&Chain::new().or(jwt(Say::Accept)).or(basic(Say::Accept))).await.unwrap();
    assert_eq!((*user, user.evidence().strategy()), ("jwt", "jwt"));
}

#[tokio::test]
async fn accept_in_last_place_gives_its_user() {
    for before in [Say::Absent, Say::Unrecognized] {
        let user = ask(&Chain::new().or(jwt(before)).or(basic(Say::Accept))).await.unwrap();
        assert_eq!((*user, user.evidence().strategy()), ("basic", "basic"), "after {before:?}");
    }
}

#[tokio::test]
async fn absent_everywhere_is_401_with_every_challenge_and_no_error() {
    let refusal = refusal(&Chain::new().or(jwt(Say::Absent)).or(basic(Say::Absent))).await;
    assert_eq!(answer(&refusal), (401, "missing_credentials"));
    assert_eq!(refusal.kind(), RefusalKind::Missing);
    assert_eq!(lines(&refusal), [BEARER, BASIC]);
}

#[tokio::test]
async fn challenges_are_in_the_order_of_the_strategies() {
    let refusal = refusal(&Chain::new().or(basic(Say::Absent)).or(jwt(Say::Absent))).await;
    assert_eq!(lines(&refusal), [BASIC, BEARER]);
}

#[tokio::test]
async fn identical_challenges_are_merged_and_different_ones_are_not() {
    let chain = Chain::new().or(jwt(Say::Absent)).or(basic(Say::Absent)).or(jwt(Say::Absent));
    assert_eq!(lines(&refusal(&chain).await), [BEARER, BASIC]);

    let other_realm = crate::support::Scripted::new("partner", Say::Absent, [Challenge::bearer("partner")]);
    let refusal = refusal(&chain.or(other_realm)).await;
    assert_eq!(lines(&refusal), [BEARER, BASIC, r#"Bearer realm="partner""#]);
}

#[tokio::test]
async fn unrecognized_at_the_end_is_401_as_for_a_wrong_credential() {
    for chain in [
        Chain::new().or(jwt(Say::Unrecognized)).or(basic(Say::Absent)),
        Chain::new().or(basic(Say::Absent)).or(jwt(Say::Unrecognized)),
    ] {
        let refusal = refusal(&chain).await;
        assert_eq!(answer(&refusal), (401, "invalid_credentials"));
        assert_eq!(refusal.kind(), RefusalKind::Unrecognized);
        assert!(lines(&refusal).contains(&BEARER_INVALID.to_owned()));
        assert!(lines(&refusal).contains(&BASIC.to_owned()));
    }
}

#[tokio::test]
async fn reject_is_401_with_every_challenge() {
    for (chain, expected) in [
        (Chain::new().or(jwt(Say::Reject)).or(basic(Say::Absent)), [BEARER_INVALID, BASIC]),
        (Chain::new().or(basic(Say::Absent)).or(jwt(Say::Reject)), [BASIC, BEARER_INVALID]),
    ] {
        let refusal = refusal(&chain).await;
        assert_eq!(answer(&refusal), (401, "invalid_credentials"));
        assert_eq!(refusal.kind(), RefusalKind::Rejected);
        assert_eq!(lines(&refusal), expected);
    }
}

#[tokio::test]
async fn reject_after_unrecognized_marks_only_the_rejected_scheme() {
    let refusal = refusal(&Chain::new().or(jwt(Say::Unrecognized)).or(basic(Say::Reject))).await;
    assert_eq!(refusal.kind(), RefusalKind::Rejected);
    assert_eq!(lines(&refusal), [BEARER, BASIC]);
}

#[tokio::test]
async fn expired_credential_is_401_with_its_own_code() {
    let refusal = refusal(&Chain::new().or(jwt(Say::Expired))).await;
    assert_eq!(answer(&refusal), (401, "token_expired"));
    let expected = r#"Bearer realm="api", error="invalid_token", error_description="The token expired""#;
    assert_eq!(lines(&refusal), [expected]);
}

#[tokio::test]
async fn malformed_header_is_400_invalid_request() {
    let refusal = refusal(&Chain::new().or(jwt(Say::Malformed)).or(basic(Say::Absent))).await;
    assert_eq!(answer(&refusal), (400, "invalid_request"));
    assert_eq!(lines(&refusal), [BEARER_MALFORMED, BASIC]);
}

#[tokio::test]
async fn too_little_scope_is_403_with_the_scopes_on_the_presented_scheme() {
    let refusal = refusal(&Chain::new().or(jwt(Say::Scope)).or(basic(Say::Absent))).await;
    assert_eq!(answer(&refusal), (403, "insufficient_scope"));
    let expected = concat!(
        r#"Bearer realm="api", scope="chat:read chat:write", error="insufficient_scope", "#,
        r#"error_description="More scope is required""#
    );
    assert_eq!(lines(&refusal), [expected]);
}

#[tokio::test]
async fn insufficient_login_is_401_with_the_demanded_login() {
    let refusal = refusal(&Chain::new().or(jwt(Say::StepUp)).or(basic(Say::Absent))).await;
    assert_eq!(answer(&refusal), (401, "insufficient_user_authentication"));
    let expected = concat!(
        r#"Bearer realm="api", error="insufficient_user_authentication", "#,
        r#"error_description="A more recent or a stronger log-in is required", acr_values="phr phrh", max_age="300""#
    );
    assert_eq!(lines(&refusal), [expected, BASIC]);
}

#[tokio::test]
async fn too_many_requests_are_429_with_retry_after() {
    let refusal = refusal(&Chain::new().or(jwt(Say::TooMany)).or(basic(Say::Absent))).await;
    assert_eq!(answer(&refusal), (429, "too_many_requests"));
    assert_eq!(lines(&refusal), [""; 0]);
    assert_eq!(refusal.to_response().headers()["retry-after"], "5");
}

#[tokio::test]
async fn too_many_attempts_are_429_with_the_time_to_wait() {
    struct Throttled(Duration);
    #[auth_core::async_trait]
    impl auth_core::Strategy for Throttled {
        type User = crate::support::Name;

        fn name(&self) -> &str {
            "throttled"
        }

        fn challenges(&self, _: &mut Vec<Challenge>) {}

        async fn authenticate(
            &self,
            _: &auth_core::AuthRequest<'_>,
        ) -> Result<auth_core::Outcome<Self::User>, auth_core::BoxError> {
            Ok(auth_core::Outcome::Reject(auth_core::Rejection::too_many_attempts(self.0)))
        }
    }

    for (wait, secs) in [(0, "1"), (59_001, "60"), (900_000, "900")] {
        let refusal = refusal(&Chain::new().or(Throttled(Duration::from_millis(wait)))).await;
        assert_eq!(answer(&refusal), (429, "too_many_attempts"));
        assert_eq!(refusal.to_response().headers()["retry-after"], secs);
        assert!(!refusal.is_wrong_credential());
    }
}

#[tokio::test]
async fn forbidden_is_403_without_challenge() {
    let refusal = refusal(&Chain::new().or(jwt(Say::Forbidden)).or(basic(Say::Absent))).await;
    assert_eq!(answer(&refusal), (403, "forbidden"));
    assert_eq!(lines(&refusal), [""; 0]);
}

#[tokio::test]
async fn redirect_is_302_with_location_and_an_empty_body() {
    let refusal = refusal(&Chain::new().or(jwt(Say::Redirect)).or(basic(Say::Absent))).await;
    assert_eq!(refusal.kind(), RefusalKind::Redirect);
    assert_eq!(refusal.redirect(), Some(&Redirect::found("/login").unwrap()));
    let response = refusal.to_response();
    assert_eq!((response.status().as_u16(), response.body().as_str()), (302, ""));
    assert_eq!(response.headers()["location"], "/login");
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert!(!response.headers().contains_key("www-authenticate"));
}

#[tokio::test]
async fn redirect_is_a_plain_401_except_over_http() {
    for transport in [Transport::WebSocket, Transport::SocketIo, Transport::InBand] {
        let chain = Chain::new().or(jwt(Say::Redirect)).or(basic(Say::Absent));
        let refusal = ask_over(&chain, transport).await.unwrap_err();
        assert_eq!(refusal.status(), 401, "{transport:?}");
        assert_eq!((refusal.kind(), refusal.redirect()), (RefusalKind::Redirect, None));
        assert_eq!(lines(&refusal), [BEARER, BASIC]);
        assert!(!refusal.to_response().headers().contains_key("location"));
    }
}

#[tokio::test]
async fn error_is_503_with_retry_after_and_no_challenge() {
    for chain in [
        Chain::new().or(jwt(Say::Error)).or(basic(Say::Absent)),
        Chain::new().or(jwt(Say::Absent)).or(basic(Say::Error)),
    ] {
        let refusal = refusal(&chain).await;
        assert_eq!(answer(&refusal), (503, "unavailable"));
        assert_eq!(refusal.kind(), RefusalKind::Unavailable);
        assert_eq!(refusal.retry_after(), Some(Duration::from_secs(5)));
        assert_eq!(refusal.to_response().headers()["retry-after"], "5");
        assert_eq!(lines(&refusal), [""; 0]);
    }
}

#[tokio::test]
async fn error_after_unrecognized_is_503() {
    let refusal = refusal(&Chain::new().or(jwt(Say::Unrecognized)).or(basic(Say::Error))).await;
    assert_eq!(answer(&refusal), (503, "unavailable"));
}

#[tokio::test]
async fn cause_of_an_error_is_the_source_and_not_in_the_answer() {
    let refusal = refusal(&Chain::new().or(jwt(Say::Error))).await;
    assert_eq!(std::error::Error::source(&refusal).unwrap().to_string(), "the store is down");
    assert!(!refusal.to_response().body().contains("store"));
    assert!(!format!("{refusal:?} {refusal}").contains("store"));
}

#[tokio::test]
async fn panic_is_500_without_challenge_and_the_chain_keeps_working() {
    for say in [Say::Panic, Say::PanicAfterAwait] {
        let chain = Chain::new().or(jwt(say)).or(basic(Say::Accept));
        for _ in 0..2 {
            let refusal = refusal(&chain).await;
            assert_eq!(answer(&refusal), (500, "internal_error"), "{say:?}");
            assert_eq!(refusal.kind(), RefusalKind::Panicked);
            assert_eq!(lines(&refusal), [""; 0]);
            assert!(!refusal.to_response().headers().contains_key("retry-after"));
        }
    }
}

#[tokio::test]
async fn panic_in_a_nested_chain_is_500() {
    let inner = Chain::new().or(jwt(Say::PanicAfterAwait)).map_user(|name| name);
    assert_eq!(answer(&refusal(&Chain::new().or(inner)).await), (500, "internal_error"));
}

#[tokio::test]
async fn panic_in_a_map_is_500() {
    let chain = Chain::new().or(jwt(Say::Accept)).map_user(|name| {
        assert_ne!(name, "jwt");
        name
    });
    assert_eq!(answer(&refusal(&chain).await), (500, "internal_error"));
}

#[tokio::test]
async fn try_next_on_reject_asks_the_next_strategy() {
    for say in [Say::Reject, Say::Expired, Say::Malformed, Say::Scope, Say::Forbidden] {
        let chain = Chain::new().or(jwt(say)).or(basic(Say::Accept)).try_next_on_reject();
        assert_eq!(*ask(&chain).await.unwrap(), "basic", "after {say:?}");
    }
}

#[tokio::test]
async fn try_next_on_reject_answers_with_the_first_rejection() {
    let chain = Chain::new().or(jwt(Say::Expired)).or(basic(Say::Forbidden)).try_next_on_reject();
    let refusal = refusal(&chain).await;
    assert_eq!(answer(&refusal), (401, "token_expired"));
    assert!(lines(&refusal)[0].contains("invalid_token"));
}

#[tokio::test]
async fn try_next_on_reject_prefers_a_rejection_to_unrecognized() {
    let chain = Chain::new().or(jwt(Say::Unrecognized)).or(basic(Say::Forbidden)).try_next_on_reject();
    assert_eq!(answer(&refusal(&chain).await), (403, "forbidden"));
}

#[tokio::test]
async fn try_next_on_reject_stops_at_an_error_a_redirect_or_a_panic() {
    for (say, status) in [(Say::Error, 503), (Say::Redirect, 302), (Say::Panic, 500)] {
        let chain = Chain::new().or(jwt(say)).or(basic(Say::Accept)).try_next_on_reject();
        assert_eq!(refusal(&chain).await.status(), status, "{say:?}");
    }
}

#[tokio::test]
async fn try_next_on_reject_of_an_inner_chain_applies_only_there() {
    let inner = Chain::new().or(jwt(Say::Reject)).try_next_on_reject();
    let last = basic(Say::Accept);
    assert_eq!(refusal(&Chain::new().or(inner).or(last.clone())).await.status(), 401);
    assert_eq!(last.calls(), 0);
}

#[tokio::test]
async fn refusal_is_missing_only_if_nothing_was_presented() {
    for say in [Say::Unrecognized, Say::Reject, Say::Malformed, Say::Forbidden, Say::Redirect, Say::Error, Say::Panic] {
        assert_ne!(refusal(&Chain::new().or(jwt(say))).await.kind(), RefusalKind::Missing, "{say:?}");
    }
    assert_eq!(refusal(&Chain::new().or(jwt(Say::Absent))).await.kind(), RefusalKind::Missing);
}

#[tokio::test]
async fn chain_without_challenge_does_not_validate() {
    let error = Chain::new().or(session(Say::Absent)).validate().unwrap_err();
    assert!(error.to_string().contains("fallback_challenge"));
    Chain::new().or(session(Say::Absent)).or(jwt(Say::Absent)).validate().unwrap();
}

#[tokio::test]
async fn fallback_challenge_is_used_if_no_strategy_has_one() {
    let chain = Chain::new().or(session(Say::Absent)).fallback_challenge(Challenge::new("Session"));
    chain.validate().unwrap();
    let missing = refusal(&chain).await;
    assert_eq!((answer(&missing), lines(&missing)), ((401, "missing_credentials"), vec!["Session".to_owned()]));

    let wrong = Chain::new().or(session(Say::Reject)).fallback_challenge(Challenge::bearer("api"));
    let wrong = refusal(&wrong).await;
    assert_eq!((answer(&wrong), lines(&wrong)), ((401, "invalid_credentials"), vec![BEARER.to_owned()]));
}

#[tokio::test]
async fn fallback_redirect_keeps_the_kind_of_the_refusal() {
    for (say, kind, code) in [
        (Say::Absent, RefusalKind::Missing, "missing_credentials"),
        (Say::Unrecognized, RefusalKind::Unrecognized, "invalid_credentials"),
        (Say::Reject, RefusalKind::Rejected, "invalid_credentials"),
    ] {
        let chain = Chain::new().or(session(say)).fallback_redirect(Redirect::see_other("/login").unwrap());
        chain.validate().unwrap();
        let refusal = refusal(&chain).await;
        assert_eq!((refusal.kind(), answer(&refusal)), (kind, (303, code)));
        assert_eq!(refusal.to_response().headers()["location"], "/login");
    }
}

#[tokio::test]
async fn fallback_redirect_is_a_plain_401_on_a_handshake() {
    let chain = Chain::new().or(session(Say::Absent)).fallback_redirect(Redirect::found("/login").unwrap());
    let refusal = ask_over(&chain, Transport::WebSocket).await.unwrap_err();
    assert_eq!((answer(&refusal), refusal.redirect()), ((401, "missing_credentials"), None));
}

#[tokio::test]
async fn fallback_is_unused_if_a_strategy_has_a_challenge() {
    let chain = Chain::new().or(session(Say::Absent)).or(jwt(Say::Absent));
    let refusal = refusal(&chain.fallback_redirect(Redirect::found("/login").unwrap())).await;
    assert_eq!((refusal.status().as_u16(), lines(&refusal)), (401, vec![BEARER.to_owned()]));
    let chain = Chain::new().or(jwt(Say::Absent)).fallback_challenge(Challenge::new("Session"));
    assert_eq!(lines(&self::refusal(&chain).await), [BEARER]);
}

#[tokio::test]
async fn fallback_does_not_answer_400_403_or_503() {
    for (say, status) in [(Say::Malformed, 400), (Say::Forbidden, 403), (Say::Error, 503)] {
        let chain = Chain::new().or(session(say)).fallback_redirect(Redirect::found("/login").unwrap());
        assert_eq!(refusal(&chain).await.status(), status);
    }
}

#[tokio::test]
async fn fallback_survives_map_and_and() {
    let chain = Chain::new().or(session(Say::Absent)).fallback_challenge(Challenge::new("Session"));
    chain.clone().map_user(str::to_uppercase).validate().unwrap();
    chain.and(session(Say::Absent)).validate().unwrap();
}

#[tokio::test]
async fn settings_survive_a_later_or() {
    let chain = Chain::new().or(session(Say::Absent)).fallback_challenge(Challenge::new("Session"));
    chain.or(session(Say::Absent)).validate().unwrap();
    let chain = Chain::new().or(jwt(Say::Reject)).try_next_on_reject().or(basic(Say::Accept));
    assert_eq!(*ask(&chain).await.unwrap(), "basic");
}

#[tokio::test]
async fn chain_with_one_strategy_twice_asks_it_twice() {
    let twice = jwt(Say::Absent);
    let _ = ask(&Chain::new().or(twice.clone()).or(twice.clone())).await;
    assert_eq!(twice.calls(), 2);
}

#[tokio::test]
async fn needs_of_all_strategies_are_joined() {
    struct Needy(&'static str);
    #[auth_core::async_trait]
    impl auth_core::Strategy for Needy {
        type User = String;
        fn name(&self) -> &str {
            self.0
        }
        fn challenges(&self, _: &mut Vec<Challenge>) {}
        fn needs(&self) -> auth_core::Needs {
            let mut needs = auth_core::Needs::default();
            needs.add_query_name(self.0);
            needs.add_subprotocol_prefix(self.0);
            needs
        }
        async fn authenticate(
            &self,
            _: &auth_core::AuthRequest<'_>,
        ) -> Result<auth_core::Outcome<String>, auth_core::BoxError> {
            Ok(auth_core::Outcome::Absent)
        }
    }
    use auth_core::Strategy as _;
    let needs = Chain::new().or(Needy("a")).or(Needy("b").named("z")).and(Needy("c")).map_user(|_| "c").needs();
    assert_eq!(needs.query_names(), ["a", "b", "c"]);
    assert_eq!(needs.subprotocol_prefixes(), ["a", "b", "c"]);
    assert!(!needs.payload());
}
