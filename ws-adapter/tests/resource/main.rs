//! Requirements of routes beyond a good token, and the public metadata of a resource, over TCP.
#![cfg(feature = "axum")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod dpop;
mod keys;

use std::time::{Duration, SystemTime};

use auth_core::{
    Authenticated, Chain, Refusal, Requirement,
    extract::{Extractor as _, bearer, cookie},
};
use auth_jwt::{Jwt, ProtectedResource, Signer};
use axum::{
    Router,
    routing::{any, get},
};
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use ws_adapter::{AuthLayer, AuthWebSocketUpgrade, RequireLayer, require_scope};

const SECRET: &str = "a secret of at least thirty-two bytes";

type User = String;

fn signed(more: Value) -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let mut claims = json!({ "sub": "ann", "exp": now + 60, "auth_time": now - 100 });
    let Value::Object(more) = more else { panic!("claims are an object") };
    claims.as_object_mut().unwrap().extend(more);
    Signer::hs256(SECRET).unwrap().sign(&claims).unwrap().expose().to_owned()
}

async fn send(user: Authenticated<User>) -> Result<&'static str, Refusal> {
    user.evidence().require(&Requirement::new().scope("chat:read").scope("chat:write"))?;
    Ok("sent")
}

fn within(secs: u64) -> RequireLayer<User> {
    RequireLayer::new(Requirement::new().max_age(Duration::from_secs(secs)))
}

/// Starts the server and returns its origin.
async fn server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let resource = ProtectedResource::new(format!("{origin}/chat")).unwrap();
    let resource = resource.authorization_server("https://id.example").scope("chat:read").scope("chat:write");
    let jwt = Jwt::<Value>::hs256(SECRET)
        .unwrap()
        .extract(bearer().or(cookie("jwt")))
        .resource_metadata(resource.metadata_url())
        .unwrap()
        .verify(|claims: Value| async move { Some(claims.to_string()) });
    let chain = Chain::new().or(jwt);
    let ok = || get(|| async { "ok" });
    let write = || require_scope::<User>("chat:write");
    let dressed = write().on_refusal(|_: &Refusal, _: &http::request::Parts| http::Response::new("dressed"));
    let falls = write().on_refusal(|_: &Refusal, _: &http::request::Parts| -> http::Response<&'static str> {
        panic!("the hook panics")
    });
    let socket = any(async |ws: AuthWebSocketUpgrade<User>| ws.on_upgrade(|_| async {}));
    let protected = Router::new()
        .route("/send", get(send))
        .route("/write", ok().layer(write()))
        .route("/dressed", ok().layer(dressed))
        .route("/falls", ok().layer(falls))
        .route("/recent", ok().layer(within(60)))
        .route("/lately", ok().layer(within(600)))
        .route("/ws", socket.layer(write()))
        .route("/other", ok().layer(require_scope::<u8>("chat:write")))
        .layer(AuthLayer::new(chain.clone()));
    let open = Router::new().route("/optional", ok().layer(write())).layer(AuthLayer::optional(chain));
    let app = protected.merge(open).merge(resource.router());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    origin
}

struct Answer {
    status: u16,
    challenges: Vec<String>,
    cache: String,
    body: String,
}

async fn answer(request: RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let lines = response.headers().get_all("www-authenticate").iter();
    Answer {
        status: response.status().as_u16(),
        challenges: lines.map(|line| line.to_str().unwrap().to_owned()).collect(),
        cache: response
            .headers()
            .get("cache-control")
            .map(|value| value.to_str().unwrap().to_owned())
            .unwrap_or_default(),
        body: response.text().await.unwrap(),
    }
}

async fn ask(origin: &str, path: &str, claims: Value) -> Answer {
    answer(Client::new().get(format!("{origin}{path}")).bearer_auth(signed(claims))).await
}

#[tokio::test]
async fn route_with_a_scope_accepts_tokens_with_it() {
    let origin = server().await;
    let good = ask(&origin, "/write", json!({ "scope": "chat:read chat:write" })).await;
    assert_eq!((good.status, good.body.as_str()), (200, "ok"));
}

#[tokio::test]
async fn route_with_a_scope_answers_403_like_any_refusal() {
    let origin = server().await;
    let refused = ask(&origin, "/write", json!({ "scope": "chat:read" })).await;
    assert_eq!((refused.status, refused.cache.as_str()), (403, "no-store"));
    let problem: Value = serde_json::from_str(&refused.body).unwrap();
    assert_eq!(problem["code"], "insufficient_scope");
    let metadata = format!("{origin}/.well-known/oauth-protected-resource/chat");
    let expected = format!(
        r#"Bearer realm="api", resource_metadata="{metadata}", scope="chat:write", error="insufficient_scope", {}"#,
        r#"error_description="More scope is required""#
    );
    assert_eq!(refused.challenges, [expected]);
}

