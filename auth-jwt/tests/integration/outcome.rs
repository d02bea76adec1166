//! The outcomes of the strategy.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use auth_core::{AuthRequest, Carrier, Chain, IdKind, RefusalKind, Rejection, Transport, Verdict, extract};
use auth_jwt::{HmacSecret, Jwt};
use serde_json::{Value, json};

use crate::support::*;

#[test]
fn no_token_is_absent() {
    let refusal = ask(jwt().verify(accept), &request("accept", "*/*")).unwrap_err();
    assert_eq!(refusal.kind(), RefusalKind::Missing);
}

#[test]
fn broken_header_is_400() {
    let jwt = jwt().extract(extract::bearer());
    let refusal = ask(jwt.verify(accept), &request("authorization", "Bearer")).unwrap_err();
    assert_eq!((refusal.status().as_u16(), refusal.code()), (400, "invalid_request"));
}

#[test]
fn broken_token_is_401() {
    let refusal = present(jwt(), "eyJhbGciOiJIUzI1NiJ9.b.c").unwrap_err();
    assert_eq!((refusal.status().as_u16(), refusal.kind()), (401, RefusalKind::Rejected));
}

#[test]
fn unknown_user_is_401() {
    let strategy = jwt().verify(|_: Value| async { None::<String> });
    let refusal = ask(strategy, &request("x-token", &token(&claims(json!({}))))).unwrap_err();
    assert_eq!((refusal.status().as_u16(), refusal.code()), (401, INVALID));
}

#[test]
fn refusal_of_the_application_keeps_its_code() {
    let locked = || Verdict::<String>::reject(Rejection::forbidden().with_code("account_locked"));
    let strategy = jwt().verify(move |_: Value| async move { locked() });
    let refusal = ask(strategy, &request("x-token", &token(&claims(json!({}))))).unwrap_err();
    assert_eq!((refusal.status().as_u16(), refusal.code()), (403, "account_locked"));
}

#[test]
fn store_that_fails_is_503() {
    let strategy = jwt().verify(|_: Value| async { Err::<Option<String>, _>(io::Error::other("down")) });
    let refusal = ask(strategy, &request("x-token", &token(&claims(json!({}))))).unwrap_err();
    assert_eq!((refusal.status().as_u16(), refusal.code()), (503, "unavailable"));
    assert!(refusal.challenges().is_empty());
}

#[test]
fn verify_is_called_only_for_valid_tokens() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let jwt = jwt().issuer(ISSUER).audience("chat").verify(move |_: Value| {
        counted.fetch_add(1, Ordering::Relaxed);
        async { Some("user") }
    });
    let chain = Chain::new().or(jwt);
    let good = claims(json!({ "iss": ISSUER, "aud": "chat" }));
    let mut bad: Vec<_> = ["exp", "iss", "aud"]
        .map(|name| {
            let mut claims = good.clone();
            claims[name] = json!(1);
            token(&claims)
        })
        .into();
    bad.extend(["opaque".to_owned(), "a.b.c".to_owned(), token(&good) + "AAAA"]);
    for token in bad.iter().chain([&token(&good)]) {
        let parts = request("x-token", token);
        let _ = ready(chain.authenticate(&AuthRequest::new(&parts, Transport::Http, now())));
    }
    assert_eq!(calls.load(Ordering::Relaxed), 1);
}

#[test]
fn evidence_has_what_the_token_says() {
    let more = json!({ "exp": NOW + 100, "iat": NOW - 100, "jti": "id", "sid": "session" });
    let user = present(jwt(), &token(&claims(more))).unwrap();
    let evidence = user.evidence();
    assert_eq!(evidence.strategy(), "jwt");
    assert_eq!(evidence.carrier(), Carrier::Header);
    assert_eq!(evidence.authenticated_at(), now());
    assert_eq!(evidence.expires_at(), Some(at(NOW + 100)));
    assert_eq!(evidence.issued_at(), Some(at(NOW - 100)));
    let ids: Vec<_> = evidence.ids().iter().map(|id| (id.kind(), id.issuer(), id.id())).collect();
    assert_eq!(ids, [(IdKind::Credential, "", "id"), (IdKind::Session, "", "session")]);
}

/// Names, ids and whether the token counts as older than a revocation of this instant.
fn identity(jwt: Jwt<Value>, more: &Value) -> (Vec<(String, String)>, Vec<(String, String)>, bool) {
    let user = present(jwt, &token(more)).unwrap();
    let evidence = user.evidence();
    let pair = |issuer: &str, id: &str| (issuer.to_owned(), id.to_owned());
    let names = evidence.names().iter().map(|name| pair(name.issuer(), name.subject())).collect();
    let ids = evidence.ids().iter().map(|id| pair(id.issuer(), id.id())).collect();
    (names, ids, evidence.counts_from() < at(NOW - 100))
}

#[test]
fn evidence_has_issuer_subject_and_ids_of_that_issuer() {
    let issued =
        |iss: &str| json!({ "iss": iss, "sub": "ann", "jti": "j1", "sid": "s1", "exp": NOW + 100, "iat": NOW });
    let of = |iss: &str| {
        let pair = |id: &str| (iss.to_owned(), id.to_owned());
        (vec![pair("ann")], vec![pair("j1"), pair("s1")], false)
    };
    let two = || jwt().issuer("https://id.example").issuer("https://partner.example");
    for iss in ["https://id.example", "https://partner.example"] {
        assert_eq!(identity(two(), &issued(iss)), of(iss));
    }
    assert_eq!(identity(jwt(), &issued("")), of(""));
}

