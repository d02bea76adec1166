//! What Passport's core does, row by row. A † marks a row where we differ; `docs/from-passport.md` says why.

use std::{collections::HashMap, error::Error as _, sync::Arc};

use auth_core::{
    Accept, AuthRequest, Authenticated, BoxError, Carrier, Chain, Challenge, Outcome, Payload, Redirect, Refusal,
    RefusalKind, Rejection, Strategy, Transport, Verify, async_trait,
    extract::{Extractor as _, bearer, payload_field, query},
};

use crate::support::{
    BASIC, BEARER, Name, Say, Scripted, answer, ask, basic, head, jwt, lines, now, problem, refusal, session,
};

#[derive(Clone, Debug, PartialEq)]
struct Info(&'static str);

/// † Strategies are values: an unknown one does not compile.
#[test]
fn row_01_unknown_strategy_does_not_build() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/unknown_strategy.rs");
}

#[tokio::test]
async fn row_02_success_sets_the_user_and_no_extras() {
    let user = ask(&Chain::new().or(jwt(Say::Accept))).await.unwrap();
    assert_eq!((*user, user.evidence().extra::<Info>()), ("jwt", None));
}

#[tokio::test]
async fn row_03_success_with_info_is_readable_beside_the_user() {
    let user = ask(&Chain::new().or(jwt(Say::Accept).edit(|accept| accept.extra(Info("scope"))))).await.unwrap();
    assert_eq!((*user, user.evidence().extra()), ("jwt", Some(&Info("scope"))));
}

#[tokio::test]
async fn row_04_transform_replaces_the_info_and_its_error_is_an_error() {
    let chain = Chain::new().or(jwt(Say::Accept).edit(|accept| accept.extra(Info("raw"))));
    let user = ask(&chain.clone().try_map(|accept| Ok(accept.extra(Info("transformed"))))).await.unwrap();
    assert_eq!(user.evidence().extra(), Some(&Info("transformed")));
    let failed = refusal(&chain.try_map(|_| Err::<Accept<Name>, _>("no answer".into()))).await;
    assert_eq!(failed.source().unwrap().to_string(), "no answer");
}

/// Two chains with two user types on one request: both users are found.
#[tokio::test]
async fn row_05_second_account_is_beside_the_user() {
    #[derive(Debug, PartialEq)]
    struct Account(Name);
    impl auth_core::Principal for Account {
        fn principal_id(&self) -> Option<auth_core::PrincipalId> {
            None
        }
    }
    let mut extensions = http::Extensions::new();
    extensions.insert(ask(&Chain::new().or(session(Say::Accept))).await.unwrap());
    extensions.insert(ask(&Chain::new().or(jwt(Say::Accept)).map_user(Account)).await.unwrap());
    assert_eq!(extensions.get::<Authenticated<Name>>().unwrap().user(), &"session");
    assert_eq!(extensions.get::<Authenticated<Account>>().unwrap().user(), &Account("jwt"));
}

/// † A 401 has its challenge, and a machine-readable body.
#[tokio::test]
async fn row_06_all_fail_is_401_with_a_challenge_and_problem_json() {
    assert!(Chain::new().or(session(Say::Absent)).validate().is_err());
    let refusal = refusal(&Chain::new().or(session(Say::Absent)).or(jwt(Say::Absent))).await;
    assert_eq!((answer(&refusal), lines(&refusal)), ((401, "missing_credentials"), vec![BEARER.to_owned()]));
    assert_eq!(problem(&refusal)["title"], "Unauthorized");
}

#[tokio::test]
async fn row_07_one_fails_with_a_challenge_is_401_with_one_header() {
    let refusal = refusal(&Chain::new().or(basic(Say::Reject))).await;
    assert_eq!((refusal.status().as_u16(), lines(&refusal)), (401, vec![BASIC.to_owned()]));
}

#[tokio::test]
async fn row_08_fails_with_403_is_403_with_no_header() {
    let refusal = refusal(&Chain::new().or(basic(Say::Forbidden))).await;
    assert_eq!((answer(&refusal), lines(&refusal)), ((403, "forbidden"), Vec::new()));
}

