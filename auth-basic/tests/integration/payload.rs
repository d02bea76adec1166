//! Logins in a body, a Socket.IO `auth` object or a message.

use std::time::SystemTime;

use auth_basic::Basic;
use auth_core::{AuthRequest, Authenticated, Carrier, Chain, Payload, Refusal, RefusalKind, Transport};

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
async fn payload_is_read_only_if_enabled() {
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
async fn without_payload_fields_the_header_counts() {
    let chain = everybody_of(from_payload());
    for payload in [None, Some(payload(&[])), Some(payload(&[("name", "bob")]))] {
        let refusal = run_parts(&chain, &request::<&str>(&[]), payload.as_ref()).await.unwrap_err();
        assert_eq!(refusal.kind(), RefusalKind::Missing);
        let user = run_parts(&chain, &request(&[basic("a:b")]), payload.as_ref()).await.unwrap();
        assert_eq!((&*user, user.evidence().carrier()), (&Seen::new("a", "b"), Carrier::Header));
    }
}

#[tokio::test]
async fn with_another_scheme_in_the_header_the_payload_counts() {
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
async fn broken_header_is_malformed_with_any_payload() {
    let refusal =
        run_parts(&everybody_of(from_payload()), &request(&["Basic *"]), Some(&payload(BOB))).await.unwrap_err();
    assert_eq!(refusal.status(), 400);
}

#[tokio::test]
async fn broken_payload_is_malformed_with_any_header() {
    let mut number = payload(&[("username", "bob")]);
    number.push_other("password");
    let mut null = payload(&[("password", "x")]);
    null.push_null("username");
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
async fn empty_texts_in_a_payload_reach_verify() {
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

fn from_socketio_auth() -> Basic {
    Basic::new("demo").from_socketio_auth()
}

/// Asks over a transport, without an `Authorization` header.
async fn over(transport: Transport, chain: &Chain<Seen>, payload: &Payload) -> Result<Authenticated<Seen>, Refusal> {
    let parts = request::<&str>(&[]);
    chain.authenticate(&AuthRequest::new(&parts, transport, SystemTime::UNIX_EPOCH).with_payload(payload)).await
}

#[tokio::test]
async fn login_in_socketio_auth_reaches_verify() {
    for transport in [Transport::SocketIo, Transport::InBand] {
        let user = over(transport, &everybody_of(from_socketio_auth()), &payload(BOB)).await.unwrap();
        assert_eq!((&*user, user.evidence().carrier()), (&Seen::new("bob", "se:cret"), Carrier::Payload));
    }
    let chain = everybody_of(Basic::new("demo").from_socketio_auth_fields("email", "pass"));
    let fields = payload(&[("email", "bob@example.org"), ("pass", "x"), ("username", "other"), ("password", "other")]);
    let user = over(Transport::SocketIo, &chain, &fields).await.unwrap();
    assert_eq!(*user, Seen::new("bob@example.org", "x"));
}

#[tokio::test]
async fn socketio_auth_login_reads_no_body() {
    let chain = everybody_of(from_socketio_auth());
    assert!(!chain.needs().payload());
    for fields in [BOB, &[("username", "bob")], &[("username", "a"), ("username", "a")]] {
        for transport in [Transport::Http, Transport::WebSocket] {
            let refusal = over(transport, &chain, &payload(fields)).await.unwrap_err();
            assert_eq!(refusal.kind(), RefusalKind::Missing, "{transport:?} {fields:?}");
        }
    }
}

#[tokio::test]
async fn null_in_socketio_auth_is_absent_and_an_empty_text_is_a_value() {
    let chain = everybody_of(from_socketio_auth());
    let mut nothing = payload(&[]);
    nothing.push_null("username");
    nothing.push_null("password");
    let refusal = over(Transport::SocketIo, &chain, &nothing).await.unwrap_err();
    assert_eq!(refusal.kind(), RefusalKind::Missing);
    let mut half = payload(&[("username", "bob")]);
    half.push_null("password");
    assert_eq!(over(Transport::SocketIo, &chain, &half).await.unwrap_err().status(), 400);
    let empty = payload(&[("username", "bob"), ("password", "")]);
    assert_eq!(*over(Transport::SocketIo, &chain, &empty).await.unwrap(), Seen::new("bob", ""));
}

#[tokio::test]
async fn broken_socketio_auth_is_malformed() {
    let mut number = payload(&[("username", "bob")]);
    number.push_other("password");
    let twice = payload(&[("username", "a"), ("username", "a"), ("password", "x")]);
    for broken in [number, twice, payload(&[("password", "x")])] {
        let refusal = over(Transport::SocketIo, &everybody_of(from_socketio_auth()), &broken).await.unwrap_err();
        assert_eq!((refusal.status().as_u16(), refusal.code()), (400, "invalid_request"));
    }
}

#[tokio::test]
async fn last_call_of_payload_and_socketio_auth_counts() {
    let narrow = everybody_of(from_payload().from_socketio_auth());
    assert!(!narrow.needs().payload());
    assert_eq!(over(Transport::Http, &narrow, &payload(BOB)).await.unwrap_err().kind(), RefusalKind::Missing);
    let wide = everybody_of(from_socketio_auth().from_payload());
    assert!(wide.needs().payload());
    assert!(over(Transport::Http, &wide, &payload(BOB)).await.is_ok());
    assert!(over(Transport::SocketIo, &wide, &payload(BOB)).await.is_ok());
}

#[test]
#[should_panic(expected = "user name and password must be in different fields")]
fn one_field_of_socketio_auth_for_both_does_not_build() {
    let _ = Basic::new("demo").from_socketio_auth_fields("login", "login");
}