#[test]
fn absent_or_empty_claim_names_nothing() {
    for empty in [json!({ "exp": NOW + 100 }), json!({ "exp": NOW + 100, "sub": "", "jti": "", "sid": "" })] {
        let (names, ids, _) = identity(jwt(), &empty);
        assert_eq!((names, ids), (vec![], vec![]));
    }
}

#[test]
fn token_without_iat_counts_as_issued_before_every_revocation() {
    assert!(identity(jwt(), &json!({ "sub": "ann", "exp": NOW + 100 })).2);
    assert!(!identity(jwt(), &json!({ "sub": "ann", "exp": NOW + 100, "iat": NOW })).2);
}

#[test]
fn token_without_iat_is_refused_if_iat_is_required() {
    let [with, without] = [json!({ "iat": NOW }), json!({})].map(claims);
    assert_eq!(verdict(jwt().require_iat(), &token(&with)), ACCEPTED);
    assert_eq!(verdict(jwt().require_iat(), &token(&without)), INVALID);
    assert_eq!(verdict(jwt(), &token(&without)), ACCEPTED);
}

/// The well-known tutorial signs without `exp` and with the secret `secret`.
#[test]
fn token_of_the_tutorial_is_accepted_if_both_are_allowed() {
    let token = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.\
                 eyJzdWIiOiIxMDAxIiwibmFtZSI6ImFkbWluIiwiaWF0IjoxNTE2MDQ0NDQ0fQ.\
                 aWj5grFWJwcsbgxNJ7HdfL5PUfD8fMh9GwXutuR86GE";
    let secret = HmacSecret::from("secret").dangerous_allow_short_secret();
    let jwt = Jwt::hs256(secret).unwrap().dangerous_allow_missing_exp().extract(extract::header("x-token"));
    assert_eq!(present(jwt, token).unwrap().user().0["sub"], "1001");
}

#[test]
fn extras_of_the_application_are_in_the_evidence() {
    let strategy = jwt().verify(|_: Value| async { Verdict::accept("user").with_extra("scope") });
    let user = ask(strategy, &request("x-token", &token(&claims(json!({}))))).unwrap();
    assert_eq!(user.evidence().extra::<&str>(), Some(&"scope"));
}

#[test]
fn evidence_has_the_name_of_the_strategy() {
    let user = present(jwt().named("partner"), &token(&claims(json!({})))).unwrap();
    assert_eq!(user.evidence().strategy(), "partner");
}

#[test]
fn evidence_names_the_carrier_of_the_extractor() {
    let parts = request("cookie", &format!("jwt={}", token(&claims(json!({})))));
    let user = ask(jwt().extract(extract::cookie("jwt")).verify(accept), &parts).unwrap();
    assert_eq!(user.evidence().carrier(), Carrier::Cookie);
}

#[test]
fn time_is_that_of_the_request() {
    let parts = request("x-token", &token(&claims(json!({ "exp": NOW }))));
    let chain = Chain::new().or(jwt().verify(accept));
    let at = |time| ready(chain.authenticate(&AuthRequest::new(&parts, Transport::Http, time)));
    assert!(at(now() - Duration::from_secs(1)).is_ok());
    assert!(at(now() + Duration::from_secs(3600)).is_err());
    // A clock before 1970, and one at the end of time.
    assert!(at(std::time::SystemTime::UNIX_EPOCH - Duration::from_secs(1)).is_ok());
    assert!(at(crate::support::at(1 << 40)).is_err());
}

#[test]
fn one_chain_accepts_two_issuers() {
    let named = |issuer: &str| jwt().issuer(issuer).named(issuer).verify(accept);
    let chain = Chain::new().or(named("a")).or(named("b"));
    let strategy = |iss: &str| {
        let parts = request("x-token", &token(&claims(json!({ "iss": iss }))));
        let user = ready(chain.authenticate(&AuthRequest::new(&parts, Transport::Http, now())));
        user.map(|user| user.evidence().strategy().to_owned()).map_err(|refusal| refusal.kind())
    };
    assert_eq!(strategy("a").unwrap(), "a");
    assert_eq!(strategy("b").unwrap(), "b");
    assert_eq!(strategy("c").unwrap_err(), RefusalKind::Unrecognized);
}

/// Faults in a token that belongs to another strategy are not refusals.
#[test]
fn token_of_another_issuer_is_unrecognized_whatever_else_it_is() {
    let theirs = |more| token_with(more, &claims(json!({ "iss": "other", "exp": 1, "aud": 5, "cnf": {} })));
    for more in [json!({}), json!({ "alg": "RS256" }), json!({ "typ": "at+jwt" }), json!({ "alg": "none" })] {
        assert_eq!(verdict(jwt().issuer(ISSUER), &theirs(more)), UNRECOGNIZED);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_requests_at_once_keep_their_users() {
    let slow = |claims: Value| async move {
        tokio::task::yield_now().await;
        Some(claims["sub"].as_str().unwrap().to_owned())
    };
    let chain = Chain::new().or(jwt().verify(slow));
    let tasks = (0..1000).map(|i| {
        let chain = chain.clone();
        tokio::spawn(async move {
            let parts = request("x-token", &token(&claims(json!({ "sub": i.to_string() }))));
            let user = chain.authenticate(&AuthRequest::new(&parts, Transport::Http, now())).await.unwrap();
            assert_eq!(*user, i.to_string());
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
}
