//! The request as it was sent: its target, what layers took out, and what strategies used up.

use auth_core::{AuthRequest, Needs, RequestRecord, Transport};
use http::{Request, header::SEC_WEBSOCKET_PROTOCOL, request::Parts};

use crate::support::now;

fn needs() -> Needs {
    let mut needs = Needs::default();
    needs.add_query_name("token");
    needs.add_subprotocol_prefix("auth.bearer.");
    needs
}

fn parts(uri: &str, protocols: &[&str]) -> Parts {
    let request = Request::get(uri).header("authorization", "Bearer x");
    let request = protocols.iter().fold(request, |request, line| request.header("sec-websocket-protocol", *line));
    request.body(()).unwrap().into_parts().0
}

/// What a layer does before it passes a request on.
fn hand_on(parts: &mut Parts, needs: &Needs) {
    RequestRecord::of(parts).take(parts, needs);
}

fn lines(parts: &Parts) -> Vec<&str> {
    parts.headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().map(|line| line.to_str().unwrap()).collect()
}

/// The values of `token` and the subprotocols that a strategy finds.
fn found(parts: &Parts) -> (Vec<String>, Vec<String>) {
    let request = AuthRequest::new(parts, Transport::WebSocket, now());
    let tokens = request.query_values("token").map(|value| value.into_owned()).collect();
    let protocols = request.subprotocols().map(|entry| String::from_utf8_lossy(entry).into_owned()).collect();
    (tokens, protocols)
}

#[test]
fn takes_the_named_parameter_out_of_the_query_and_keeps_the_rest() {
    for (before, after) in [
        ("/ws?token=a", "/ws"),
        ("/ws?a=%20&token=x&b", "/ws?a=%20&b"),
        ("/ws?%74oken=x&a=1", "/ws?a=1"),
        ("/ws?tokens=1", "/ws?tokens=1"),
        ("/ws?", "/ws?"),
        ("http://host/ws?token=x", "http://host/ws"),
    ] {
        let mut parts = parts(before, &[]);
        hand_on(&mut parts, &needs());
        assert_eq!(parts.uri.to_string(), after);
    }
}

#[test]
fn takes_the_token_out_of_the_subprotocols_and_keeps_their_order() {
    let mut parts = parts("/ws", &["b, auth.bearer.abc", "a"]);
    hand_on(&mut parts, &needs());
    assert_eq!(lines(&parts), ["b, a"]);
}

#[test]
fn removes_the_header_when_no_other_subprotocol_is_left() {
    let mut parts = parts("/ws", &["auth.bearer.abc"]);
    hand_on(&mut parts, &needs());
    assert!(lines(&parts).is_empty());
}

#[test]
fn marks_credential_headers_sensitive() {
    let mut parts = parts("/", &[]);
    parts.headers.insert("x-key", "k-1".parse().unwrap());
    let mut needs = Needs::default();
    needs.add_header_name(http::HeaderName::from_static("x-key"));
    hand_on(&mut parts, &needs);
    let shown = format!("{:?}", parts.headers);
    assert!(!shown.contains("Bearer") && !shown.contains("k-1"), "{shown}");
}

#[test]
fn inner_strategy_finds_what_was_taken_but_not_in_the_head() {
    let mut parts = parts("/ws?token=x%2By&a=1", &["auth.v1, auth.bearer.abc"]);
    hand_on(&mut parts, &needs());
    for _ in 0..2 {
        assert_eq!(found(&parts), (vec!["x+y".into()], vec!["auth.v1".into(), "auth.bearer.abc".into()]));
        hand_on(&mut parts, &needs());
        assert_eq!((parts.uri.to_string().as_str(), lines(&parts)), ("/ws?a=1", vec!["auth.v1"]));
    }
}

#[test]
fn value_removed_between_two_layers_stays_removed() {
    let mut parts = parts("/ws?token=x&as_user=root", &["auth.bearer.abc, admin, chat"]);
    hand_on(&mut parts, &needs());
    parts.uri = "/ws".parse().unwrap();
    parts.headers.insert(SEC_WEBSOCKET_PROTOCOL, "chat".parse().unwrap());
    hand_on(&mut parts, &needs());
    assert_eq!((parts.uri.to_string().as_str(), lines(&parts)), ("/ws", vec!["chat"]));
    let request = AuthRequest::new(&parts, Transport::WebSocket, now());
    assert_eq!(request.query_values("as_user").count(), 0);
    assert_eq!(found(&parts), (vec!["x".into()], vec!["chat".into(), "auth.bearer.abc".into()]));
}

