//! Every refusal is one log line that says why and holds no credential.

use std::{path::Path, time::Duration};

use auth_core::{
    BoxError, Chain, ManualClock, async_trait,
    extract::{Extractor as _, bearer, cookie, payload_field, query},
};
use axum::{Router, body::Body, routing::any};
use test_support::code::sources;
use ws_adapter::{
    Attempt, AttemptLimiter, AttemptPlace, AuthLayer, Bodies, Connections, FirstMessageLayer, GraphqlTransportWs,
    Overflow, Read, Sockets, require_scope,
};

use crate::{
    common::{everything, refusals},
    support::*,
};

/// A refusal, and the log line that it must leave.
struct Case {
    level: &'static str,
    code: &'static str,
    strategy: &'static str,
    transport: &'static str,
    status: u16,
    /// A part of the detail; empty if it has none.
    detail: &'static str,
}

const fn case(level: &'static str, code: &'static str, status: u16, transport: &'static str) -> Case {
    Case { level, code, strategy: "", transport, status, detail: "" }
}

impl Case {
    const fn by(self, strategy: &'static str) -> Self {
        Self { strategy, ..self }
    }

    const fn says(self, detail: &'static str) -> Self {
        Self { detail, ..self }
    }

    fn assert_is(&self, lines: &[String]) {
        let [line] = lines else { panic!("{} is one line: {lines:?}", self.code) };
        let Self { level, code, strategy, transport, status, detail } = self;
        let transport = if transport.is_empty() { String::new() } else { format!(" transport={transport}") };
        let fields = format!("code=\"{code}\" strategy=\"{strategy}\"{transport} status={status}");
        assert!(line.starts_with(level) && line.contains(&fields) && line.contains(detail), "{fields}: {line}");
    }
}

type Ws<'a> = &'a [(&'a str, &'a str)];

fn everywhere() -> Chain<User> {
    Chain::new().or(jwt_from(bearer().or(payload_field("token")).or(cookie("jwt"))))
}

fn routes<M: Bodies<Body>>(layer: AuthLayer<User, M>) -> Router {
    let scoped = Router::new().route("/scoped", any(me)).layer(require_scope::<User>("chat:write"));
    let other = Router::new().route("/other", any(me)).layer(require_scope::<String>("chat:write"));
    Router::new().route("/me", any(me)).route("/ws", any(echo)).merge(scoped).merge(other).layer(layer)
}

const ORIGIN: &str = "the origin `https://evil.example` is not allowed; allowed are `https://app.example`, \
                      `https://*.preview.example`";