#[tokio::test]
async fn handler_checks_scopes_and_lists_all() {
    let origin = server().await;
    assert_eq!(ask(&origin, "/send", json!({ "scope": "chat:write chat:read" })).await.body, "sent");
    let refused = ask(&origin, "/send", json!({ "scope": "chat:write" })).await;
    assert_eq!((refused.status, refused.cache.as_str()), (403, "no-store"));
    assert!(refused.challenges[0].contains(r#"scope="chat:read chat:write", error="insufficient_scope""#));
}

#[tokio::test]
async fn route_with_a_maximum_age_asks_for_a_new_login() {
    let origin = server().await;
    assert_eq!(ask(&origin, "/lately", json!({})).await.status, 200);
    let refused = ask(&origin, "/recent", json!({})).await;
    assert_eq!(refused.status, 401);
    assert!(refused.challenges[0].contains(r#"error="insufficient_user_authentication""#));
    assert!(refused.challenges[0].ends_with(r#"max_age="60""#));
}

#[tokio::test]
async fn request_without_a_token_is_refused_by_the_chain_first() {
    let origin = server().await;
    let refused = answer(Client::new().get(format!("{origin}/write"))).await;
    assert_eq!(refused.status, 401);
    assert!(!refused.challenges[0].contains("error="));
    assert!(refused.challenges[0].contains("resource_metadata="));
}

#[tokio::test]
async fn guest_behind_an_optional_layer_gets_the_401_of_the_chain() {
    let origin = server().await;
    let refused = answer(Client::new().get(format!("{origin}/optional"))).await;
    let problem: Value = serde_json::from_str(&refused.body).unwrap();
    assert_eq!((refused.status, &problem["code"]), (401, &json!("missing_credentials")));
    assert_eq!(ask(&origin, "/optional", json!({ "scope": "chat:write" })).await.status, 200);
}

#[tokio::test]
async fn requirement_for_another_user_type_is_500() {
    let origin = server().await;
    let wrong = ask(&origin, "/other", json!({ "scope": "chat:write" })).await;
    assert_eq!((wrong.status, wrong.body.contains("internal_error")), (500, true));
}

#[tokio::test]
async fn handshake_with_too_little_scope_is_403_before_the_upgrade() {
    let origin = server().await;
    let handshake = |claims| {
        Client::new()
            .get(format!("{origin}/ws"))
            .bearer_auth(signed(claims))
            .header("connection", "upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
    };
    let refused = answer(handshake(json!({ "scope": "chat:read" }))).await;
    assert_eq!((refused.status, refused.challenges.len()), (403, 1));
    let opened = handshake(json!({ "scope": "chat:write" })).send().await.unwrap();
    assert_eq!(opened.status(), 101);
    // RFC 6455, 1.3.
    assert_eq!(opened.headers()["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

#[tokio::test]
async fn hook_shapes_the_refusal_and_cannot_make_it_a_success() {
    let origin = server().await;
    for (path, body) in [("/dressed", "dressed"), ("/falls", "insufficient_scope")] {
        let refused = ask(&origin, path, json!({})).await;
        assert_eq!((refused.status, refused.cache.as_str()), (403, "no-store"), "{path}");
        assert!(refused.body.contains(body), "{path}: {}", refused.body);
        assert_eq!(refused.challenges.len(), 1);
    }
}

#[tokio::test]
async fn challenge_points_to_the_metadata() {
    let origin = server().await;
    let refused = answer(Client::new().get(format!("{origin}/send"))).await;
    let (_, url) = refused.challenges[0].split_once(r#"resource_metadata=""#).unwrap();
    let response = Client::new().get(url.trim_end_matches('"')).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/json");
    assert_eq!(response.headers()["cache-control"], "public, max-age=3600");
    assert_eq!(response.headers()["access-control-allow-origin"], "*");
    let document: Value = response.json().await.unwrap();
    let expected = json!({
        "resource": format!("{origin}/chat"),
        "authorization_servers": ["https://id.example"],
        "scopes_supported": ["chat:read", "chat:write"],
    });
    assert_eq!(document, expected);
}

/// RFC 9728, 3.1: the well-known part goes between host and path. A root has no path.
#[test]
fn well_known_part_goes_between_host_and_path() {
    for (resource, url) in [
        ("https://resource.example.com", "https://resource.example.com/.well-known/oauth-protected-resource"),
        ("https://resource.example.com/", "https://resource.example.com/.well-known/oauth-protected-resource"),
        ("https://a.example/resource1", "https://a.example/.well-known/oauth-protected-resource/resource1"),
        ("https://a.example:8443/a/b/", "https://a.example:8443/.well-known/oauth-protected-resource/a/b/"),
    ] {
        let resource = ProtectedResource::new(resource).unwrap();
        assert_eq!(resource.metadata_url(), url);
        assert!(url.ends_with(&resource.metadata_path()));
    }
}

#[test]
fn resource_that_is_not_a_plain_url_does_not_build() {
    let bad = ["", "api.example", "/chat", "ftp://a.example", "https://", "https://u@a.example", "https://a.example?b"];
    let parts = ["https://a.example/#b", "https://a.example/{b}", "https://a.example/ b"];
    let ports = ["https://a.example:", "https://a.example:b", "https://a.example:65536/b", "https://a.example:+443"];
    for bad in bad.into_iter().chain(parts).chain(ports) {
        assert!(ProtectedResource::new(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn extra_members_are_added_and_the_resource_stays() {
    let resource = ProtectedResource::new("https://a.example").unwrap();
    let resource = resource.with("resource_name", "a \"name\"").with("resource", "https://other.example");
    let document: Value = serde_json::from_str(&resource.bearer_method("header").document()).unwrap();
    let expected = json!({ "resource": "https://a.example", "resource_name": "a \"name\"", "bearer_methods_supported": ["header"] });
    assert_eq!(document, expected);
}
