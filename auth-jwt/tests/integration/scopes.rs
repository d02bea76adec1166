//! Scopes: the claims that they are read from, and their form.

use auth_core::{Scopes, Verdict, extract};
use auth_jwt::Jwt;
use serde_json::{Value, json};

use crate::support::*;

/// The scopes in the evidence; `None` if the evidence has no scopes.
fn scopes(jwt: Jwt<Value>, more: Value) -> Option<Vec<String>> {
    let user = present(jwt, &token(&claims(more))).unwrap();
    user.evidence().extra::<Scopes>().map(|scopes| scopes.iter().map(str::to_owned).collect())
}

fn keycloak() -> Value {
    json!({
        "scope": "openid email",
        "realm_access": { "roles": ["user"] },
        "resource_access": { "chat": { "roles": ["write", "read"] }, "mail": { "roles": ["admin"] } },
        "https://example.com/roles": ["editor"],
        "realm_access.roles": ["dotted"],
        "scp": ["a", "b"],
    })
}

#[test]
fn scopes_are_read_only_from_the_named_claims() {
    let cases: [(&[&[&str]], &[&str]); 8] = [
        (&[], &["openid", "email"]),
        (&[&["scp"]], &["a", "b"]),
        (&[&["realm_access", "roles"]], &["user"]),
        (&[&["resource_access", "chat", "roles"]], &["write", "read"]),
        (&[&["https://example.com/roles"]], &["editor"]),
        (&[&["realm_access.roles"]], &["dotted"]),
        (&[&["scope"], &["realm_access", "roles"], &["scp"]], &["openid", "email", "user", "a", "b"]),
        (&[&["absent"], &["scp"]], &["a", "b"]),
    ];
    for (paths, expected) in cases {
        let jwt = paths.iter().fold(jwt(), |jwt, path| jwt.scopes_from(path.iter().copied()));
        assert_eq!(scopes(jwt, keycloak()).unwrap(), expected, "{paths:?}");
    }
}

#[test]
fn path_that_leads_nowhere_gives_no_scopes() {
    let paths: [&[&str]; 6] = [
        &[],
        &["absent"],
        &["realm_access"],
        &["realm_access", "absent"],
        &["realm_access", "roles", "user"],
        &["scope", "openid"],
    ];
    for path in paths {
        assert_eq!(scopes(jwt().scopes_from(path.iter().copied()), keycloak()), None, "{path:?}");
    }
}

#[test]
fn scopes_are_a_string_or_a_list_of_strings() {
    let cases = [
        (json!("a b"), Some(vec!["a", "b"])),
        (json!(["a", "b"]), Some(vec!["a", "b"])),
        (json!(""), Some(vec![])),
        (json!([]), Some(vec![])),
        (json!("  a   b "), Some(vec!["a", "b"])),
        (json!(null), None),
        (json!(1), None),
        (json!(true), None),
        (json!({ "a": true }), None),
    ];
    for (claim, expected) in cases {
        let expected = expected.map(|scopes| scopes.into_iter().map(str::to_owned).collect());
        assert_eq!(scopes(jwt(), json!({ "scope": claim })), expected, "{claim}");
        assert_eq!(scopes(jwt().scopes_from(["r"]), json!({ "r": claim })), expected, "{claim}");
        assert_eq!(scopes(jwt().scopes_from(["a", "r"]), json!({ "a": { "r": claim } })), expected, "{claim}");
    }
}

#[test]
fn element_that_cannot_be_a_scope_is_left_out() {
    let bad = [
        json!("x a"),
        json!(" a"),
        json!("a\t"),
        json!("a\u{a0}"),
        json!("\u{e4}"),
        json!("a\"b"),
        json!("a\\b"),
        json!(""),
        json!(1),
        json!(null),
        json!(["a"]),
        json!({ "a": "a" }),
    ];
    for bad in bad {
        assert_eq!(scopes(jwt(), json!({ "scope": ["good", bad] })).unwrap(), ["good"], "{bad}");
        assert_eq!(scopes(jwt(), json!({ "scope": [bad] })).unwrap(), [""; 0], "{bad}");
    }
    assert_eq!(scopes(jwt(), json!({ "scope": "good a\tb \u{e4} a\"b" })).unwrap(), ["good"]);
}

#[test]
fn access_token_scope_is_a_string_unless_a_list_is_allowed() {
    let access = || jwt().access_token("chat").issuer(ISSUER);
    let say = |jwt: Jwt<Value>, scope: Value| {
        let own = json!({
            "iss": ISSUER, "aud": "chat", "client_id": "c", "iat": NOW, "jti": "j", "scope": scope, "roles": ["r"],
        });
        verdict(jwt, &token_with(json!({ "typ": "at+jwt" }), &claims(own)))
    };
    assert_eq!(say(access(), json!("a b")), ACCEPTED);
    assert_eq!(say(access(), json!(["a"])), INVALID);
    assert_eq!(say(access().allow_scope_list(), json!(["a"])), ACCEPTED);
    assert_eq!(say(access().allow_scope_list(), json!("a")), ACCEPTED);
    for wrong in [json!(1), json!(null), json!({})] {
        assert_eq!(say(access().allow_scope_list(), wrong.clone()), INVALID, "{wrong}");
        assert_eq!(say(access().scopes_from(["roles"]).scopes_from(["scope"]), wrong.clone()), INVALID, "{wrong}");
        assert_eq!(say(access().scopes_from(["roles"]), wrong.clone()), ACCEPTED, "{wrong} is not read");
    }
}

#[test]
fn scopes_of_the_application_replace_those_of_the_token() {
    let strategy = jwt().verify(|_: Value| async { Verdict::accept("user").with_extra(Scopes::parse("own")) });
    let user = ask(strategy, &request("x-token", &token(&claims(json!({ "scope": "theirs" }))))).unwrap();
    assert!(user.evidence().require_scope("own").is_ok());
    assert!(user.evidence().require_scope("theirs").is_err());
}

#[test]
fn required_scope_may_be_in_any_named_claim() {
    let jwt = jwt().scopes_from(["resource_access", "chat", "roles"]);
    let user = present(jwt, &token(&claims(keycloak()))).unwrap();
    assert!(user.evidence().require_scope("write").is_ok());
    assert!(user.evidence().require_scope("admin").is_err(), "the role of another client");
    assert!(user.evidence().require_scope("openid").is_err(), "not named");
}

#[test]
fn missing_scope_is_403_with_the_challenge_of_the_strategy() {
    let metadata = "https://api.example/.well-known/oauth-protected-resource";
    let jwt = jwt().extract(extract::bearer()).resource_metadata(metadata).unwrap();
    let authorization = format!("Bearer {}", token(&claims(json!({ "scope": "chat:read" }))));
    let user = ask(jwt.verify(accept), &request("authorization", &authorization)).unwrap();
    let refusal = user.evidence().require_scope("chat:write").unwrap_err();
    assert_eq!((refusal.status().as_u16(), refusal.code()), (403, "insufficient_scope"));
    let expected = format!(
        r#"Bearer realm="api", resource_metadata="{metadata}", scope="chat:write", error="insufficient_scope", {}"#,
        r#"error_description="More scope is required""#
    );
    assert_eq!(refusal.challenges()[0].to_string(), expected);
}