#[test]
fn token_that_is_there_twice_is_found_twice() {
    let mut parts = parts("/ws?token=a", &[]);
    hand_on(&mut parts, &needs());
    parts.uri = "/ws?token=b".parse().unwrap();
    assert_eq!(found(&parts).0, ["b", "a"]);
}

#[test]
fn target_is_the_one_that_the_outermost_layer_saw() {
    let mut parts = parts("/v1/ws?token=x&a=1", &[]);
    hand_on(&mut parts, &needs());
    parts.uri = "/ws?a=1".parse().unwrap();
    hand_on(&mut parts, &needs());
    let request = AuthRequest::new(&parts, Transport::Http, now());
    assert_eq!(request.target(), "/v1/ws?token=x&a=1");
    assert_eq!(request.parts().uri, "/ws?a=1");
}

#[test]
fn target_without_a_layer_is_the_uri() {
    let parts = parts("/ws?a=1", &[]);
    assert_eq!(AuthRequest::new(&parts, Transport::Http, now()).target(), "/ws?a=1");
}

#[cfg(feature = "axum")]
#[test]
fn target_without_a_layer_is_the_original_uri_of_axum() {
    let mut parts = parts("/ws?token=x", &[]);
    parts.extensions.insert(axum::extract::OriginalUri("/v1/ws?token=x".parse().unwrap()));
    assert_eq!(AuthRequest::new(&parts, Transport::Http, now()).target().path(), "/v1/ws");
    hand_on(&mut parts, &needs());
    let kept = parts.extensions.get::<axum::extract::OriginalUri>().unwrap();
    assert_eq!(kept.0, "/v1/ws", "it holds no secret either");
}

#[test]
fn callback_sees_the_sent_path_and_the_remaining_query() {
    use auth_core::{RequestInfo, Verify};
    async fn uri<M, V: Verify<(), M, User = String>>(verify: V, parts: &Parts) -> String {
        let request = AuthRequest::new(parts, Transport::Http, now());
        verify.verify((), &request).await.unwrap().into_result().unwrap().0
    }
    let mut parts = parts("/v1/ws?token=x&as_user=root", &[]);
    hand_on(&mut parts, &needs());
    let show = |(), info: RequestInfo| async move { Some(info.uri().to_string()) };
    for (here, shown) in [("/ws?a=1", "/v1/ws?a=1"), ("/ws", "/v1/ws"), ("/v1/ws", "/v1/ws")] {
        parts.uri = here.parse().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        assert_eq!(runtime.block_on(uri(show, &parts)), shown);
    }
}

#[test]
fn remembered_value_is_found_later_and_dropped_with_the_request() {
    #[derive(Clone, PartialEq, Debug)]
    struct Spent(u8);
    let recalled = |parts: &Parts| {
        AuthRequest::new(parts, Transport::Http, now()).recall(|spent: &Spent| (spent.0 == 7).then(|| spent.clone()))
    };
    let mut parts = parts("/", &[]);
    let record = RequestRecord::of(&mut parts);
    assert_eq!(recalled(&parts), None);
    AuthRequest::new(&parts, Transport::Http, now()).remember(Spent(1));
    AuthRequest::new(&parts, Transport::Http, now()).remember(Spent(7));
    assert_eq!(recalled(&parts), Some(Spent(7)));
    for kept in [record.without_credentials(), record.with_credentials()] {
        parts.extensions.insert(kept);
        assert_eq!(recalled(&parts), None, "a connection does not keep it");
    }
}

#[test]
fn record_of_a_connection_keeps_the_target() {
    let mut parts = parts("/v1/ws?token=x", &[]);
    hand_on(&mut parts, &needs());
    let record = RequestRecord::of(&mut parts);
    for (kept, tokens) in [(record.without_credentials(), 0), (record.with_credentials(), 1)] {
        parts.extensions.insert(kept);
        assert_eq!(found(&parts).0.len(), tokens);
        assert_eq!(AuthRequest::new(&parts, Transport::InBand, now()).target().path(), "/v1/ws");
    }
}

