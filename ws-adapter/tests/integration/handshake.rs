//! The rules for opening a socket.

use auth_core::{Chain, Redirect, extract::cookie};
use axum::{
    Router,
    extract::{OriginalUri, WebSocketUpgrade},
    response::Response,
    routing::any,
};
use http::HeaderMap;

use crate::support::*;

/// `admin:password`
const BASIC: &str = "Basic YWRtaW46cGFzc3dvcmQ=";

async fn server() -> Server {
    Server::start(app(layer(jwt_or_basic()))).await
}

#[tokio::test]
async fn without_credentials_answers_401_with_every_challenge() {
    let refused = server().await.refused(&[]).await;
    assert!(refused.is(401, "missing_credentials"));
    assert_eq!(refused.challenges(), JWT_OR_BASIC);
    assert_eq!(refused.header("content-type"), Some("application/problem+json"));
    assert_eq!(refused.header("cache-control"), Some("no-store"));
}

#[tokio::test]
async fn wrong_token_answers_401_with_an_error_on_bearer_only() {
    let refused = server().await.refused(&[("authorization", "Bearer a.b.c")]).await;
    assert!(refused.is(401, "invalid_credentials"));
    let error = "error=\"invalid_token\", error_description=\"The credentials are invalid\"";
    assert_eq!(refused.challenges(), [format!("{}, {error}", JWT_OR_BASIC[0]), JWT_OR_BASIC[1].to_owned()]);
}

#[tokio::test]
async fn two_authorization_headers_answer_400() {
    let refused = server().await.refused(&[("authorization", BASIC), ("authorization", &bearer_of("ann"))]).await;
    assert!(refused.is(400, "invalid_request"));
}

#[tokio::test]
async fn store_that_fails_answers_503_without_a_challenge() {
    let refused = server().await.refused(&[("authorization", &bearer_of("broken"))]).await;
    assert!(refused.is(503, "unavailable"));
    assert_eq!(refused.header("retry-after"), Some("5"));
    assert!(refused.challenges().is_empty());
    assert!(!refused.body.contains("store"));
}

#[tokio::test]
async fn callback_that_panics_answers_500_and_the_server_survives() {
    let server = server().await;
    assert!(server.refused(&[("authorization", &bearer_of("panic"))]).await.is(500, "internal_error"));
    assert!(server.open(&bearer_of("ann")).await.echoes("still here").await);
}

#[tokio::test]
async fn good_header_opens_a_socket() {
    assert!(server().await.open(&bearer_of("ann")).await.echoes("hello").await);
}

#[tokio::test]
async fn good_basic_opens_a_socket() {
    assert!(server().await.open(BASIC).await.echoes("hello").await);
}

#[tokio::test]
async fn good_subprotocol_token_opens_a_socket_and_is_never_echoed() {
    let server = server().await;
    let (mut client, answer) =
        server.connect("/ws", &[("sec-websocket-protocol", &protocols(&token("ann", 60)))]).await.unwrap();
    assert_eq!(answer.header("sec-websocket-protocol"), Some("auth.v1"));
    assert!(client.echoes("hello").await);
}

#[tokio::test]
async fn wrong_subprotocol_token_answers_401() {
    let refused = server().await.refused(&[("sec-websocket-protocol", &protocols("a.b.c"))]).await;
    assert!(refused.is(401, "invalid_credentials"));
}

#[tokio::test]
async fn subprotocol_token_without_another_subprotocol_answers_400() {
    let protocols = protocols(&token("ann", 60));
    let alone = protocols.strip_prefix("auth.v1, ").unwrap();
    assert!(server().await.refused(&[("sec-websocket-protocol", alone)]).await.is(400, "invalid_request"));
}

