//! Logins in a body, a Socket.IO `auth` object or a message.

use auth_basic::Basic;
use auth_core::{Carrier, Payload, RefusalKind};

use crate::support::{Seen, basic, everybody, everybody_of, request, run_parts};

fn payload(fields: &[(&str, &str)]) -> Payload {
    let mut payload = Payload::new();
    for (name, value) in fields {
        payload.push_text(*name, *value);
    }
    payload
}

fn from_payload() -> Basic {
    Basic::new("demo").from_payload()
}

const BOB: &[(&str, &str)] = &[("username", "bob"), ("password", "se:cret"), ("remember", "yes")];

#[tokio::test]
async fn payload_is_not_looked_at_unless_asked_for() {
    let nobody = request::<&str>(&[]);
    let refusal = run_parts(&everybody(), &nobody, Some(&payload(BOB))).await.unwrap_err();
    assert_eq!(refusal.kind(), RefusalKind::Missing);
    assert!(!everybody().needs().payload());
    assert!(everybody_of(from_payload()).needs().payload());
}

#[tokio::test]
async fn login_in_the_payload_reaches_verify() {
    let user = run_parts(&everybody_of(from_payload()), &request::<&str>(&[]), Some(&payload(BOB))).await.unwrap();
    assert_eq!(*user, Seen::new("bob", "se:cret"));
    assert_eq!(user.evidence().carrier(), Carrier::Payload);
}

#[tokio::test]
async fn field_names_can_be_set() {
    let chain = everybody_of(Basic::new("demo").from_payload_fields("email", "pass"));
    let fields = [("email", "bob@example.org"), ("pass", "x"), ("username", "other"), ("password", "other")];
    let user = run_parts(&chain, &request::<&str>(&[]), Some(&payload(&fields))).await.unwrap();
    assert_eq!(*user, Seen::new("bob@example.org", "x"));
    assert!(chain.needs().payload());
}

#[test]
#[should_panic(expected = "user name and password must be in different fields")]
fn one_field_for_both_does_not_build() {
    let _ = Basic::new("demo").from_payload_fields("login", "login");
}

#[tokio::test]
async fn no_payload_or_neither_field_leaves_it_to_the_header() {
    let chain = everybody_of(from_payload());
    for payload in [None, Some(payload(&[])), Some(payload(&[("name", "bob")]))] {
        let refusal = run_parts(&chain, &request::<&str>(&[]), payload.as_ref()).await.unwrap_err();
        assert_eq!(refusal.kind(), RefusalKind::Missing);
        let user = run_parts(&chain, &request(&[basic("a:b")]), payload.as_ref()).await.unwrap();
        assert_eq!((&*user, user.evidence().carrier()), (&Seen::new("a", "b"), Carrier::Header));
    }
}

#[tokio::test]
async fn header_of_another_scheme_leaves_it_to_the_payload() {
    let user = run_parts(&everybody_of(from_payload()), &request(&["Bearer abc"]), Some(&payload(BOB))).await.unwrap();
    assert_eq!(user.evidence().carrier(), Carrier::Payload);
}

#[tokio::test]
async fn same_login_in_header_and_payload_is_one_login() {
    let parts = request(&[basic("bob:se:cret")]);
    let user = run_parts(&everybody_of(from_payload()), &parts, Some(&payload(BOB))).await.unwrap();
    assert_eq!((&*user, user.evidence().carrier()), (&Seen::new("bob", "se:cret"), Carrier::Header));
}

#[tokio::test]
async fn different_logins_in_header_and_payload_are_malformed() {
    for user_pass in ["bob:other", "alice:se:cret", "alice:other", ":"] {
        let parts = request(&[basic(user_pass)]);
        let refusal = run_parts(&everybody_of(from_payload()), &parts, Some(&payload(BOB))).await.unwrap_err();
        assert_eq!((refusal.status().as_u16(), refusal.code()), (400, "invalid_request"), "{user_pass}");
    }
}

#[tokio::test]
async fn broken_header_is_malformed_whatever_the_payload_says() {
    let refusal =
        run_parts(&everybody_of(from_payload()), &request(&["Basic *"]), Some(&payload(BOB))).await.unwrap_err();
    assert_eq!(refusal.status(), 400);
}

#[tokio::test]
async fn broken_payload_is_malformed_whatever_the_header_says() {
    let mut number = payload(&[("username", "bob")]);
    number.push_other("password");
    let mut null = payload(&[("password", "x")]);
    null.push_other("username");
    for (payload, why) in [
        (payload(&[("username", "bob")]), "no password"),
        (payload(&[("password", "x")]), "no user name"),
        (number, "a password that is no text"),
        (null, "a user name that is no text"),
        (payload(&[("username", "a"), ("username", "a"), ("password", "x")]), "two user names"),
        (payload(&[("username", "a"), ("password", "x"), ("password", "x")]), "two passwords"),
        (payload(&[("username", "a:b"), ("password", "x")]), "a colon in the user name"),
        (payload(&[("username", "a\n"), ("password", "x")]), "a control character in the user name"),
        (payload(&[("username", "a"), ("password", "\0")]), "a control character in the password"),
    ] {
        for parts in [request::<String>(&[]), request(&[basic("a:x")])] {
            let refusal = run_parts(&everybody_of(from_payload()), &parts, Some(&payload)).await.unwrap_err();
            assert_eq!((refusal.status().as_u16(), refusal.code()), (400, "invalid_request"), "{why}");
        }
    }
}

#[tokio::test]
async fn empty_texts_reach_verify_as_from_the_header() {
    for (username, password) in [("", ""), ("bob", ""), ("", "x")] {
        let payload = payload(&[("username", username), ("password", password)]);
        let user = run_parts(&everybody_of(from_payload()), &request::<&str>(&[]), Some(&payload)).await.unwrap();
        assert_eq!(*user, Seen::new(username, password));
    }
}

#[tokio::test]
async fn user_name_and_password_together_have_the_limit_of_the_header() {
    for (length, fits) in [(4096, true), (4097, false)] {
        let payload = payload(&[("username", "ab"), ("password", &"x".repeat(length - 2))]);
        let result = run_parts(&everybody_of(from_payload()), &request::<&str>(&[]), Some(&payload)).await;
        assert_eq!(result.is_ok(), fits, "{length}");
    }
}
