//! Tokens in other forms of subprotocols: a pair of entries, and Jupyter's.

use auth_core::{
    Chain,
    extract::{Extractor as _, bearer, jupyter_subprotocol, subprotocol, subprotocol_after},
};
use axum::{Router, response::Response, routing::any};
use ws_adapter::{AuthLayer, AuthWebSocketUpgrade, Sockets};

use crate::support::*;

const JUPYTER: &str = "v1.token.websocket.jupyter.org";

fn chain() -> Chain<User> {
    let places = bearer().or(subprotocol("auth.bearer.")).or(subprotocol_after("bearer")).or(jupyter_subprotocol());
    Chain::new().or(jwt_from(places))
}

/// Sends the offered subprotocols in its first message.
async fn tell(ws: AuthWebSocketUpgrade<User>) -> Response {
    let offered = ws.requested_protocols().map(|name| name.to_str().unwrap().to_owned()).collect::<Vec<_>>().join(" ");
    ws.on_upgrade(move |mut socket| async move {
        let _ = socket.send(axum::extract::ws::Message::Text(offered.into())).await;
    })
}

async fn choose(ws: AuthWebSocketUpgrade<User>) -> Response {
    tell(ws.protocols(["chat"])).await
}

/// A layer within a layer. The inner one looks for the token after the outer one has removed it.
fn app(layer: &AuthLayer<User>) -> Router {
    let routes = Router::new().route("/ws", any(tell)).route("/chat", any(choose));
    routes.layer(layer.clone()).layer(layer.clone())
}

#[tokio::test]
async fn token_never_leaves_the_layer_and_an_offered_name_is_answered() {
    let server = Server::start(app(&layer(chain()))).await;
    let token = token("ann", 60);
    for (path, offered, answered, seen) in [
        ("/ws", format!("bearer, {token}"), "bearer", "bearer"),
        ("/ws", format!("bearer, {token}, auth.v1"), "auth.v1", "bearer auth.v1"),
        ("/ws", format!("chat, bearer, {token}"), "bearer", "chat bearer"),
        ("/chat", format!("bearer, {token}, chat"), "chat", "bearer chat"),
        ("/chat", format!("bearer, {token}"), "bearer", "bearer"),
        ("/ws", format!("{JUPYTER}, {JUPYTER}.{token}"), JUPYTER, JUPYTER),
        ("/ws", format!("{JUPYTER}.{}, {JUPYTER}", token.replace('.', "%2E")), JUPYTER, JUPYTER),
        ("/chat", format!("chat, {JUPYTER}, {JUPYTER}.{token}"), "chat", &*format!("chat {JUPYTER}")),
        ("/ws", format!("auth.v1, {JUPYTER}.{token}"), "auth.v1", "auth.v1"),
    ] {
        let (mut client, answer) = server.connect(path, &[("sec-websocket-protocol", &offered)]).await.unwrap();
        assert_eq!(answer.header("sec-websocket-protocol"), Some(answered), "{offered}");
        // axum keeps the offered names as a set.
        let offered_inside = client.next().await.unwrap().into_text().unwrap();
        let sorted = |text: &str| text.split(' ').map(str::to_owned).collect::<std::collections::BTreeSet<_>>();
        assert_eq!(sorted(&offered_inside), sorted(seen), "{offered}");
    }
}

#[tokio::test]
async fn broken_or_contradicting_token_pair_is_refused() {
    let server = Server::start(app(&layer(chain()))).await;
    let (ann, bob) = (token("ann", 60), token("bob", 60));
    for (offered, status, code) in [
        ("bearer".to_owned(), 400, "invalid_request"),
        (format!("{ann}, bearer"), 400, "invalid_request"),
        (format!("bearer, {ann}, bearer, {bob}"), 400, "invalid_request"),
        (format!("bearer, {ann}, {JUPYTER}, {JUPYTER}.{bob}"), 400, "invalid_request"),
        ("bearer, auth.v1".to_owned(), 401, "invalid_credentials"),
        (format!("Bearer, {ann}"), 401, "missing_credentials"),
    ] {
        let answer = server.refused(&[("sec-websocket-protocol", &offered)]).await;
        assert!(answer.is(status, code), "{offered}: {answer:?}");
    }
}

#[tokio::test]
async fn accept_then_close_answers_the_marker_subprotocol() {
    let server = Server::start(app(&layer(chain()).sockets(Sockets::new().accept_then_close()))).await;
    let origin = format!("http://{}", server.addr);
    let headers = [("sec-websocket-protocol", "bearer, a.b.c"), ("origin", &origin)];
    let (mut client, answer) = server.connect("/ws", &headers).await.unwrap();
    assert_eq!(answer.header("sec-websocket-protocol"), Some("bearer"));
    assert_eq!(client.closed().await, close(4401, "invalid_credentials"));
}

#[tokio::test]
async fn configured_subprotocols_build_a_layer_or_return_an_error() {
    let layer = layer(chain()).try_subprotocol("my.v1".to_owned()).unwrap();
    let server = Server::start(app(&layer)).await;
    let offered = format!("bearer, {}, my.v1", token("ann", 60));
    let (_client, answer) = server.connect("/ws", &[("sec-websocket-protocol", &offered)]).await.unwrap();
    assert_eq!(answer.header("sec-websocket-protocol"), Some("my.v1"));
    for bad in ["", "a b", "a,b", "Größe"] {
        let error = AuthLayer::new(chain()).try_subprotocol(bad).unwrap_err().to_string();
        assert!(error.contains(&format!("{bad:?}")), "{error}");
    }
}

#[tokio::test]
async fn listed_app_or_preview_origin_may_open_a_socket() {
    let listed = ["tauri://localhost", "chrome-extension://abc", "https://*.preview.example"];
    let server = Server::start(app(&layer(chain()).allow_origins(listed).unwrap())).await;
    let bearer = bearer_of("ann");
    for (origin, is_allowed) in [
        ("tauri://localhost", true),
        ("chrome-extension://abc", true),
        ("https://pr-7.preview.example", true),
        ("capacitor://localhost", false),
        ("chrome-extension://abd", false),
        ("http://localhost", false),
        ("https://preview.example", false),
        ("https://a.b.preview.example", false),
        ("null", false),
    ] {
        let opened = server.connect("/ws", &[("origin", origin), ("authorization", &bearer)]).await;
        assert_eq!(opened.is_ok(), is_allowed, "{origin}");
    }
    let own = format!("tauri://{}", server.addr);
    let default = Server::start(app(&layer(chain()))).await;
    assert!(default.connect("/ws", &[("origin", &own), ("authorization", &bearer)]).await.is_err());
    assert!(AuthLayer::new(chain()).public_origin("tauri://localhost").is_err());
}
