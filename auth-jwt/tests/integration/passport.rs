//! The behaviours of Passport's JWT and Bearer strategies, row by row. A row marked † shows what we do instead.

use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use auth_core::{
    AuthRequest, BoxError, Chain, Payload, RefusalKind, Rejection, RequestInfo, Transport, Verdict, Verify,
    async_trait,
    extract::{self, Extractor},
};
use auth_jwt::{Algorithm, Jwt, KeySet, KeySource, UnverifiedToken, VerifyingKey};
use http::request::Parts;
use serde_json::{Value, json};

use crate::support::*;

fn good() -> String {
    token(&claims(json!({})))
}

/// `accepted`, `absent`, `unrecognized`, or status and code.
fn outcome_of(extractor: impl Extractor, parts: &Parts, payload: Option<&Payload>) -> String {
    let chain = Chain::new().or(jwt().extract(extractor).verify(accept));
    let mut request = AuthRequest::new(parts, Transport::Http, now());
    if let Some(payload) = payload {
        request = request.with_payload(payload);
    }
    match ready(chain.authenticate(&request)) {
        Ok(_) => "accepted".into(),
        Err(refusal) => match refusal.kind() {
            RefusalKind::Missing => "absent".into(),
            RefusalKind::Unrecognized => "unrecognized".into(),
            _ => format!("{} {}", refusal.status().as_u16(), refusal.code()),
        },
    }
}

fn outcome(extractor: impl Extractor, parts: &Parts) -> String {
    outcome_of(extractor, parts, None)
}

fn authorization(value: &str) -> Parts {
    request("authorization", value)
}

fn bearer(value: &str) -> String {
    outcome(extract::bearer(), &authorization(value))
}

fn uri(uri: &str) -> Parts {
    http::Request::builder().uri(uri).body(()).unwrap().into_parts().0
}

fn body(name: &str, value: &str) -> Payload {
    let mut payload = Payload::new();
    payload.push_text(name, value);
    payload
}

#[test]
fn row_30_scheme_is_read_in_any_case() {
    for scheme in ["Bearer", "bearer", "BEARER", "bEaReR"] {
        assert_eq!(bearer(&format!("{scheme} {}", good())), "accepted");
    }
    let jwt = |value: &str| outcome(extract::auth_scheme("JWT"), &authorization(value));
    assert_eq!(jwt(&format!("jwt {}", good())), "accepted");
    assert_eq!(bearer("malformed"), "absent");
}

/// † The HTTP library refuses a line break within a header, and the extractor refuses a tab.
#[test]
fn row_31_newline_between_scheme_and_value_is_refused() {
    let newline = format!("Bearer\n{}", good());
    assert!(http::HeaderValue::from_str(&newline).is_err());
    assert_eq!(bearer(&format!("Bearer\t{}", good())), "400 invalid_request");
}

#[test]
fn row_32_header_body_and_query_are_read_if_configured() {
    let token = good();
    let none = uri("/");
    assert_eq!(outcome(extract::header("x-token"), &request("x-token", &token)), "accepted");
    assert_eq!(outcome(extract::header("x-token"), &none), "absent");
    assert_eq!(outcome(extract::query("token"), &uri(&format!("/?token={token}"))), "accepted");
    assert_eq!(outcome(extract::query("token"), &none), "absent");
    assert_eq!(outcome_of(extract::payload_field("token"), &none, Some(&body("token", &token))), "accepted");
    assert_eq!(outcome_of(extract::payload_field("token"), &none, Some(&body("other", &token))), "absent");
    assert_eq!(outcome(extract::payload_field("token"), &none), "absent");
    // Nothing but the header unless asked for.
    assert_eq!(
        outcome_of(extract::bearer(), &uri(&format!("/?token={token}")), Some(&body("token", &token))),
        "absent"
    );
}

#[test]
fn row_33_another_scheme_is_absent() {
    assert_eq!(bearer(&format!("Basic {}", good())), "absent");
}

#[test]
fn row_34_first_of_several_extractors_wins() {
    let both = || extract::header("x-token").or(extract::query("token"));
    let token = good();
    assert_eq!(outcome(both(), &request("x-token", &token)), "accepted");
    assert_eq!(outcome(both(), &uri(&format!("/?token={token}"))), "accepted");
    assert_eq!(outcome(both(), &uri("/")), "absent");
    let different = http::Request::builder().uri("/?token=other").header("x-token", token).body(()).unwrap();
    assert_eq!(outcome(both(), &different.into_parts().0), "400 invalid_request");
}