#[tokio::test]
async fn row_09_challenges_of_several_are_in_order() {
    let digest = Scripted::new("digest", Say::Absent, [Challenge::new("Digest").with("realm", "api")]);
    let refusal = refusal(&Chain::new().or(basic(Say::Absent)).or(session(Say::Absent)).or(digest)).await;
    assert_eq!(lines(&refusal), [BASIC, r#"Digest realm="api""#]);
}

/// † The strategy that recognizes the credential decides the status, not the first one that names a status.
#[tokio::test]
async fn row_10_the_strategy_that_owned_the_credential_decides_the_status() {
    let chain = Chain::new().or(jwt(Say::Absent)).or(basic(Say::Forbidden)).or(session(Say::Malformed));
    assert_eq!(refusal(&chain).await.status(), 403);
}

#[tokio::test]
async fn row_11_first_success_wins_and_later_strategies_do_not_run() {
    let later = basic(Say::Accept);
    let user = ask(&Chain::new().or(jwt(Say::Accept)).or(later.clone())).await.unwrap();
    assert_eq!((*user, later.calls()), ("jwt", 0));
}

/// † After a wrong credential, only if the chain is told to.
#[tokio::test]
async fn row_12_success_counts_after_absent_and_after_reject_only_if_set() {
    let chain = |first| Chain::new().or(jwt(first)).or(basic(Say::Accept));
    assert_eq!(*ask(&chain(Say::Absent)).await.unwrap(), "basic");
    assert_eq!(*ask(&chain(Say::Unrecognized)).await.unwrap(), "basic");
    assert_eq!(refusal(&chain(Say::Reject)).await.status(), 401);
    assert_eq!(*ask(&chain(Say::Reject).try_next_on_reject()).await.unwrap(), "basic");
}

/// † Strategies do not let requests through without a user. An optional layer does, and only if the refusal is `Missing`.
#[tokio::test]
async fn row_13_anonymous_passes_only_if_nothing_was_presented() {
    let kind = |say| async move { refusal(&Chain::new().or(jwt(say))).await.kind() };
    assert_eq!(kind(Say::Absent).await, RefusalKind::Missing);
    for say in [Say::Unrecognized, Say::Reject, Say::Expired, Say::Malformed, Say::Error] {
        assert_ne!(kind(say).await, RefusalKind::Missing, "{say:?}");
    }
}

#[tokio::test]
async fn row_14_redirect_is_302_or_303_with_location_and_an_empty_body() {
    for (redirect, status) in [(Redirect::found("/login"), 302), (Redirect::see_other("/login"), 303)] {
        let chain = Chain::new().or(session(Say::Absent)).fallback_redirect(redirect.unwrap());
        let response = refusal(&chain).await.to_response();
        assert_eq!((response.status().as_u16(), response.body().as_str()), (status, ""));
        assert_eq!(response.headers()["location"], "/login");
    }
}

#[tokio::test]
async fn row_15_error_is_503_and_only_the_server_sees_its_cause() {
    let refusal = refusal(&Chain::new().or(jwt(Say::Error))).await;
    assert_eq!(answer(&refusal), (503, "unavailable"));
    assert_eq!(refusal.source().unwrap().to_string(), "the store is down");
    assert!(!refusal.to_response().body().contains("store"));
}

#[tokio::test]
async fn row_16_handler_runs_the_chain_itself_and_sees_everything() {
    let chain = Chain::new().or(jwt(Say::Absent)).or(basic(Say::Absent));
    let head = head("/", &[]);
    let request = AuthRequest::new(&head, Transport::Http, now());
    assert!(matches!(Strategy::authenticate(&chain, &request).await.unwrap(), Outcome::Absent));
    let refusal = chain.authenticate(&request).await.unwrap_err();
    assert_eq!((refusal.challenges().len(), refusal.status().as_u16()), (2, 401));
    assert!(head.extensions.get::<Authenticated<Name>>().is_none(), "nothing is assigned");
}

#[tokio::test]
async fn row_17_failure_redirects_to_the_location_of_the_hook() {
    let refusal = refusal(&Chain::new().or(jwt(Say::Absent))).await;
    let mut made = http::Response::builder().status(303).header("location", "/login").body(()).unwrap();
    refusal.apply_to(&mut made);
    assert_eq!((made.status().as_u16(), made.headers()["location"].to_str().unwrap()), (303, "/login"));
    assert_eq!(made.headers()["cache-control"], "no-store");
}

#[tokio::test]
async fn row_18_refusal_is_a_typed_error_with_a_status() {
    let refusal = refusal(&Chain::new().or(jwt(Say::Expired))).await;
    let error: Box<dyn std::error::Error + Send + Sync> = refusal.into();
    let refusal: &Refusal = error.downcast_ref().unwrap();
    assert_eq!(
        (refusal.kind(), refusal.code(), error.to_string()),
        (RefusalKind::Rejected, "token_expired", "token_expired".into())
    );
}

#[tokio::test]
async fn row_19_strategy_has_its_own_name_or_another() {
    let name = |chain: Chain<Name>| async move { ask(&chain).await.unwrap().evidence().strategy().to_owned() };
    assert_eq!(name(Chain::new().or(jwt(Say::Accept))).await, "jwt");
    assert_eq!(name(Chain::new().or(jwt(Say::Accept).named("partner"))).await, "partner");
    assert_eq!(name(Chain::new().or(jwt(Say::Absent).named("partner")).or(jwt(Say::Accept))).await, "jwt");
}

#[tokio::test]
async fn row_20_chains_do_not_share_strategies() {
    let one = Chain::new().or(jwt(Say::Absent));
    let other = one.clone().or(basic(Say::Accept));
    assert!(ask(&one).await.is_err());
    assert_eq!(*ask(&other).await.unwrap(), "basic");
}

/// Looks up the token, and yields to other requests meanwhile.
struct Slow(HashMap<String, String>);

#[async_trait]
impl Strategy for Slow {
    type User = String;

    fn name(&self) -> &str {
        "slow"
    }

    fn challenges(&self, out: &mut Vec<Challenge>) {
        out.push(Challenge::bearer("api"));
    }

    async fn authenticate(&self, request: &AuthRequest<'_>) -> Result<Outcome<String>, BoxError> {
        let Ok(Some(token)) = bearer().extract(request) else { return Ok(Outcome::Absent) };
        for _ in 0..token.expose().len() {
            tokio::task::yield_now().await;
        }
        let user = self.0.get(token.expose()).cloned();
        Ok(user.map_or(Outcome::Unrecognized, |user| Outcome::Accept(Accept::new(user, token.carrier()))))
    }
}

/// † In Passport, two concurrent requests can swap their users.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn row_21_a_thousand_requests_at_once_keep_their_users() {
    let tokens = (0..1000).map(|user| (format!("token-{user}"), user.to_string())).collect();
    let chain = Chain::new().or(jwt(Say::Absent)).map_user(str::to_owned).or(Slow(tokens));
    let start = Arc::new(tokio::sync::Barrier::new(1000));
    let requests: Vec<_> = (0..1000)
        .map(|user| {
            let (chain, start) = (chain.clone(), Arc::clone(&start));
            tokio::spawn(async move {
                start.wait().await;
                let head = head("/", &[("authorization", format!("Bearer token-{user}").as_bytes())]);
                let request = AuthRequest::new(&head, Transport::Http, now());
                (user, chain.authenticate(&request).await.map(|found| found.user().clone()))
            })
        })
        .collect();
    for request in requests {
        let (user, found) = request.await.unwrap();
        assert_eq!(found.unwrap(), user.to_string());
    }
}

/// Asks a verify callback about every request.
struct Verified<V>(V);

#[async_trait]
impl<V: Verify<(), auth_core::ByCredential, User = Name>> Strategy for Verified<V> {
    type User = Name;

    fn name(&self) -> &str {
        "verified"
    }

    fn challenges(&self, out: &mut Vec<Challenge>) {
        out.push(Challenge::bearer("api"));
    }

    async fn authenticate(&self, request: &AuthRequest<'_>) -> Result<Outcome<Name>, BoxError> {
        Ok(match self.0.verify((), request).await?.into_result() {
            Ok((user, _)) => Outcome::Accept(Accept::new(user, Carrier::Header)),
            Err(rejection) => Outcome::Reject(rejection),
        })
    }
}

/// † In Passport, the request hangs.
#[tokio::test]
async fn row_22_error_is_503_panic_is_500_and_the_next_request_works() {
    type Store = Result<Option<Name>, BoxError>;
    let failing = Chain::new().or(Verified(|()| async { Store::Err("the promise is rejected".into()) }));
    let panicking = Chain::new().or(Verified(|()| async { panic!("the promise throws") as Store }));
    for _ in 0..2 {
        assert_eq!(refusal(&failing).await.status(), 503);
        assert_eq!(refusal(&panicking).await.status(), 500);
    }
}

/// Looks where RFC 6750 allows a bearer token, and accepts the token `good`.
struct Tokens;

#[async_trait]
impl Strategy for Tokens {
    type User = String;

    fn name(&self) -> &str {
        "tokens"
    }

    fn challenges(&self, out: &mut Vec<Challenge>) {
        out.push(Challenge::bearer("Users").with("scope", "a b").with_error_uri("https://docs.example/"));
    }

    async fn authenticate(&self, request: &AuthRequest<'_>) -> Result<Outcome<String>, BoxError> {
        let places = bearer().or(payload_field("access_token")).or(query("access_token"));
        Ok(match places.extract(request) {
            Ok(Some(token)) if token.expose() == "good" => Outcome::Accept(Accept::new(String::new(), token.carrier())),
            Ok(Some(_)) => Outcome::Reject(Rejection::invalid_credentials()),
            Ok(None) => Outcome::Absent,
            Err(malformed) => malformed.into(),
        })
    }
}

/// Asks with a token in the `Authorization` header, the body and the query.
async fn bearer_request(
    authorization: Option<&str>,
    body: Option<&str>,
    query: Option<&str>,
) -> Result<Carrier, Refusal> {
    let headers: Vec<(&str, &[u8])> = authorization.iter().map(|value| ("authorization", value.as_bytes())).collect();
    let head = head(&query.map_or("/".to_owned(), |token| format!("/?access_token={token}")), &headers);
    let mut payload = Payload::new();
    if let Some(token) = body {
        payload.push_text("access_token", token);
    }
    let request = AuthRequest::new(&head, Transport::Http, now()).with_payload(&payload);
    Ok(Chain::new().or(Tokens).authenticate(&request).await?.evidence().carrier())
}

#[tokio::test]
async fn row_60_token_is_read_from_header_body_or_query_if_enabled() {
    assert_eq!(bearer_request(Some("Bearer good"), None, None).await.unwrap(), Carrier::Header);
    assert_eq!(bearer_request(None, Some("good"), None).await.unwrap(), Carrier::Payload);
    assert_eq!(bearer_request(None, None, Some("good")).await.unwrap(), Carrier::Query);
    let head = head("/?access_token=good", &[]);
    assert!(bearer().extract(&AuthRequest::new(&head, Transport::Http, now())).unwrap().is_none());
}

#[tokio::test]
async fn row_61_different_tokens_in_two_places_are_400() {
    for (authorization, body, query) in [
        (Some("Bearer good"), Some("other"), None),
        (Some("Bearer good"), None, Some("other")),
        (None, Some("good"), Some("other")),
    ] {
        assert_eq!(answer(&bearer_request(authorization, body, query).await.unwrap_err()), (400, "invalid_request"));
    }
}

#[tokio::test]
async fn row_62_scheme_alone_or_with_extra_words_is_400() {
    for authorization in ["Bearer", "Bearer ", "Bearer good junk"] {
        let refusal = bearer_request(Some(authorization), None, None).await.unwrap_err();
        assert_eq!(answer(&refusal), (400, "invalid_request"), "{authorization:?}");
    }
}

#[tokio::test]
async fn row_63_scheme_that_only_contains_bearer_is_another_one() {
    for authorization in ["Bearer2 good", "XBearer good", "BearerX good"] {
        let refusal = bearer_request(Some(authorization), None, None).await.unwrap_err();
        assert_eq!(answer(&refusal), (401, "missing_credentials"), "{authorization:?}");
    }
}

#[tokio::test]
async fn row_64_challenge_has_no_error_if_nothing_was_sent() {
    let refusal = bearer_request(None, None, None).await.unwrap_err();
    assert_eq!(lines(&refusal), [r#"Bearer realm="Users", scope="a b""#]);
}

/// † The description is a constant of ours, whatever the callback says.
#[tokio::test]
async fn row_65_refused_token_is_invalid_token_with_a_constant_description() {
    let refusal = bearer_request(Some("Bearer bad"), None, None).await.unwrap_err();
    assert_eq!(answer(&refusal), (401, "invalid_credentials"));
    assert_eq!(
        lines(&refusal),
        [concat!(
            r#"Bearer realm="Users", scope="a b", error="invalid_token", "#,
            r#"error_description="The credentials are invalid", error_uri="https://docs.example/""#
        )]
    );
}
