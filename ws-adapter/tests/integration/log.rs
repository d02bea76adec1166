//! What the log says about decisions.

use auth_core::{Authenticated, AuthenticatedRejection, Chain};
use axum::{Extension, Router, routing::any};
use tracing_subscriber::{filter::Targets, layer::SubscriberExt as _};
use ws_adapter::{AuthLayer, require_scope};

use crate::{common::Log, support::*};

/// Keeps what this thread logs under targets such as `ws_adapter=debug`. The server runs on this thread too.
fn logged(targets: &str) -> (Log, tracing::subscriber::DefaultGuard) {
    let log = Log::default();
    let layer = tracing_subscriber::fmt::layer().with_ansi(false).without_time().with_writer(log.clone());
    let targets: Targets = targets.parse().unwrap();
    (log.clone(), tracing::subscriber::set_default(tracing_subscriber::registry().with(targets).with(layer)))
}

fn lines(log: &Log) -> Vec<String> {
    log.text().lines().map(|line| line.trim().to_owned()).collect()
}

#[tokio::test]
async fn refusal_of_a_requirement_is_an_event_with_transport_status_and_code() {
    let (log, _guard) = logged("auth_core::refusal=info");
    let routes = Router::new().route("/me", any(me)).route("/ws", any(echo));
    let server = Server::start(routes.layer(require_scope::<User>("chat:write")).layer(layer(jwt_or_basic()))).await;
    let ann = [("authorization", &*bearer_of("ann"))];
    assert!(server.get("/me", &ann).await.is(403, "insufficient_scope"));
    assert!(server.refused(&ann).await.is(403, "insufficient_scope"));
    let refused = |transport| {
        format!(
            "INFO auth_core::refusal: refused code=\"insufficient_scope\" strategy=\"jwt\" transport={transport} status=403"
        )
    };
    assert_eq!(lines(&log), [refused("Http"), refused("WebSocket")]);
}

#[tokio::test]
async fn acceptance_is_an_event_with_its_own_target_and_no_secret() {
    let (log, _guard) = logged("ws_adapter::audit=debug");
    let jwt = jwt_from(auth_core::extract::bearer());
    let optional = Router::new().route("/guest", any(async || "a guest"));
    let optional = optional.layer(AuthLayer::optional(Chain::new().or(jwt_from(auth_core::extract::bearer()))));
    let routes = Router::new().route("/me", any(me)).route("/ws", any(echo));
    let first = layer(Chain::new().or(jwt).or(basic())).first_message();
    let server = Server::start(routes.layer(first).merge(optional)).await;

    assert_eq!(server.get("/me", &[("authorization", &bearer_of("ann"))]).await.status, 200);
    assert_eq!(server.get("/me", &[("authorization", "Basic YW5uOnBhc3N3b3Jk")]).await.status, 200);
    server.open(&bearer_of("ann")).await;
    let (mut client, _) = server.connect("/ws", &[("sec-websocket-protocol", "auth.v1")]).await.unwrap();
    for _ in ["first", "fresh"] {
        assert_eq!(client.present(&token("ann", 60)).await["type"], "auth_ok");
    }
    // A refusal is another event, and a guest is not an acceptance.
    assert_eq!(client.present("a.b.c").await["type"], "auth_error");
    assert_eq!(server.get("/me", &[("authorization", &bearer_of("nobody"))]).await.status, 401);
    assert_eq!(server.get("/guest", &[]).await.status, 200);

    let accepted = |transport, strategy| {
        format!("DEBUG ws_adapter::audit: accepted transport={transport} strategy=\"{strategy}\" carrier=Header")
    };
    let in_band = accepted("InBand", "jwt");
    let all =
        [accepted("Http", "jwt"), accepted("Http", "basic"), accepted("WebSocket", "jwt"), in_band.clone(), in_band];
    assert_eq!(lines(&log), all);
}

#[tokio::test]
async fn result_extractor_without_a_layer_fails_and_logs_an_error() {
    async fn who(user: Result<Authenticated<User>, AuthenticatedRejection>) -> String {
        user.map_or_else(|rejection| rejection.refusal().status().to_string(), |user| user.0.clone())
    }
    let (log, _guard) = logged("error");
    let server = Server::start(Router::new().route("/who", any(who))).await;
    assert_eq!(server.get("/who", &[("authorization", &bearer_of("ann"))]).await.body, "500 Internal Server Error");
    let lines = lines(&log);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].starts_with("ERROR auth_core::axum") && lines[0].contains("no `AuthLayer`"), "{lines:?}");
    assert!(lines[0].contains("users::User"), "{lines:?}");
}

#[tokio::test]
async fn optional_extension_without_a_layer_is_none_and_logs_nothing() {
    async fn who(user: Option<Extension<Authenticated<User>>>) -> String {
        user.map_or_else(|| "nobody".to_owned(), |user| user.0.0.clone())
    }
    let (log, _guard) = logged("info");
    let server = Server::start(Router::new().route("/who", any(who))).await;
    assert_eq!(server.get("/who", &[("authorization", &bearer_of("ann"))]).await.body, "nobody");
    assert_eq!(log.text(), "");
}

#[tokio::test]
async fn success_is_logged_only_if_enabled() {
    let (log, _guard) = logged("info");
    let server = Server::start(app(layer(jwt_or_basic()))).await;
    assert_eq!(server.get("/me", &[("authorization", &bearer_of("ann"))]).await.status, 200);
    assert_eq!(log.text(), "");
}
