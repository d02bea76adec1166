//! Each extractor alone: absent, present, empty, repeated, broken, too long.

use auth_core::{
    AuthRequest, Carrier, Challenge, ConfigError, Needs, Payload, Secret, Transport,
    extract::{
        Extractor, auth_scheme, bearer, cookie, from_fn, header, jupyter_subprotocol, payload_field, query,
        raw_subprotocol, socketio_auth, subprotocol, subprotocol_after, try_auth_scheme, try_cookie, try_header,
        try_payload_field, try_query, try_raw_subprotocol, try_socketio_auth, try_subprotocol, try_subprotocol_after,
    },
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::support::{head, now};

/// The result of an extractor for a request.
#[derive(Debug, PartialEq)]
pub(crate) enum Look {
    Nothing,
    Found(String, Carrier),
    Malformed(Carrier),
}

pub(crate) fn look_at(extractor: &impl Extractor, request: &AuthRequest<'_>) -> Look {
    match extractor.extract(request) {
        Ok(None) => Look::Nothing,
        Ok(Some(found)) => Look::Found(found.expose().to_owned(), found.carrier()),
        Err(malformed) => Look::Malformed(malformed.carrier()),
    }
}

/// Extracts from the head of a WebSocket handshake, where every extractor looks except those for payloads.
pub(crate) fn look(extractor: &impl Extractor, uri: &str, headers: &[(&str, &[u8])]) -> Look {
    look_at(extractor, &AuthRequest::new(&head(uri, headers), Transport::WebSocket, now()))
}

fn authorization(extractor: &impl Extractor, value: &str) -> Look {
    look(extractor, "/", &[("authorization", value.as_bytes())])
}

fn found(text: &str, carrier: Carrier) -> Look {
    Look::Found(text.to_owned(), carrier)
}

const BROKEN_HEADER: Look = Look::Malformed(Carrier::Header);

#[test]
fn bearer_that_is_absent_gives_nothing() {
    assert_eq!(look(&bearer(), "/", &[]), Look::Nothing);
    assert_eq!(look(&bearer(), "/", &[("x-authorization", b"Bearer t")]), Look::Nothing);
}

#[test]
fn bearer_gives_the_exact_token() {
    for token in ["t", "a.b.c", "..", "A-Z_0~9+/x==", "eyJhbGciOiJub25lIn0.e30."] {
        assert_eq!(authorization(&bearer(), &format!("Bearer {token}")), found(token, Carrier::Header));
    }
}

#[test]
fn bearer_scheme_ignores_case() {
    for scheme in ["Bearer", "bearer", "BEARER", "bEaReR"] {
        assert_eq!(authorization(&bearer(), &format!("{scheme} t")), found("t", Carrier::Header));
    }
}

#[test]
fn bearer_allows_blanks_after_the_scheme_and_at_the_end() {
    for value in ["Bearer t", "Bearer  t", "Bearer     t", "Bearer t  "] {
        assert_eq!(authorization(&bearer(), value), found("t", Carrier::Header), "{value:?}");
    }
}

#[test]
fn bearer_without_a_token_is_malformed() {
    for value in ["Bearer", "Bearer ", "Bearer   ", "bearer =", "Bearer =="] {
        assert_eq!(authorization(&bearer(), value), BROKEN_HEADER, "{value:?}");
    }
}

#[test]
fn bearer_with_more_than_one_word_is_malformed() {
    for value in ["Bearer t junk", "Bearer t, Bearer u", "Bearer t,u", "Bearer t =", "Bearer realm=\"x\""] {
        assert_eq!(authorization(&bearer(), value), BROKEN_HEADER, "{value:?}");
    }
}

#[test]
fn bearer_with_a_tab_is_malformed() {
    for value in ["Bearer\tt", "Bearer \tt", "Bearer t\t", "Bearer t\tu"] {
        assert_eq!(authorization(&bearer(), value), BROKEN_HEADER, "{value:?}");
    }
}

#[test]
fn bearer_beyond_token68_is_malformed() {
    for value in ["Bearer t%20", "Bearer \"t\"", "Bearer t=u", "Bearer t\u{e9}", "Bearer t;"] {
        assert_eq!(authorization(&bearer(), value), BROKEN_HEADER, "{value:?}");
    }
    assert_eq!(look(&bearer(), "/", &[("authorization", b"Bearer \xff\xfe")]), BROKEN_HEADER);
}

#[test]
fn another_scheme_gives_nothing() {
    for value in ["", "Basic dTpw", "Bearer2 t", "XBearer t", "Bearert", "Bear er", "Negotiate", "\u{e9} t"] {
        assert_eq!(authorization(&bearer(), value), Look::Nothing, "{value:?}");
    }
}

#[test]
fn repeated_authorization_header_is_always_malformed() {
    for second in ["Bearer t", "Bearer u", "Basic dTpw", ""] {
        let headers: [(&str, &[u8]); 2] = [("authorization", b"Bearer t"), ("authorization", second.as_bytes())];
        assert_eq!(look(&bearer(), "/", &headers), BROKEN_HEADER, "{second:?}");
    }
    let headers: [(&str, &[u8]); 2] = [("authorization", b"Basic dTpw"), ("authorization", b"Basic dTpw")];
    assert_eq!(look(&bearer(), "/", &headers), BROKEN_HEADER);
}

#[test]
fn any_auth_scheme_is_read_like_bearer() {
    let token = auth_scheme("Token");
    assert_eq!(authorization(&token, "token abc="), found("abc=", Carrier::Header));
    assert_eq!(authorization(&token, "Bearer abc"), Look::Nothing);
    assert_eq!(authorization(&token, "Token"), BROKEN_HEADER);
}

#[test]
fn header_gives_its_whole_value() {
    let key = header("X-Api-Key");
    assert_eq!(look(&key, "/", &[]), Look::Nothing);
    assert_eq!(look(&key, "/", &[("x-api-key", b"k!\"#(1)")]), found("k!\"#(1)", Carrier::Header));
}

#[test]
fn header_that_is_empty_or_not_visible_ascii_is_malformed() {
    for value in ["", "a b", " a", "a\tb", "ü"] {
        assert_eq!(look(&header("x-api-key"), "/", &[("x-api-key", value.as_bytes())]), BROKEN_HEADER, "{value:?}");
    }
    assert_eq!(look(&header("x-api-key"), "/", &[("x-api-key", b"\xff")]), BROKEN_HEADER);
}

#[test]
fn repeated_header_is_malformed() {
    let headers: [(&str, &[u8]); 2] = [("x-api-key", b"k"), ("x-api-key", b"k")];
    assert_eq!(look(&header("x-api-key"), "/", &headers), BROKEN_HEADER);
}

#[test]
fn query_that_is_absent_gives_nothing() {
    for uri in ["/", "/?", "/?x=token", "/?Token=t", "/?tokens=t", "/?x=1&token2=t", "/token=t"] {
        assert_eq!(look(&query("token"), uri, &[]), Look::Nothing, "{uri}");
    }
}

#[test]
fn query_value_and_name_are_percent_decoded() {
    for (uri, value) in [
        ("/?token=a.b-c_d", "a.b-c_d"),
        ("/?x=1&token=t&y", "t"),
        ("/?token=%61%2Bb%3d", "a+b="),
        ("/?%74oken=t", "t"),
        ("/?token=a=b", "a=b"),
    ] {
        assert_eq!(look(&query("token"), uri, &[]), found(value, Carrier::Query), "{uri}");
    }
}

#[test]
fn query_that_is_empty_or_not_visible_ascii_is_malformed() {
    for uri in ["/?token", "/?token=", "/?token=a+b", "/?token=a%20b", "/?token=%00", "/?token=%ff", "/?token=%C3%A9"] {
        assert_eq!(look(&query("token"), uri, &[]), Look::Malformed(Carrier::Query), "{uri}");
    }
}

#[test]
fn repeated_query_parameter_is_malformed() {
    for uri in ["/?token=a&token=a", "/?token=a&token=b", "/?token=a&%74oken=b", "/?token=a&token"] {
        assert_eq!(look(&query("token"), uri, &[]), Look::Malformed(Carrier::Query), "{uri}");
    }
}

fn cookies(lines: &[&str]) -> Look {
    let lines: Vec<(&str, &[u8])> = lines.iter().map(|line| ("cookie", line.as_bytes())).collect();
    look(&cookie("jwt"), "/", &lines)
}

#[test]
fn cookie_that_is_absent_or_empty_gives_nothing() {
    for line in ["", "a=b", "jwt", "jwt=", "jwt=\"\"", "xjwt=t", "jwt2=t", "JWT=t", "a=jwt=t", ";;"] {
        assert_eq!(cookies(&[line]), Look::Nothing, "{line:?}");
    }
    assert_eq!(cookies(&[]), Look::Nothing);
}

#[test]
fn cookie_is_found_among_others() {
    for line in ["jwt=t", "a=b; jwt=t", "jwt=t; a=b", "a=b;jwt=t;c", " jwt=t ", "a=\"; jwt=t"] {
        assert_eq!(cookies(&[line]), found("t", Carrier::Cookie), "{line:?}");
    }
    assert_eq!(cookies(&["jwt=a=b=="]), found("a=b==", Carrier::Cookie));
}

#[test]
fn cookie_loses_the_quotes_around_its_value_and_no_others() {
    assert_eq!(cookies(&["jwt=\"t\""]), found("t", Carrier::Cookie));
    assert_eq!(cookies(&["jwt=\"t"]), found("\"t", Carrier::Cookie));
    assert_eq!(cookies(&["jwt=\""]), found("\"", Carrier::Cookie));
}

#[test]
fn cookies_split_over_header_lines_are_read_as_one() {
    assert_eq!(cookies(&["a=b", "jwt=t", "c=d"]), found("t", Carrier::Cookie));
}

#[test]
fn cookie_planted_beside_another_of_its_name_is_malformed() {
    for lines in [&["jwt=t; jwt=u"] as &[&str], &["jwt=t", "jwt=u"], &["jwt=t; jwt="], &["jwt=; jwt=t"]] {
        assert_eq!(cookies(lines), Look::Malformed(Carrier::Cookie), "{lines:?}");
    }
}

#[test]
fn cookie_sent_twice_with_one_value_is_one_cookie() {
    assert_eq!(cookies(&["jwt=t; jwt=t"]), found("t", Carrier::Cookie));
    assert_eq!(cookies(&["jwt=t", "jwt=\"t\""]), found("t", Carrier::Cookie));
}

#[test]
fn cookie_beyond_visible_ascii_is_malformed() {
    assert_eq!(cookies(&["jwt=a b"]), Look::Malformed(Carrier::Cookie));
    assert_eq!(cookies(&["jwt=é"]), Look::Malformed(Carrier::Cookie));
    assert_eq!(look(&cookie("jwt"), "/", &[("cookie", b"jwt=\xff")]), Look::Malformed(Carrier::Cookie));
    // A broken cookie with another name does not matter.
    assert_eq!(look(&cookie("jwt"), "/", &[("cookie", b"x=\xff; jwt=t")]), found("t", Carrier::Cookie));
}

fn protocols(extractor: &impl Extractor, lines: &[&str]) -> Look {
    let lines: Vec<(&str, &[u8])> = lines.iter().map(|line| ("sec-websocket-protocol", line.as_bytes())).collect();
    look(extractor, "/", &lines)
}

fn encoded(token: &str) -> String {
    format!("auth.bearer.{}", URL_SAFE_NO_PAD.encode(token))
}

const BROKEN_SUBPROTOCOL: Look = Look::Malformed(Carrier::Subprotocol);

#[test]
fn subprotocol_that_is_absent_gives_nothing() {
    for line in ["", "auth.v1", "chat, superchat", "Auth.Bearer.dA, auth.v1", "auth.bearer, auth.v1"] {
        assert_eq!(protocols(&subprotocol("auth.bearer."), &[line]), Look::Nothing, "{line:?}");
    }
    assert_eq!(protocols(&subprotocol("auth.bearer."), &[]), Look::Nothing);
}

#[test]
fn subprotocol_at_any_position_gives_the_decoded_token() {
    let token = encoded("a.b.c");
    for lines in [
        vec![format!("{token}, auth.v1")],
        vec![format!("auth.v1,{token}")],
        vec!["auth.v1".to_owned(), token.clone()],
        vec![format!("auth.v1 ,\t{token} ,, chat")],
    ] {
        let lines: Vec<_> = lines.iter().map(String::as_str).collect();
        assert_eq!(protocols(&subprotocol("auth.bearer."), &lines), found("a.b.c", Carrier::Subprotocol), "{lines:?}");
    }
}

#[test]
fn subprotocol_is_read_only_in_handshakes() {
    let line = format!("{}, auth.v1", encoded("t"));
    let head = head("/", &[("sec-websocket-protocol", line.as_bytes())]);
    for transport in [Transport::Http, Transport::SocketIo, Transport::InBand] {
        let request = AuthRequest::new(&head, transport, now());
        assert_eq!(look_at(&subprotocol("auth.bearer."), &request), Look::Nothing, "{transport:?}");
    }
}

#[test]
fn subprotocol_without_another_beside_it_is_malformed() {
    let token = encoded("t");
    for lines in [&[token.as_str()] as &[&str], &[&token, ""], &[&format!(",{token} ,")]] {
        assert_eq!(protocols(&subprotocol("auth.bearer."), lines), BROKEN_SUBPROTOCOL, "{lines:?}");
    }
}

#[test]
fn repeated_subprotocol_token_is_malformed() {
    let token = encoded("t");
    let line = format!("{token}, auth.v1, {token}");
    assert_eq!(protocols(&subprotocol("auth.bearer."), &[&line]), BROKEN_SUBPROTOCOL);
}

#[test]
fn subprotocol_that_does_not_decode_to_visible_ascii_is_malformed() {
    let blank = encoded("a b");
    let not_utf8 = format!("auth.bearer.{}", URL_SAFE_NO_PAD.encode(b"\xff\xfe"));
    for entry in [
        "auth.bearer.",
        "auth.bearer.d",
        "auth.bearer.dA==",
        "auth.bearer.dB",
        "auth.bearer.d+",
        "auth.bearer.a b",
        &blank,
        &not_utf8,
    ] {
        let line = format!("{entry}, auth.v1");
        assert_eq!(protocols(&subprotocol("auth.bearer."), &[&line]), BROKEN_SUBPROTOCOL, "{entry:?}");
    }
    let headers: [(&str, &[u8]); 1] = [("sec-websocket-protocol", b"auth.bearer.\xff, auth.v1")];
    assert_eq!(look(&subprotocol("auth.bearer."), "/", &headers), BROKEN_SUBPROTOCOL);
}

#[test]
fn subprotocol_token_of_4_kib_is_taken_and_one_byte_more_is_malformed() {
    let line = |len| format!("auth.v1, {}", encoded(&"t".repeat(len)));
    let raw = |len| format!("auth.v1, auth.bearer.{}", "t".repeat(len));
    for extra in [0, 1, 2, 3, 4, 400_000] {
        let len = 4096 + extra;
        let expected = || if extra == 0 { found(&"t".repeat(len), Carrier::Subprotocol) } else { BROKEN_SUBPROTOCOL };
        assert_eq!(protocols(&subprotocol("auth.bearer."), &[&line(len)]), expected());
        assert_eq!(protocols(&raw_subprotocol("auth.bearer."), &[&raw(len)]), expected());
    }
}

#[test]
fn subprotocol_limit_is_settable() {
    for len in 1..=12 {
        let extractor = subprotocol("auth.bearer.").max_len(len);
        let line = |len| format!("auth.v1, {}", encoded(&"t".repeat(len)));
        assert_eq!(protocols(&extractor, &[&line(len)]), found(&"t".repeat(len), Carrier::Subprotocol));
        assert_eq!(protocols(&extractor, &[&line(len + 1)]), BROKEN_SUBPROTOCOL);
    }
}

#[test]
fn raw_subprotocol_gives_the_token_unchanged() {
    let raw = raw_subprotocol("jwt.");
    assert_eq!(protocols(&raw, &["chat, jwt.a.b.c"]), found("a.b.c", Carrier::Subprotocol));
    for line in ["chat, jwt.", "chat, jwt.a b", "jwt.t"] {
        assert_eq!(protocols(&raw, &[line]), BROKEN_SUBPROTOCOL, "{line:?}");
    }
}

fn field(payload: Option<&Payload>) -> Look {
    let head = head("/", &[]);
    let request = AuthRequest::new(&head, Transport::Http, now());
    look_at(
        &payload_field("access_token"),
        &payload.map_or(request, |p| AuthRequest::with_payload(AuthRequest::new(&head, Transport::Http, now()), p)),
    )
}

fn payload(fields: &[(&str, Option<&str>)]) -> Payload {
    let mut payload = Payload::new();
    for &(name, value) in fields {
        match value {
            Some(text) => payload.push_text(name, text),
            None => payload.push_other(name),
        }
    }
    payload
}

#[test]
fn payload_field_that_is_absent_gives_nothing() {
    assert_eq!(field(None), Look::Nothing);
    assert_eq!(field(Some(&Payload::new())), Look::Nothing);
    assert_eq!(field(Some(&payload(&[("token", Some("t")), ("Access_token", None)]))), Look::Nothing);
}

#[test]
fn payload_field_gives_its_text() {
    let payload = payload(&[("user", Some("u")), ("access_token", Some("a.b.c")), ("n", None)]);
    assert_eq!(field(Some(&payload)), found("a.b.c", Carrier::Payload));
}

#[test]
fn payload_field_must_be_one_text_of_visible_ascii() {
    let name = "access_token";
    for fields in [
        &[(name, Some(""))] as &[(&str, Option<&str>)],
        &[(name, Some("a b"))],
        &[(name, Some("é"))],
        &[(name, Some("a\n"))],
        &[(name, None)],
        &[(name, Some("t")), (name, Some("t"))],
        &[(name, Some("t")), (name, None)],
    ] {
        assert_eq!(field(Some(&payload(fields))), Look::Malformed(Carrier::Payload), "{fields:?}");
    }
}

#[test]
fn payload_field_that_is_null_is_malformed() {
    let mut payload = Payload::new();
    payload.push_null("access_token");
    assert_eq!(field(Some(&payload)), Look::Malformed(Carrier::Payload));
}

#[test]
fn payload_field_reads_the_auth_object_and_keeps_a_scheme() {
    let head = head("/", &[]);
    for (text, look) in [("a.b.c", found("a.b.c", Carrier::Payload)), ("Bearer t", Look::Malformed(Carrier::Payload))] {
        let payload = payload(&[("token", Some(text))]);
        let request = AuthRequest::new(&head, Transport::SocketIo, now()).with_payload(&payload);
        assert_eq!(look_at(&payload_field("token"), &request), look, "{text}");
    }
}

fn in_auth(transport: Transport, payload: Option<&Payload>) -> Look {
    let head = head("/", &[]);
    let request = AuthRequest::new(&head, transport, now());
    look_at(
        &socketio_auth("token"),
        &payload.map_or(request, |p| AuthRequest::new(&head, transport, now()).with_payload(p)),
    )
}

/// The result at `CONNECT`, which must equal the one in a refresh.
fn auth(payload: Option<&Payload>) -> Look {
    let connect = in_auth(Transport::SocketIo, payload);
    assert_eq!(connect, in_auth(Transport::InBand, payload));
    connect
}

#[test]
fn socketio_auth_gives_the_text_of_its_field() {
    let payload = payload(&[("room", Some("r")), ("token", Some("a.b.c")), ("n", None)]);
    assert_eq!(auth(Some(&payload)), found("a.b.c", Carrier::Payload));
}

#[test]
fn socketio_auth_that_is_absent_null_or_empty_gives_nothing() {
    assert_eq!(auth(None), Look::Nothing);
    assert_eq!(auth(Some(&Payload::new())), Look::Nothing);
    assert_eq!(auth(Some(&payload(&[("room", Some("r")), ("Token", None)]))), Look::Nothing);
    assert_eq!(auth(Some(&payload(&[("token", Some(""))]))), Look::Nothing);
    let mut null = Payload::new();
    null.push_null("token");
    assert_eq!(auth(Some(&null)), Look::Nothing);
}

#[test]
fn socketio_auth_is_read_only_over_socket_io_and_reads_no_body() {
    for fields in [&[("token", Some("t"))] as &[_], &[("token", None)], &[("token", Some("t")), ("token", Some("t"))]] {
        let payload = payload(fields);
        for transport in [Transport::Http, Transport::WebSocket] {
            assert_eq!(in_auth(transport, Some(&payload)), Look::Nothing, "{transport:?} {fields:?}");
        }
    }
    assert!(!Needs::of(&bearer().or(socketio_auth("token"))).payload());
}

#[test]
fn socketio_auth_removes_the_scheme_before_the_token() {
    for text in ["Bearer t", "bearer t", "BEARER   t", "bEaReR t"] {
        assert_eq!(auth(Some(&payload(&[("token", Some(text))]))), found("t", Carrier::Payload), "{text:?}");
    }
    // Without a blank after it, it is part of the token. It is removed only once.
    assert_eq!(auth(Some(&payload(&[("token", Some("Bearer.t"))]))), found("Bearer.t", Carrier::Payload));
    assert_eq!(auth(Some(&payload(&[("token", Some("Bearer bearer"))]))), found("bearer", Carrier::Payload));
}

#[test]
fn socketio_auth_must_be_one_text_with_a_token() {
    let name = "token";
    for fields in [
        &[(name, None)] as &[(&str, Option<&str>)],
        &[(name, Some("t")), (name, Some("t"))],
        &[(name, Some("")), (name, Some("t"))],
        &[(name, Some("t")), (name, None)],
        &[(name, Some("a b"))],
        &[(name, Some("é"))],
        &[(name, Some("Bearé t"))],
        &[(name, Some(" "))],
        &[(name, Some(" t"))],
        &[(name, Some("t "))],
        &[(name, Some("Bearer"))],
        &[(name, Some("bearer "))],
        &[(name, Some("Bearer   "))],
        &[(name, Some("Bearer\tt"))],
        &[(name, Some("Bearer \tt"))],
        &[(name, Some("Bearer t "))],
        &[(name, Some("Bearer Bearer t"))],
        &[(name, Some("Basic t"))],
    ] {
        assert_eq!(auth(Some(&payload(fields))), Look::Malformed(Carrier::Payload), "{fields:?}");
    }
    let mut null = payload(&[(name, Some("t"))]);
    null.push_null(name);
    assert_eq!(auth(Some(&null)), Look::Malformed(Carrier::Payload));
}

#[test]
fn closure_gives_its_text_with_the_named_carrier() {
    let find = |carrier| from_fn(carrier, |request| request.parts().extensions.get::<Secret>().cloned());
    assert_eq!(look(&find(Carrier::Cookie), "/", &[]), Look::Nothing);
    let mut head = head("/", &[]);
    head.extensions.insert(Secret::new("from the proxy"));
    let request = AuthRequest::new(&head, Transport::Http, now());
    assert_eq!(look_at(&find(Carrier::Cookie), &request), found("from the proxy", Carrier::Cookie));
}

/// Every extractor, with its challenge from the table of the module `extract`.
fn every_extractor() -> Vec<(Box<dyn Extractor>, &'static str)> {
    vec![
        (Box::new(bearer()), "Bearer"),
        (Box::new(auth_scheme("Token")), "Token"),
        (Box::new(header("X-Api-Key")), r#"ApiKey in="header", name="x-api-key""#),
        (Box::new(query("access_token")), "Bearer"),
        (Box::new(query("token")), r#"ApiKey in="query", name="token""#),
        (Box::new(payload_field("access_token")), "Bearer"),
        (Box::new(payload_field("token")), r#"ApiKey in="body", name="token""#),
        (Box::new(subprotocol("auth.bearer.")), r#"ApiKey in="subprotocol", name="auth.bearer.""#),
        (Box::new(raw_subprotocol("jwt.")), r#"ApiKey in="subprotocol", name="jwt.""#),
        (Box::new(subprotocol_after("bearer")), r#"ApiKey in="subprotocol", name="bearer""#),
        (Box::new(jupyter_subprotocol()), r#"ApiKey in="subprotocol", name="v1.token.websocket.jupyter.org.""#),
        (Box::new(socketio_auth("token")), r#"ApiKey in="auth", name="token""#),
        (Box::new(cookie("jwt")), ""),
        (Box::new(from_fn(Carrier::Header, |_| None)), r#"ApiKey in="header""#),
        (Box::new(from_fn(Carrier::Subprotocol, |_| None)), r#"ApiKey in="subprotocol""#),
        (Box::new(from_fn(Carrier::Query, |_| None)), r#"ApiKey in="query""#),
        (Box::new(from_fn(Carrier::Payload, |_| None)), r#"ApiKey in="body""#),
        (Box::new(from_fn(Carrier::Ticket, |_| None)), r#"ApiKey in="ticket""#),
        (Box::new(from_fn(Carrier::Cookie, |_| None)), ""),
        (Box::new(from_fn(Carrier::ClientCertificate, |_| None)), ""),
        (Box::new(from_fn(Carrier::Cookie, |_| None).challenge(Challenge::new("Session"))), "Session"),
    ]
}

fn challenges(extractor: &impl Extractor) -> String {
    let mut challenges = Vec::new();
    extractor.challenges(&mut challenges);
    challenges.iter().map(ToString::to_string).collect::<Vec<_>>().join(" + ")
}

#[test]
fn every_place_has_its_challenge() {
    let documented = include_str!("../../src/extract/mod.rs");
    for (extractor, expected) in every_extractor() {
        assert_eq!(challenges(&extractor), expected);
        if let Some((place, _)) = expected.split_once(", name=") {
            assert!(documented.contains(place), "{expected}");
        }
    }
}

#[test]
fn every_extractor_function_is_in_the_table_of_challenges() {
    let source = include_str!("../../src/extract/mod.rs");
    let table = source.split("//! # Challenges").nth(1).unwrap().split("\n\n").next().unwrap();
    let exported = source.split("pub use self::{").nth(1).unwrap().split("};").next().unwrap();
    let groups = exported.split('{').skip(1).map(|group| group.split('}').next().unwrap());
    let functions = groups
        .flat_map(|group| group.split(',').map(str::trim))
        .filter(|name| name.starts_with(|c: char| c.is_ascii_lowercase()) && !name.starts_with("try_"));
    let mut seen = 0;
    for function in functions {
        assert!(table.contains(&format!("[`{function}`]")), "{function}");
        seen += 1;
    }
    assert_eq!(seen, 12, "the list is read");
}

#[test]
fn place_of_last_resort_is_not_named_beside_a_better_one() {
    let api_key = r#"ApiKey in="header", name="x-api-key""#;
    for (extractor, expected) in [
        (
            bearer().or(query("token")).or(subprotocol("p.")).or(payload_field("t")).or(socketio_auth("t")),
            "Bearer".to_owned(),
        ),
        (auth_scheme("Token").or(cookie("jwt")).or(query("access_token")), "Token + Bearer".to_owned()),
        (bearer().or(header("x-api-key")).or(header("x-api-key")), format!("Bearer + {api_key}")),
        (header("x-api-key").or(query("key")), api_key.to_owned()),
        (
            query("key").or(cookie("key")).or(subprotocol_after("bearer")),
            r#"ApiKey in="query", name="key" + ApiKey in="subprotocol", name="bearer""#.to_owned(),
        ),
    ] {
        assert_eq!(challenges(&extractor), expected);
    }
}

/// Each function that takes a name, as its fallible twin.
type Twin = fn(String) -> Result<Box<dyn Extractor>, ConfigError>;

const TWINS: [(&str, Twin, &str); 9] = [
    ("auth_scheme", |name| try_auth_scheme(name).map(|e| Box::new(e) as _), "Token"),
    ("header", |name| try_header(name).map(|e| Box::new(e) as _), "X-Api-Key"),
    ("cookie", |name| try_cookie(name).map(|e| Box::new(e) as _), "__Host-jwt"),
    ("query", |name| try_query(name).map(|e| Box::new(e) as _), "my token"),
    ("payload_field", |name| try_payload_field(name).map(|e| Box::new(e) as _), "my token"),
    ("socketio_auth", |name| try_socketio_auth(name).map(|e| Box::new(e) as _), "my token"),
    ("subprotocol", |name| try_subprotocol(name).map(|e| Box::new(e) as _), "auth.bearer."),
    ("raw_subprotocol", |name| try_raw_subprotocol(name).map(|e| Box::new(e) as _), "jwt."),
    ("subprotocol_after", |name| try_subprotocol_after(name).map(|e| Box::new(e) as _), "bearer"),
];

#[test]
fn configured_name_is_accepted_or_is_an_error_that_shows_it() {
    let source = include_str!("../../src/extract/mod.rs");
    assert_eq!(source.matches(" try_").count(), TWINS.len(), "a new twin belongs into the table");
    for (function, twin, good) in TWINS {
        assert!(twin(good.to_owned()).is_ok(), "{function}");
        assert!(twin(String::new()).is_err(), "{function}");
        if !good.contains(' ') {
            for bad in ["to ken", "a,b", "a\r\nb", "Größe", "a=b", "a;b"] {
                let error =
                    twin(bad.to_owned()).err().unwrap_or_else(|| panic!("{function} takes {bad:?}")).to_string();
                assert!(error.contains("must be a token") && error.contains(&format!("{bad:?}")), "{error}");
            }
        }
    }
    assert!(try_header("x".repeat(70_000)).is_err());
    // Browsers send it by themselves, so it would count as sent on purpose.
    for name in ["cookie", "Cookie", "COOKIE"] {
        assert!(try_header(name).is_err(), "{name}");
    }
}

#[test]
fn constant_that_is_not_a_name_panics() {
    let panics: [(&str, fn()); 9] = [
        ("auth_scheme", || drop(auth_scheme("To ken"))),
        ("header", || drop(header("x api key"))),
        ("cookie", || drop(cookie("j wt"))),
        ("query", || drop(query(""))),
        ("payload_field", || drop(payload_field(""))),
        ("socketio_auth", || drop(socketio_auth(""))),
        ("subprotocol", || drop(subprotocol("a b"))),
        ("raw_subprotocol", || drop(raw_subprotocol("a b"))),
        ("subprotocol_after", || drop(subprotocol_after("a b"))),
    ];
    for (function, make) in panics {
        assert!(std::panic::catch_unwind(make).is_err(), "{function}");
    }
}

#[test]
fn places_with_a_secret_say_what_to_take_out() {
    let mut needs = Needs::default();
    bearer().or(cookie("jwt")).or(header("x-api-key")).or(from_fn(Carrier::Header, |_| None)).needs(&mut needs);
    assert!(!needs.payload() && needs.query_names().is_empty() && needs.subprotocol_prefixes().is_empty());
    let boxed: Box<dyn Extractor> = Box::new(subprotocol("auth.bearer.").or(raw_subprotocol("jwt.")));
    boxed.or(query("token")).or(payload_field("token")).needs(&mut needs);
    assert!(needs.payload());
    assert_eq!(needs.query_names(), ["token"]);
    assert_eq!(needs.subprotocol_prefixes(), ["auth.bearer.", "jwt."]);
}

#[test]
fn needs_of_two_strategies_are_merged() {
    let (payload, header) = (|| Needs::of(&payload_field("token")), || Needs::of(&header("x-api-key")));
    for (mut first, second) in [(payload(), header()), (header(), payload()), (payload(), payload())] {
        first.merge(second);
        assert!(first.payload());
    }
    let mut neither = header();
    neither.merge(header());
    assert!(!neither.payload());
}

#[test]
fn needs_of_an_extractor_are_complete() {
    let all = header("x-api-key").or(query("token")).or(subprotocol("auth.bearer.")).or(payload_field("token"));
    let boxed: Box<dyn Extractor> = Box::new(header("x-api-key").or(query("token")));
    let (all, dynamic, none) = (Needs::of(&all), Needs::of(&*boxed), Needs::of(&bearer()));
    assert_eq!(all.header_names(), ["x-api-key"]);
    assert_eq!(all.query_names(), ["token"]);
    assert_eq!(all.subprotocol_prefixes(), ["auth.bearer."]);
    assert!(all.payload());
    assert_eq!(dynamic.header_names(), ["x-api-key"]);
    assert!(!dynamic.payload() && none.header_names().is_empty() && none.query_names().is_empty());
}

fn protocol(extractor: &impl Extractor, lines: &[&str]) -> Look {
    let headers: Vec<_> = lines.iter().map(|line| ("sec-websocket-protocol", line.as_bytes())).collect();
    look(extractor, "/", &headers)
}

#[test]
fn token_is_the_subprotocol_that_follows_the_word() {
    let pair = subprotocol_after("bearer").max_len(8);
    let token = || found("a.b-c_d", Carrier::Subprotocol);
    for (lines, expected) in [
        (&["bearer, a.b-c_d"][..], token()),
        (&["chat,bearer,a.b-c_d,v2"], token()),
        (&["bearer", "a.b-c_d"], token()),
        (&["bearer, , a.b-c_d"], token()),
        (&["bearer, 12345678"], found("12345678", Carrier::Subprotocol)),
        (&[], Look::Nothing),
        (&["chat, a.b-c_d"], Look::Nothing),
        (&["Bearer, a.b-c_d"], Look::Nothing),
        (&["bearer2, a.b-c_d", "xbearer"], Look::Nothing),
        (&["bearer"], Look::Malformed(Carrier::Subprotocol)),
        (&["a.b-c_d, bearer"], Look::Malformed(Carrier::Subprotocol)),
        (&["bearer, a, bearer, b"], Look::Malformed(Carrier::Subprotocol)),
        (&["bearer, bearer"], Look::Malformed(Carrier::Subprotocol)),
        (&["bearer, a b"], Look::Malformed(Carrier::Subprotocol)),
        (&["bearer, 123456789"], Look::Malformed(Carrier::Subprotocol)),
    ] {
        assert_eq!(protocol(&pair, lines), expected, "{lines:?}");
    }
    assert_eq!(protocol(&subprotocol_after("bearer"), &[&format!("bearer, {}", "x".repeat(4096))]), {
        found(&"x".repeat(4096), Carrier::Subprotocol)
    });
    let plain = head("/", &[("sec-websocket-protocol", b"bearer, t")]);
    assert_eq!(look_at(&pair, &AuthRequest::new(&plain, Transport::Http, now())), Look::Nothing);
}

#[test]
fn token_of_jupyter_is_percent_encoded_beside_a_plain_name() {
    let jupyter = jupyter_subprotocol().max_len(8);
    let name = "v1.token.websocket.jupyter.org";
    let broken = || Look::Malformed(Carrier::Subprotocol);
    for (entry, expected) in [
        ("abc", found("abc", Carrier::Subprotocol)),
        ("a%2Fb%3d%3D", found("a/b==", Carrier::Subprotocol)),
        ("%31%32%33%34%35%36%37%38", found("12345678", Carrier::Subprotocol)),
        ("123456789", broken()),
        ("%31%32%33%34%35%36%37%38%39", broken()),
        ("", broken()),
        ("a%2", broken()),
        ("a%", broken()),
        ("a%+1", broken()),
        ("a%2g", broken()),
        ("a%20b", broken()),
        ("a%00", broken()),
        ("%FF", broken()),
    ] {
        assert_eq!(protocol(&jupyter, &[&format!("{name}, {name}.{entry}")]), expected, "{entry}");
    }
    assert_eq!(protocol(&jupyter, &["v1.kernel.websocket.jupyter.org", name]), Look::Nothing);
    assert_eq!(protocol(&jupyter, &[&format!("{name}.abc")]), broken(), "alone");
    let needs = Needs::of(&jupyter.or(subprotocol_after("bearer")));
    assert_eq!(needs.subprotocol_answers(), [name, "bearer"]);
    assert_eq!(needs.subprotocol_words(), ["bearer"]);
}

#[test]
fn malformed_credential_is_rejected_with_400() {
    use auth_core::{Outcome, extract::Malformed};
    let malformed = Malformed::new(Carrier::Header, "the header is repeated");
    assert_eq!(malformed.to_string(), "the header is repeated");
    assert!(matches!(Outcome::<String>::from(malformed), Outcome::Reject(rejection) if rejection.status() == 400));
}