#[tokio::test]
async fn subprotocol_token_is_read_up_to_4_kib() {
    // Opaque text is not a JWT: it is read, and no strategy recognizes it.
    let server = server().await;
    let most = server.refused(&[("sec-websocket-protocol", &protocols(&"x".repeat(4096)))]).await;
    assert!(most.is(401, "invalid_credentials"));
    let more = server.refused(&[("sec-websocket-protocol", &protocols(&"x".repeat(4097)))]).await;
    assert!(more.is(400, "invalid_request"));
}

#[tokio::test]
async fn handler_and_plain_upgrade_see_the_subprotocols_without_the_token() {
    async fn plain(headers: HeaderMap, ws: WebSocketUpgrade) -> Response {
        let offered = headers["sec-websocket-protocol"].to_str().unwrap().to_owned();
        ws.on_upgrade(move |mut socket| async move {
            socket.send(offered.into()).await.unwrap();
        })
    }
    let server = Server::start(Router::new().route("/ws", any(plain)).layer(layer(jwt_or_basic()))).await;
    let offered = format!("chat, {}", protocols(&token("ann", 60)));
    let (mut client, answer) = server.connect("/ws", &[("sec-websocket-protocol", &offered)]).await.unwrap();
    assert_eq!(answer.header("sec-websocket-protocol"), Some("auth.v1"));
    assert_eq!(client.next().await.unwrap().into_text().unwrap(), "chat, auth.v1");
}

#[tokio::test]
async fn query_token_is_removed_before_the_handler_runs() {
    async fn uri(OriginalUri(original): OriginalUri, uri: http::Uri) -> String {
        format!("{original} {uri}")
    }
    let chain = Chain::new().or(jwt_from(auth_core::extract::query("token")));
    let server = Server::start(Router::new().route("/uri", any(uri)).layer(layer(chain))).await;
    let answer = server.get(&format!("/uri?a=1&token={}&b=2", token("ann", 60)), &[]).await;
    assert_eq!(answer.body, "/uri?a=1&b=2 /uri?a=1&b=2");
}

#[tokio::test]
async fn foreign_and_null_origins_answer_403_before_any_strategy() {
    let server = server().await;
    for origin in ["https://evil.example", "null", "http://127.0.0.1:1"] {
        // If the callback were called, it would panic.
        let refused = server.refused(&[("origin", origin), ("authorization", &bearer_of("panic"))]).await;
        assert!(refused.is(403, "origin_not_allowed"), "{origin}");
        assert!(refused.challenges().is_empty());
    }
}

#[tokio::test]
async fn own_origin_opens_a_socket() {
    let server = server().await;
    let origin = format!("http://{}", server.addr);
    let opened = server.connect("/ws", &[("origin", &origin), ("authorization", &bearer_of("ann"))]).await;
    assert!(opened.is_ok());
}

#[tokio::test]
async fn cookie_opens_a_socket_from_an_allowed_origin_only() {
    let server = server().await;
    let cookie = format!("jwt={}", token("ann", 60));
    let own = format!("http://{}", server.addr);
    assert!(server.connect("/ws", &[("cookie", &cookie), ("origin", &own)]).await.is_ok());
    assert!(server.refused(&[("cookie", &cookie)]).await.is(403, "origin_required"));
    let foreign = [("cookie", cookie.as_str()), ("origin", "https://evil.example")];
    assert!(server.refused(&foreign).await.is(403, "origin_not_allowed"));
}

#[tokio::test]
async fn weakest_carrier_of_an_and_decides_the_origin_rule() {
    let chain = Chain::new().or(jwt_from(cookie("jwt"))).and(basic()).map_user(|(user, _)| user);
    let server = Server::start(app(layer(chain))).await;
    let cookie = format!("jwt={}", token("ann", 60));
    let headers = [("cookie", cookie.as_str()), ("authorization", BASIC)];
    assert!(server.refused(&headers).await.is(403, "origin_required"));
}