const HANDSHAKES: [(&str, Ws<'_>, Case); 8] = [
    ("ann", &[("origin", "https://evil.example")], case("INFO", "origin_not_allowed", 403, "WebSocket").says(ORIGIN)),
    ("cookie", &[], case("INFO", "origin_required", 403, "WebSocket").says("does not name its origin")),
    ("late", &[], case("INFO", "token_expired", 401, "WebSocket").says("leeway")),
    ("expired", &[], case("INFO", "token_expired", 401, "WebSocket").by("jwt")),
    ("", &[], case("DEBUG", "missing_credentials", 401, "WebSocket")),
    ("broken", &[], case("ERROR", "unavailable", 503, "WebSocket").by("jwt").says("the store is down")),
    ("stuck", &[], case("ERROR", "unavailable", 503, "WebSocket").says("took too long")),
    ("panic", &[], case("ERROR", "internal_error", 500, "WebSocket").says("the callback panics")),
];

#[tokio::test]
async fn every_refused_handshake_is_one_line() {
    let layer = reading(everywhere()).decision_timeout(Duration::from_millis(300));
    let layer = layer.allow_origins(["https://app.example", "https://*.preview.example"]).unwrap();
    for (who, headers, expected) in &HANDSHAKES {
        let credential = match *who {
            "" => None,
            "cookie" => Some(("cookie", format!("jwt={}", token("ann", 60)))),
            "late" => Some(("authorization", format!("Bearer {}", token("ann", -1)))),
            "expired" => Some(("authorization", format!("Bearer {}", token("ann", -100)))),
            name => Some(("authorization", bearer_of(name))),
        };
        let server = Server::start(routes(layer.clone())).await;
        let (log, _guard) = everything();
        let credential = credential.as_ref().map(|(name, value)| (*name, value.as_str()));
        let headers: Vec<_> = headers.iter().copied().chain(credential).collect();
        assert!(server.refused(&headers).await.is(expected.status, expected.code), "{who}");
        expected.assert_is(&refusals(&log));
        if let Some((_, value)) = credential {
            let secret = value.rsplit(['.', '=']).next().unwrap();
            assert!(!log.text().contains(secret), "{who}");
        }
    }
}

#[tokio::test]
async fn every_refused_request_is_one_line() {
    let json = ("content-type", "application/json");
    let (ann, late) = (bearer_of("ann"), "x".repeat(20 * 1024));
    let ann = ("authorization", ann.as_str());
    let cases: [(&str, Ws<'_>, &str, Case); 9] = [
        (
            "/me",
            &[("authorization", "Bearer eyJhbGciOiJIUzI1NiJ9.b.c")],
            "",
            case("INFO", "invalid_credentials", 401, "Http").by("jwt"),
        ),
        ("/me", &[("authorization", "Bearer")], "", case("INFO", "invalid_request", 400, "Http").by("jwt")),
        (
            "/me",
            &[("authorization", "Bearer opaque")],
            "",
            case("INFO", "invalid_credentials", 401, "Http").says("the credential is not recognized by jwt"),
        ),
        ("/me", &[json], "{", case("INFO", "invalid_body", 400, "Http")),
        ("/me", &[json], &late, case("INFO", "payload_too_large", 413, "Http")),
        ("/scoped", &[ann], "", case("INFO", "insufficient_scope", 403, "Http").by("jwt")),
        (
            "/other",
            &[ann],
            "",
            case("ERROR", "internal_error", 500, "Http").says("no `AuthLayer` whose chain gives users of the type"),
        ),
        ("/ws", &[ann], "", case("INFO", "no_websocket_handshake", 400, "WebSocket")),
        ("/me", &[], "", case("DEBUG", "missing_credentials", 401, "Http")),
    ];
    for (path, headers, body, expected) in cases {
        let server = Server::start(routes(reading(everywhere()))).await;
        let (log, _guard) = everything();
        let answer = server.send(reqwest::Method::GET, path, headers, body.to_owned()).await;
        assert!(answer.is(expected.status, expected.code), "{path}: {answer:?}");
        expected.assert_is(&refusals(&log));
    }
}

#[tokio::test]
async fn body_that_does_not_come_is_one_line() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let server = Server::start(routes(reading(everywhere()).payload_timeout(Duration::from_millis(50)))).await;
    let (log, _guard) = everything();
    let mut stream = tokio::net::TcpStream::connect(server.addr).await.unwrap();
    let head = "POST /me HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    case("INFO", "request_timeout", 408, "Http").assert_is(&refusals(&log));
}

#[tokio::test]
async fn broken_handshake_is_one_line() {
    for (name, value, expected) in [
        ("sec-websocket-version", "12", case("INFO", "websocket_version", 426, "WebSocket")),
        ("sec-websocket-key", "short", case("INFO", "websocket_key", 400, "WebSocket")),
    ] {
        let server = Server::start(routes(reading(everywhere()))).await;
        let (log, _guard) = everything();
        let mut headers = [
            ("authorization", bearer_of("ann")),
            ("connection", "upgrade".to_owned()),
            ("upgrade", "websocket".to_owned()),
            ("sec-websocket-version", "13".to_owned()),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==".to_owned()),
        ];
        headers.iter_mut().filter(|(other, _)| *other == name).for_each(|header| header.1 = value.to_owned());
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(server.get("/ws", &headers).await.status, expected.status);
        expected.assert_is(&refusals(&log));
    }
}

#[tokio::test]
async fn too_many_connections_is_one_line() {
    let connections = Connections::new().per_user(0, Overflow::RejectNew);
    let server = Server::start(routes(reading(everywhere()).sockets(Sockets::new().connections(&connections)))).await;
    let (log, _guard) = everything();
    assert_eq!(server.refused(&[("authorization", &bearer_of("ann"))]).await.status, 429);
    case("INFO", "too_many_connections", 429, "WebSocket").assert_is(&refusals(&log));
}

#[tokio::test]
async fn refusal_by_a_handler_behind_an_optional_layer_is_one_line() {
    let server = Server::start(app(reading(everywhere()).allow_anonymous())).await;
    let (log, _guard) = everything();
    assert_eq!(server.get("/me", &[]).await.status, 401);
    case("DEBUG", "missing_credentials", 401, "Http").assert_is(&refusals(&log));
}

/// What a client sends over an open socket, and what is logged.
#[tokio::test]
async fn every_refusal_over_an_open_socket_is_one_line() {
    let expired = presented(&token("ann", -100));
    let (other, broken) = (presented(&token("bob", 60)), presented(&token("broken", 60)));
    for (message, expected) in [
        (&*presented("eyJhbGciOiJIUzI1NiJ9.b.c"), case("INFO", "invalid_credentials", 401, "InBand").by("jwt")),
        (&*expired, case("INFO", "token_expired", 401, "InBand").by("jwt")),
        (&*other, case("INFO", "invalid_credentials", 401, "InBand").by("jwt").says("another user")),
        (&*broken, case("ERROR", "unavailable", 503, "InBand").by("jwt")),
        (r#"{"type":"auth"}"#, case("INFO", "invalid_request", 400, "InBand").says("no credential")),
    ] {
        let server = Server::start(routes(reading(everywhere()))).await;
        let headers = [("authorization", bearer_of("ann")), ("sec-websocket-protocol", "auth.v1".to_owned())];
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        let (mut client, _) = server.connect("/ws", &headers).await.unwrap();
        let (log, _guard) = everything();
        client.send(message).await;
        assert_eq!(client.json().await["code"], expected.code);
        expected.assert_is(&refusals(&log));
    }
}

/// A limiter that allows no attempt.
struct Nothing;

#[async_trait]
impl AttemptLimiter for Nothing {
    async fn take(&self, _: &Attempt<'_>) -> Result<Option<Box<dyn AttemptPlace>>, BoxError> {
        Ok(None)
    }
}

#[tokio::test]
async fn too_many_attempts_is_one_line() {
    let connections = Connections::new().attempt_limiter(Nothing);
    let server = Server::start(routes(reading(everywhere()).sockets(Sockets::new().connections(&connections)))).await;
    let headers = [("authorization", bearer_of("ann")), ("sec-websocket-protocol", "auth.v1".to_owned())];
    let (mut client, _) =
        server.connect("/ws", &headers.each_ref().map(|(name, value)| (*name, value.as_str()))).await.unwrap();
    let (log, _guard) = everything();
    assert_eq!(client.present(&token("ann", 60)).await["code"], "too_many_attempts");
    case("INFO", "too_many_attempts", 429, "InBand").says("too many wrong credentials").assert_is(&refusals(&log));
}

fn first_message(clock: &ManualClock) -> FirstMessageLayer<User, Read> {
    AuthLayer::reading_bodies(everywhere()).timer(clock.clone()).first_message()
}

/// Ignores the chain's DEBUG line about the missing credential of the handshake.
#[tokio::test]
async fn every_refusal_of_a_first_message_is_one_line() {
    let long = "x".repeat(16 * 1024 + 1);
    for (message, close, expected) in [
        ("hello", "invalid_credentials", case("INFO", "invalid_credentials", 401, "InBand").says("no credential")),
        (
            &*presented("eyJhbGciOiJIUzI1NiJ9.b.c"),
            "invalid_credentials",
            case("INFO", "invalid_credentials", 401, "InBand").by("jwt"),
        ),
        (&*long, "too_big", case("INFO", "too_big", 413, "InBand").says("too long")),
        ("", "auth_timeout", case("INFO", "auth_timeout", 408, "InBand").says("in time")),
    ] {
        let clock = clock();
        let layer = first_message(&clock).max_message_size(64 * 1024);
        let server = Server::start(Router::new().route("/ws", any(echo)).layer(layer)).await;
        let (mut client, _) = server.connect("/ws", &[]).await.unwrap();
        let (log, _guard) = everything();
        if message.is_empty() {
            clock.advance(Duration::from_secs(10));
        } else {
            client.send(message).await;
        }
        assert_eq!(client.closed().await.unwrap().1, close);
        expected.assert_is(&refusals(&log));
    }
}

#[tokio::test]
async fn every_refusal_of_a_codec_is_one_line() {
    let message = case("INFO", "invalid_message", 400, "InBand").says("breaks the protocol");
    let subprotocol = case("INFO", "subprotocol_not_acceptable", 400, "InBand").says("none of the subprotocols");
    for (offered, expected) in [(Some("graphql-transport-ws"), message), (None, subprotocol)] {
        let layer = first_message(&clock()).codec(GraphqlTransportWs::new());
        let server = Server::start(Router::new().route("/ws", any(echo)).layer(layer)).await;
        let headers: Vec<_> = offered.iter().map(|offered| ("sec-websocket-protocol", *offered)).collect();
        let (log, _guard) = everything();
        let (mut client, _) = server.connect("/ws", &headers).await.unwrap();
        if offered.is_some() {
            client.send("hello").await;
        }
        assert_eq!(client.closed().await.unwrap().1, expected.code);
        // Leave out the chain's DEBUG line about the missing credential of the handshake.
        let lines: Vec<_> = refusals(&log).into_iter().filter(|line| !line.starts_with("DEBUG")).collect();
        expected.assert_is(&lines);
    }
}

#[tokio::test]
async fn logged_origins_are_escaped_and_shortened() {
    let many: Vec<_> = (0..11).map(|i| format!("https://app{i}.example")).collect();
    let many = reading(everywhere()).allow_origins(many.iter().map(String::as_str)).unwrap();
    let long = format!("https://{}.example", "a".repeat(5000));
    for (layer, origin, parts) in [
        (many.clone(), "https://evil.example", &["`https://app7.example` and 3 more"][..]),
        (many.clone(), "null", &["the origin `null` is not allowed"]),
        (many, &*long, &["aaaa` is not allowed"]),
        (reading(everywhere()), "https://evil.example\" level=\"x", &["not that of the host `127.0.0.1:"]),
        // The page's own origin looks like this behind a proxy that drops the port from `Host`.
        (reading(everywhere()), "https://127.0.0.1:1", &["`https://127.0.0.1:1` is not that of the host `127.0.0.1:"]),
    ] {
        let server = Server::start(routes(layer)).await;
        let (log, _guard) = everything();
        assert_eq!(server.refused(&[("origin", origin)]).await.code(), "origin_not_allowed");
        let lines = refusals(&log);
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].starts_with("INFO"), "{}", lines[0]);
        assert!(parts.iter().all(|part| lines[0].contains(part)), "{}", lines[0]);
        assert!(lines[0].len() < 1000 && !lines[0].contains("app8"), "{}", lines[0]);
    }
}