#[test]
fn record_of_a_connection_drops_query_and_head() {
    let mut parts = parts("/v1/ws?token=marker&room=1", &[]);
    let head = bytes::Bytes::from(b"/v1/ws?token=marker HTTP/1.1\r\nauthorization: Bearer marker\r\n\r\n".to_vec());
    parts.uri = http::Uri::from_maybe_shared(head.slice(..19)).unwrap();
    let kept = RequestRecord::of(&mut parts).without_credentials();
    drop(parts);
    assert!(head.is_unique(), "the read buffer is free");
    let mut parts = self::parts("/", &[]);
    parts.extensions.insert(kept);
    assert_eq!(AuthRequest::new(&parts, Transport::InBand, now()).target(), "/v1/ws");
}

#[test]
fn recall_may_use_the_request_again() {
    let parts = parts("/", &[]);
    let request = AuthRequest::new(&parts, Transport::Http, now());
    request.remember(1_u8);
    let found = request.recall(|one: &u8| request.recall(|same: &u8| (one == same).then_some(*same)));
    assert_eq!(found, Some(1));
}

#[test]
fn debug_of_a_record_shows_nothing() {
    let mut parts = parts("/ws?token=marker", &[]);
    hand_on(&mut parts, &needs());
    assert!(!format!("{:?}", parts.extensions.get::<RequestRecord>().unwrap()).contains("marker"));
}

#[test]
fn token_after_a_word_is_taken_out_once_and_inner_layers_find_it() {
    let mut needs = needs();
    needs.add_subprotocol_word("bearer");
    for (before, after, known) in [
        ("bearer, secret", "bearer", &[Some("secret")][..]),
        ("a, bearer, secret, auth.v1", "a, bearer, auth.v1", &[Some("secret")]),
        ("bearer, auth.bearer.abc, a", "bearer, a", &[Some("auth.bearer.abc")]),
        ("bearer, one, bearer, two, a", "bearer, bearer, a", &[Some("one"), Some("two")]),
        ("bearer, bearer, a", "bearer", &[Some("bearer"), Some("a")]),
        ("a, bearer", "a, bearer", &[None]),
        ("a, b", "a, b", &[]),
    ] {
        let mut parts = parts("/ws", &[before]);
        // An inner layer with the same needs takes only tokens.
        for _ in 0..3 {
            hand_on(&mut parts, &needs);
            assert_eq!(lines(&parts), [after], "{before}");
            let request = AuthRequest::new(&parts, Transport::WebSocket, now());
            let found: Vec<_> =
                request.subprotocols_after("bearer").map(|entry| entry.map(String::from_utf8_lossy)).collect();
            assert_eq!(found.iter().map(Option::as_deref).collect::<Vec<_>>(), known, "{before}");
        }
    }
}

#[test]
fn record_knows_whether_the_query_held_a_credential() {
    for (uri, has) in [("/ws?token=x", true), ("/ws?other=x", false), ("/ws", false)] {
        let mut parts = parts(uri, &["bearer, t"]);
        hand_on(&mut parts, &needs());
        assert_eq!(RequestRecord::of(&mut parts).has_query_credential(), has, "{uri}");
    }
}

#[test]
fn record_is_made_unless_axum_keeps_the_target_and_nothing_is_taken() {
    for (has_original, needs, is_made) in [
        (true, Needs::default(), false),
        (true, needs(), true),
        (false, Needs::default(), true),
        (false, needs(), true),
    ] {
        let mut parts = parts("/ws", &[]);
        if has_original {
            parts.extensions.insert(axum::extract::OriginalUri("/v1/ws".parse().unwrap()));
        }
        assert_eq!(RequestRecord::if_needed(&mut parts, &needs).is_some(), is_made);
        assert_eq!(parts.extensions.get::<RequestRecord>().is_some(), is_made);
        let target = if has_original { "/v1/ws" } else { "/ws" };
        assert_eq!(AuthRequest::new(&parts, Transport::Http, now()).target(), target);
        let _ = RequestRecord::of(&mut parts);
        assert!(RequestRecord::if_needed(&mut parts, &Needs::default()).is_some(), "one that is there is found");
    }
}

#[test]
fn record_that_a_strategy_has_used_can_be_put_into_the_request() {
    let mut parts = parts("/", &[]);
    let request = AuthRequest::new(&parts, Transport::Http, now());
    assert!(request.into_record().is_none());
    let request = AuthRequest::new(&parts, Transport::Http, now());
    // As a chain passes it on.
    request.with_parts(&parts).remember(7_u8);
    let record = request.into_record().unwrap();
    parts.extensions.insert(record);
    assert_eq!(AuthRequest::new(&parts, Transport::Http, now()).recall(|kept: &u8| Some(*kept)), Some(7));
}