#[tokio::test]
async fn allow_list_replaces_the_own_origin() {
    let layer = layer(jwt_or_basic()).allow_origins(["https://app.example"]).unwrap();
    let server = Server::start(app(layer)).await;
    let token = bearer_of("ann");
    let with = |origin| [("origin", origin), ("authorization", token.as_str())];
    assert!(server.connect("/ws", &with("https://app.example")).await.is_ok());
    let own = format!("http://{}", server.addr);
    assert!(server.refused(&with(&own)).await.is(403, "origin_not_allowed"));
}

#[tokio::test]
async fn any_page_opens_a_socket_if_dangerously_allowed() {
    let server = Server::start(app(layer(jwt_or_basic()).dangerous_allow_any_origin())).await;
    let cookie = format!("jwt={}", token("ann", 60));
    for origin in ["https://evil.example", "null"] {
        let (mut client, _) = server.connect("/ws", &[("cookie", &cookie), ("origin", origin)]).await.unwrap();
        assert!(client.echoes("hello").await, "{origin}");
    }
    assert!(server.connect("/ws", &[("cookie", &cookie)]).await.is_ok(), "without an origin");
    let nobody = [("origin", "https://evil.example")];
    assert!(server.refused(&nobody).await.is(401, "missing_credentials"), "the chain still decides");
}

#[tokio::test]
async fn plain_request_needs_no_origin() {
    let headers = [("origin", "https://evil.example"), ("authorization", &*bearer_of("ann"))];
    assert_eq!(server().await.get("/me", &headers).await.status, 200);
}

#[tokio::test]
async fn leeway_admits_a_request_but_opens_no_socket() {
    let server = server().await;
    let just_expired = format!("Bearer {}", token("ann", -1));
    let headers = [("authorization", just_expired.as_str())];
    assert_eq!(server.get("/me", &headers).await.status, 200);
    let refused = server.refused(&headers).await;
    assert!(refused.is(401, "token_expired"));
    assert!(refused.challenges()[0].contains("error=\"invalid_token\""));
}

#[tokio::test]
async fn redirect_is_a_plain_401_on_a_handshake() {
    let chain = Chain::new().or(jwt_from(cookie("jwt"))).fallback_redirect(Redirect::found("/login").unwrap());
    let server = Server::start(app(layer(chain))).await;
    let redirected = server.get("/me", &[]).await;
    assert_eq!((redirected.status, redirected.header("location")), (302, Some("/login")));
    assert_eq!(redirected.header("cache-control"), Some("no-store"));
    let refused = server.refused(&[]).await;
    assert!(refused.is(401, "missing_credentials"));
    assert_eq!(refused.header("location"), None);
}

/// The response to a handshake that differs from a good one in these header lines.
async fn answer_to(lines: &str) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let server = server().await;
    let mut stream = tokio::net::TcpStream::connect(server.addr).await.unwrap();
    let authorization = bearer_of("ann");
    let head =
        format!("GET /ws HTTP/1.1\r\nhost: x\r\nconnection: close, upgrade\r\nauthorization: {authorization}\r\n");
    stream.write_all(format!("{head}{lines}\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn other_websocket_version_answers_426_with_the_supported_one() {
    let key = "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==";
    let answer = answer_to(&format!("upgrade: websocket\r\nsec-websocket-version: 8\r\n{key}")).await;
    assert!(answer.starts_with("HTTP/1.1 426"), "{answer}");
    assert!(answer.contains("sec-websocket-version: 13\r\n") && answer.contains("websocket_version"), "{answer}");
}

#[tokio::test]
async fn invalid_websocket_key_answers_400() {
    for key in ["xx", "", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZXh4eHg="] {
        let lines = format!("upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: {key}");
        let answer = answer_to(&lines).await;
        assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("websocket_key"), "{answer}");
    }
}

#[tokio::test]
async fn incomplete_handshake_answers_with_problem_json() {
    let answer = answer_to("upgrade: websocket\r\nsec-websocket-version: 13").await;
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("no_websocket_handshake"), "{answer}");
    let answer = answer_to("x: y").await;
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("no_websocket_handshake"), "{answer}");
}