/// The codes of all refusals that the adapters make, with the test that shows the log line of each.
const CODES: [(&str, &str); 21] = [
    ("auth_timeout", "every_refusal_of_a_first_message_is_one_line"),
    ("bad_request", "socketio-adapter"),
    ("displaced", "displaced_connection_is_one_log_line_and_has_an_iana_code"),
    ("forbidden", "socketio-adapter"),
    ("internal_error", "every_refused_request_is_one_line"),
    ("invalid_body", "every_refused_request_is_one_line"),
    ("invalid_credentials", "every_refusal_of_a_first_message_is_one_line"),
    ("invalid_message", "every_refusal_of_a_codec_is_one_line"),
    ("invalid_request", "socketio-adapter"),
    ("no_websocket_handshake", "every_refused_request_is_one_line"),
    ("origin_required", "every_refused_handshake_is_one_line"),
    ("payload_too_large", "every_refused_request_is_one_line"),
    ("request_timeout", "body_that_does_not_come_is_one_line"),
    ("subprotocol_not_acceptable", "every_refusal_of_a_codec_is_one_line"),
    ("token_expired", "socketio-adapter"),
    ("too_big", "every_refusal_of_a_first_message_is_one_line"),
    ("too_many_attempts", "too_many_attempts_is_one_line"),
    ("too_many_connections", "too_many_connections_is_one_line"),
    ("unavailable", "socketio-adapter"),
    ("unknown_session", "socketio-adapter"),
    ("websocket", "broken_handshake_is_one_line"),
];

