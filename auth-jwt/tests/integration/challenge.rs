//! The challenges of the strategy, and what it needs from the middleware.

use auth_core::{Challenge, Strategy as _, extract, extract::Extractor};
use serde_json::json;

use crate::support::*;

fn challenges(extractor: impl Extractor) -> Vec<String> {
    let mut challenges = Vec::new();
    jwt().extract(extractor).realm("chat").verify(accept).challenges(&mut challenges);
    challenges.iter().map(ToString::to_string).collect()
}

#[test]
fn bearer_is_challenged_with_realm() {
    assert_eq!(challenges(extract::bearer()), [r#"Bearer realm="chat""#]);
}

#[test]
fn challenge_names_the_scheme_of_the_extractor() {
    assert_eq!(challenges(extract::auth_scheme("JWT")), [r#"JWT realm="chat""#]);
}

#[test]
fn carriers_with_one_scheme_have_one_challenge() {
    let extractor = extract::bearer().or(extract::query("token")).or(extract::subprotocol("auth.bearer."));
    assert_eq!(challenges(extractor), [r#"Bearer realm="chat""#]);
}

#[test]
fn cookie_alone_has_no_challenge() {
    assert_eq!(challenges(extract::cookie("jwt")), [""; 0]);
}

#[test]
fn realm_is_quoted() {
    let mut challenges: Vec<Challenge> = Vec::new();
    jwt().extract(extract::bearer()).realm("a \"b\" \\ \r\nc").verify(accept).challenges(&mut challenges);
    assert_eq!(challenges[0].to_string(), r#"Bearer realm="a \"b\" \\ c""#);
}

#[test]
fn last_challenge_scope_counts_and_an_empty_one_is_omitted() {
    let line = |scopes: &[&str]| {
        let jwt = jwt().extract(extract::bearer()).challenge_scope(["chat:read"]).unwrap();
        let mut challenges: Vec<Challenge> = Vec::new();
        jwt.challenge_scope(scopes).unwrap().verify(accept).challenges(&mut challenges);
        challenges[0].to_string()
    };
    assert_eq!(line(&["a", "b"]), r#"Bearer realm="api", scope="a b""#);
    assert_eq!(line(&[]), r#"Bearer realm="api""#);
}

/// RFC 6750, 3 excludes quotes and backslashes in them, and spaces in a scope.
#[test]
fn scope_and_error_uri_with_other_characters_do_not_build() {
    for good in ["!", "#", "[", "]", "~", "https://id.example/chat.read"] {
        assert!(jwt().challenge_scope([good]).is_ok() && jwt().error_uri(good).is_ok(), "{good:?}");
    }
    for bad in ["", " ", "a b", "a\tb", "\"", "\\", "\u{7f}", "\r\n", "\u{e9}"] {
        assert!(jwt().challenge_scope(["chat:read", bad]).is_err() && jwt().error_uri(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn refusal_of_another_scheme_reports_the_error() {
    let jwt = jwt().extract(extract::auth_scheme("JWT"));
    let refusal = ask(jwt.verify(accept), &request("authorization", "JWT a.b.c")).unwrap_err();
    let challenge = refusal.challenges()[0].to_string();
    assert!(challenge.starts_with(r#"JWT realm="api", error="invalid_token""#), "{challenge}");
}

#[test]
fn needs_are_those_of_the_extractor() {
    let extractor = extract::subprotocol("auth.bearer.").or(extract::query("t")).or(extract::payload_field("token"));
    let needs = jwt().extract(extractor).verify(accept).needs();
    assert!(needs.payload());
    assert_eq!(needs.subprotocol_prefixes(), ["auth.bearer."]);
    assert_eq!(needs.query_names(), ["t"]);
}

#[test]
fn default_extractor_is_bearer() {
    let jwt = auth_jwt::Jwt::hs256(SECRET).unwrap();
    let authorization = format!("Bearer {}", token(&claims(json!({}))));
    assert!(ask(jwt.verify(accept), &request("authorization", &authorization)).is_ok());
}