/// The types require a verify callback, a key and an extractor. Other mistakes are errors when the strategy is built.
#[test]
fn row_35_what_is_missing_or_contradicts_itself_does_not_build() {
    assert!(Jwt::<Value>::hs256("").is_err());
    let secret = VerifyingKey::hmac(Algorithm::HS256, SECRET).unwrap();
    let public = VerifyingKey::from_pem(Algorithm::ES256, include_bytes!("../keys/p256.pub.pem")).unwrap();
    assert!(KeySet::new([secret, public]).is_err());
}

#[test]
fn row_36_missing_token_is_absent_and_verify_is_not_called() {
    let strategy = jwt().verify(|_: Value| async { panic!("asked") as Option<String> });
    assert_eq!(ask(strategy, &uri("/")).unwrap_err().code(), "missing_credentials");
}

/// A source of keys that records its calls.
struct Noting {
    asked: Arc<Mutex<Vec<String>>>,
    answer: fn() -> Result<Option<Arc<KeySet>>, BoxError>,
}

#[async_trait]
impl KeySource for Noting {
    async fn keys(
        &self,
        token: &UnverifiedToken<'_>,
        request: &AuthRequest<'_>,
    ) -> Result<Option<Arc<KeySet>>, BoxError> {
        let path = request.parts().uri.path();
        self.asked.lock().unwrap().push(format!("{path} {}", token.expose()));
        (self.answer)()
    }
}

fn secret() -> Result<Option<Arc<KeySet>>, BoxError> {
    Ok(Some(Arc::new(VerifyingKey::hmac(Algorithm::HS256, SECRET)?.into())))
}

#[test]
fn row_37_exact_token_reaches_the_verifier() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let jwt = Jwt::key_source(Noting { asked: Arc::clone(&asked), answer: secret });
    assert!(ask(jwt.verify(accept), &authorization(&format!("Bearer {}", good()))).is_ok());
    assert_eq!(*asked.lock().unwrap(), [format!("/ {}", good())]);
}

#[test]
fn row_38_issuer_is_honoured() {
    let other = |iss| verdict(jwt().issuer(ISSUER), &token(&claims(json!({ "iss": iss }))));
    assert_eq!((other(ISSUER), other("other")), (ACCEPTED, UNRECOGNIZED));
}

#[test]
fn row_38_audience_is_honoured() {
    let other = |aud| verdict(jwt().audience("chat"), &token(&claims(json!({ "aud": aud }))));
    assert_eq!((other("chat"), other("mail")), (ACCEPTED, INVALID));
}