#[test]
fn every_refusal_code_has_a_test_of_its_line() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let text = sources(&root.join("ws-adapter/src")) + &sources(&root.join("socketio-adapter/src"));
    // In the code, a refusal's code follows its status.
    let by_status = text.split("StatusCode::").skip(1).filter_map(|rest| rest.split_once(", \""));
    let by_status = by_status.filter(|(name, _)| name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_'));
    let dynamic = text.split("Refusal::new(").skip(1).filter_map(|rest| rest.split_once(", \""));
    let dynamic = dynamic.filter(|(status, _)| status.ends_with("status()"));
    let codes = by_status.chain(dynamic).filter_map(|(_, rest)| rest.split_once('"').map(|(code, _)| code));
    let codes = codes.filter(|code| code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'));
    // One test covers the codes of a broken handshake.
    let mut found: Vec<_> = codes.map(|code| if code.starts_with("websocket_") { "websocket" } else { code }).collect();
    found.sort_unstable();
    found.dedup();
    assert_eq!(found, CODES.map(|(code, _)| code));
}

#[tokio::test]
async fn query_credential_is_never_logged() {
    let chain = Chain::new().or(jwt_from(query("token")));
    let server = Server::start(routes(layer(chain))).await;
    let (log, _guard) = everything();
    for token in [token("ann", 60), token("ann", -100), "MARKER".into()] {
        server.get(&format!("/me?token={token}"), &[]).await;
        // The HTTP client of this test logs its own requests.
        let ours =
            log.text().lines().filter(|line| line.contains("auth_") || line.contains("ws_adapter")).collect::<String>();
        assert!(!ours.contains(token.rsplit('.').next().unwrap()), "{ours}");
    }
}