#[test]
fn row_38_algorithms_are_honoured() {
    let key = || key(VerifyingKey::from_jwk(&json!({ "kty": "oct", "k": encode([b'0'; 48]) }).to_string()).unwrap());
    let token =
        sign(&format!("{}.{}", encode(r#"{"alg":"HS256"}"#), encode(claims(json!({})).to_string())), [b'0'; 48]);
    assert_eq!(verdict(key().algorithms([Algorithm::HS256]).unwrap(), &token), ACCEPTED);
    assert_eq!(verdict(key().algorithms([Algorithm::HS384]).unwrap(), &token), UNRECOGNIZED);
}

#[test]
fn row_38_ignore_expiration_is_honoured() {
    let expired = token(&claims(json!({ "exp": 1 })));
    assert_eq!(verdict(jwt(), &expired), EXPIRED);
    assert_eq!(verdict(jwt().dangerous_ignore_exp(), &expired), ACCEPTED);
}

#[test]
fn row_38_max_age_is_honoured() {
    let issued = |iat| verdict(jwt().max_age(Duration::from_secs(100)), &token(&claims(json!({ "iat": iat }))));
    assert_eq!((issued(NOW), issued(NOW - 1000)), (ACCEPTED, EXPIRED));
}

#[test]
fn row_38_leeway_is_honoured() {
    let late = || token(&claims(json!({ "exp": NOW - 200 })));
    assert_eq!(verdict(jwt(), &late()), EXPIRED);
    assert_eq!(verdict(jwt().leeway(Duration::from_secs(201)).unwrap(), &late()), ACCEPTED);
}

#[test]
fn row_38_subject_is_honoured() {
    assert_eq!(verdict(jwt().subject("1001"), &good()), ACCEPTED);
    assert_eq!(verdict(jwt().subject("1002"), &good()), INVALID);
}

#[test]
fn row_38_jwt_id_is_honoured() {
    let named = token(&claims(json!({ "jti": "a" })));
    assert_eq!(verdict(jwt().jwt_id("a"), &named), ACCEPTED);
    assert_eq!(verdict(jwt().jwt_id("b"), &named), INVALID);
}

#[test]
fn row_39_expired_token_is_refused_and_verify_is_not_called() {
    let strategy = jwt().verify(|_: Value| async { panic!("asked") as Option<String> });
    let refusal = ask(strategy, &request("x-token", &token(&claims(json!({ "exp": 1 }))))).unwrap_err();
    assert_eq!((refusal.status().as_u16(), refusal.code()), (401, EXPIRED));
}

#[test]
fn row_40_verify_gives_user_refusal_or_error() {
    async fn decide(claims: Value) -> Result<Verdict<&'static str>, io::Error> {
        Ok(match claims["sub"].as_str().unwrap() {
            "known" => Verdict::accept("user"),
            "unknown" => Verdict::rejected(),
            "locked" => Verdict::reject(Rejection::forbidden().with_code("locked")),
            "broken" => return Err(io::Error::other("down")),
            _ => panic!("thrown"),
        })
    }
    let code = |sub: &str| {
        let parts = request("x-token", &token(&claims(json!({ "sub": sub }))));
        ask(jwt().verify(decide), &parts)
            .map(|user| *user)
            .map_err(|refusal| (refusal.status().as_u16(), refusal.code()))
    };
    assert_eq!(code("known"), Ok("user"));
    assert_eq!(code("unknown"), Err((401, INVALID)));
    assert_eq!(code("locked"), Err((403, "locked")));
    assert_eq!(code("broken"), Err((503, "unavailable")));
    assert_eq!(code("thrown"), Err((500, "internal_error")));
}

#[test]
fn row_41_verify_may_take_the_request() {
    let strategy = jwt().verify(|_: Value, info: RequestInfo| async move { Some(info.method().to_string()) });
    assert_eq!(*ask(strategy, &request("x-token", &good())).unwrap(), "GET");
}

#[test]
fn row_41_verify_may_borrow_the_request() {
    struct Borrowing;
    impl Verify<Value> for Borrowing {
        type User = String;
        async fn verify(&self, _: Value, request: &AuthRequest<'_>) -> Result<Verdict<String>, BoxError> {
            Ok(Verdict::accept(request.parts().uri.path().to_owned()))
        }
    }
    assert_eq!(*ask(jwt().verify(Borrowing), &request("x-token", &good())).unwrap(), "/");
}

#[test]
fn row_42_key_source_gets_request_and_raw_token() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let jwt = Jwt::key_source(Noting { asked: Arc::clone(&asked), answer: secret });
    let parts = http::Request::builder().uri("/tenant").header("authorization", format!("Bearer {}", good()));
    assert!(ask(jwt.verify(accept), &parts.body(()).unwrap().into_parts().0).is_ok());
    assert_eq!(*asked.lock().unwrap(), [format!("/tenant {}", good())]);
}

/// † An error of the source is an operational error.
#[test]
fn row_42_error_of_the_key_source_is_503() {
    let jwt = Jwt::key_source(Noting { asked: Arc::default(), answer: || Err(io::Error::other("down").into()) });
    let refusal = ask(jwt.verify(accept), &authorization(&format!("Bearer {}", good()))).unwrap_err();
    assert_eq!(refusal.status(), 503);
}

/// † Words after the token are refused.
#[test]
fn row_43_words_after_the_token_are_refused() {
    assert_eq!(bearer(&format!("Bearer {} junk", good())), "400 invalid_request");
}

fn access_token() -> impl Extractor {
    extract::bearer().or(extract::payload_field("access_token")).or(extract::query("access_token"))
}

#[test]
fn row_60_header_body_and_query_carry_the_token_if_configured() {
    let token = good();
    let query = uri(&format!("/?access_token={token}"));
    assert_eq!(outcome(access_token(), &authorization(&format!("Bearer {token}"))), "accepted");
    assert_eq!(outcome_of(access_token(), &uri("/"), Some(&body("access_token", &token))), "accepted");
    assert_eq!(outcome(access_token(), &query), "accepted");
    assert_eq!(outcome_of(extract::bearer(), &query, Some(&body("access_token", &token))), "absent");
}

#[test]
fn row_61_two_places_with_different_tokens_are_400() {
    let payload = || body("access_token", "other");
    let header = authorization(&format!("Bearer {}", good()));
    let query = uri(&format!("/?access_token={}", good()));
    let both = http::Request::builder()
        .uri("/?access_token=other")
        .header("authorization", format!("Bearer {}", good()))
        .body(())
        .unwrap();
    assert_eq!(outcome_of(access_token(), &header, Some(&payload())), "400 invalid_request");
    assert_eq!(outcome_of(access_token(), &query, Some(&payload())), "400 invalid_request");
    assert_eq!(outcome(access_token(), &both.into_parts().0), "400 invalid_request");
}

#[test]
fn row_62_scheme_alone_or_with_two_words_is_400() {
    assert_eq!(bearer("Bearer"), "400 invalid_request");
    assert_eq!(bearer("Bearer "), "400 invalid_request");
    assert_eq!(bearer("Bearer some token"), "400 invalid_request");
}

#[test]
fn row_63_schemes_that_look_alike_are_absent() {
    for scheme in ["Bearer2", "XBearer"] {
        assert_eq!(bearer(&format!("{scheme} {}", good())), "absent");
    }
}

#[test]
fn row_64_challenge_has_no_error_when_nothing_was_sent() {
    let strategy = jwt().extract(extract::bearer()).realm("chat").verify(accept);
    let refusal = ask(strategy, &uri("/")).unwrap_err();
    assert_eq!(refusal.challenges()[0].to_string(), r#"Bearer realm="chat""#);
}

#[test]
fn row_64_challenge_has_realm_scope_error_and_description_in_this_order() {
    let narrow = || Verdict::<String>::reject(Rejection::insufficient_scope(&["chat:read", "chat:write"]));
    let strategy = jwt().extract(extract::bearer()).verify(move |_: Value| async move { narrow() });
    let refusal = ask(strategy, &authorization(&format!("Bearer {}", good()))).unwrap_err();
    assert_eq!(refusal.status(), 403);
    let challenge = refusal.challenges()[0].to_string();
    let expected =
        r#"Bearer realm="api", scope="chat:read chat:write", error="insufficient_scope", error_description="#;
    assert!(challenge.starts_with(expected), "{challenge}");
}

#[test]
fn row_64_scope_and_error_uri_of_the_strategy_are_in_order() {
    let lines = |value: Option<&str>| {
        let strategy = jwt().extract(extract::bearer()).challenge_scope(["chat:read", "chat:write"]).unwrap();
        let strategy = strategy.error_uri("https://id.example/errors").unwrap().realm("chat").verify(accept);
        let parts = value.map_or_else(|| uri("/"), |value| authorization(&format!("Bearer {value}")));
        let refusal = ask(strategy, &parts).unwrap_err();
        (refusal.status().as_u16(), refusal.challenges().iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    // Without a credential there is no error, and so no error page.
    assert_eq!(lines(None), (401, vec![r#"Bearer realm="chat", scope="chat:read chat:write""#.to_owned()]));
    let wrong = concat!(
        r#"Bearer realm="chat", scope="chat:read chat:write", error="invalid_token", "#,
        r#"error_description="The credentials are invalid", error_uri="https://id.example/errors""#
    );
    assert_eq!(lines(Some("a.b.c")), (401, vec![wrong.to_owned()]));
}

#[test]
fn row_64_scope_of_the_challenge_is_not_checked() {
    let strategy = jwt().extract(extract::bearer()).challenge_scope(["chat:read"]).unwrap().verify(accept);
    let narrow = token(&claims(json!({ "scope": "mail:read" })));
    assert!(ask(strategy, &authorization(&format!("Bearer {narrow}"))).is_ok());
}

#[test]
fn row_64_scope_of_the_callback_replaces_that_of_the_strategy() {
    let narrow = || Verdict::<String>::reject(Rejection::insufficient_scope(&["chat:write"]));
    let strategy = jwt().extract(extract::bearer()).challenge_scope(["chat:read"]).unwrap();
    let strategy = strategy.verify(move |_: Value| async move { narrow() });
    let refusal = ask(strategy, &authorization(&format!("Bearer {}", good()))).unwrap_err();
    let challenge = refusal.challenges()[0].to_string();
    let expected = r#"Bearer realm="api", scope="chat:write", error="insufficient_scope", error_description="#;
    assert!(challenge.starts_with(expected), "{challenge}");
}

/// † The description is constant for every error.
#[test]
fn row_65_refused_token_is_an_invalid_token_with_a_constant_description() {
    let challenge = |value: &str| {
        let strategy = jwt().extract(extract::bearer()).verify(|_: Value| async { None::<String> });
        ask(strategy, &authorization(&format!("Bearer {value}"))).unwrap_err().challenges()[0].to_string()
    };
    let expected = r#"Bearer realm="api", error="invalid_token", error_description="The credentials are invalid""#;
    for wrong in [&good(), "a.b.c", &token(&claims(json!({ "aud": "somebody" })))] {
        assert_eq!(challenge(wrong), expected);
    }
}
