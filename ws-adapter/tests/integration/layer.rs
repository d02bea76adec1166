//! Where a layer can be put, and how building one fails.

use std::{convert::Infallible, task::Poll};

use auth_core::{Authenticated, Chain, Challenge, Refusal, extract::cookie};
use axum::{Router, body::Body, middleware, routing::get};
use bytes::Bytes;
use http::{Request, Response, request::Parts};
use http_body::Body as _;
use http_body_util::{BodyExt as _, Full};
use tower::{Layer as _, ServiceBuilder, ServiceExt as _, service_fn};
use ws_adapter::{AuthLayer, Sockets, require_scope};

use crate::support::*;

fn cookie_only() -> Chain<User> {
    Chain::new().or(jwt_from(cookie("jwt")))
}

#[test]
fn chain_without_any_challenge_does_not_build_and_says_why() {
    let error = AuthLayer::try_new(cookie_only()).unwrap_err().to_string();
    assert!(error.contains("fallback_challenge") && error.contains("fallback_redirect"), "{error}");
    assert!(AuthLayer::try_optional(cookie_only()).is_err());
}

#[test]
#[should_panic(expected = "no strategy of the chain has a challenge")]
fn chain_without_any_challenge_panics_in_the_layer() {
    let _ = AuthLayer::new(cookie_only());
}

#[tokio::test]
async fn chain_without_a_challenge_can_name_one() {
    let chain = cookie_only().fallback_challenge(Challenge::new("Cookie").with("realm", "app"));
    let answer = Server::start(app(layer(chain))).await.get("/me", &[]).await;
    assert_eq!((answer.status, answer.challenges()), (401, vec!["Cookie realm=\"app\""]));
}

#[test]
fn invalid_origin_does_not_build_and_is_named() {
    for origin in ["app.example", "https://app.example/path", "*"] {
        let error = layer(jwt_or_basic()).allow_origins([origin]).unwrap_err().to_string();
        assert!(error.contains(origin), "{error}");
    }
    assert!(layer(jwt_or_basic()).allow_origins([]).is_err());
    assert!(layer(jwt_or_basic()).public_origin("null").is_err());
}

#[tokio::test]
async fn layer_can_protect_a_single_method() {
    let route = get(|| async { "everybody" }).merge(axum::routing::post(me).layer(layer(jwt_or_basic())));
    let server = Server::start(Router::new().route("/", route)).await;
    assert_eq!(server.get("/", &[]).await.body, "everybody");
    assert_eq!(server.send(reqwest::Method::POST, "/", &[], "").await.status, 401);
    let headers = [("authorization", &*bearer_of("ann"))];
    assert_eq!(server.send(reqwest::Method::POST, "/", &headers, "").await.body, "ann");
}

#[tokio::test]
async fn handler_sees_the_evidence_of_the_inner_layer() {
    let by_password = layer(Chain::new().or(basic()));
    let by_cookie = layer(cookie_only().fallback_challenge(Challenge::new("Cookie")));
    let app = Router::new().route("/me", get(me).layer(by_cookie)).layer(by_password);
    let cookie = format!("jwt={}", token("ann", 60));
    let headers = [("authorization", "Basic YWRtaW46cGFzc3dvcmQ="), ("cookie", &cookie)];
    assert_eq!(Server::start(app).await.get("/me", &headers).await.body, "ann");
}

#[tokio::test]
async fn inner_optional_layer_without_a_credential_hides_the_outer_user() {
    async fn maybe(user: Option<Authenticated<User>>) -> String {
        user.map_or_else(|| "a guest".to_owned(), |user| user.0.clone())
    }
    let inner = AuthLayer::optional(cookie_only().fallback_challenge(Challenge::new("Cookie"))).timer(clock());
    let app = Router::new().route("/me", get(maybe).layer(inner)).layer(layer(Chain::new().or(basic())));
    let headers = [("authorization", "Basic YWRtaW46cGFzc3dvcmQ=")];
    assert_eq!(Server::start(app).await.get("/me", &headers).await.body, "a guest");
}

#[tokio::test]
async fn inner_layer_finds_the_token_that_the_outer_one_removed() {
    let app = app(layer(jwt_or_basic())).layer(layer(jwt_or_basic()));
    let server = Server::start(app).await;
    let opened = server.connect("/ws", &[("sec-websocket-protocol", &protocols(&token("ann", 60)))]).await;
    assert_eq!(opened.unwrap().1.header("sec-websocket-protocol"), Some("auth.v1"));
}

#[tokio::test]
async fn handler_that_needs_a_user_answers_401_under_an_optional_layer() {
    let server = Server::start(app(AuthLayer::optional(jwt_or_basic()).timer(clock()))).await;
    let answer = server.get("/me", &[]).await;
    assert!(answer.is(401, "missing_credentials"));
    assert_eq!(answer.challenges(), JWT_OR_BASIC);
    assert!(server.refused(&[]).await.is(401, "missing_credentials"));
}

#[tokio::test]
async fn handler_without_a_layer_answers_500() {
    async fn maybe(_: Option<Authenticated<User>>) {}
    let app = Router::new().route("/me", get(me)).route("/maybe", get(maybe)).route("/ws", get(echo));
    let server = Server::start(app).await;
    assert!(server.get("/me", &[]).await.is(500, "internal_error"));
    assert!(server.get("/maybe", &[]).await.is(500, "internal_error"));
    assert!(server.refused(&[]).await.is(500, "internal_error"));
}

#[tokio::test]
async fn socket_handler_without_a_handshake_answers_4xx() {
    let server = Server::start(app(layer(jwt_or_basic()))).await;
    let status = server.get("/ws", &[("authorization", &bearer_of("ann"))]).await.status;
    assert!((400..500).contains(&status), "{status}");
}

#[tokio::test]
async fn store_that_hangs_answers_503() {
    let layer = layer(jwt_or_basic()).decision_timeout(std::time::Duration::from_millis(50));
    let server = Server::start(app(layer)).await;
    let stuck = bearer_of("stuck");
    let answer = server.get("/me", &[("authorization", &stuck)]).await;
    assert!(answer.is(503, "unavailable"));
    assert_eq!(answer.header("retry-after"), Some("5"));
    assert!(server.refused(&[("authorization", &stuck)]).await.is(503, "unavailable"));
}

#[tokio::test]
async fn layer_works_in_a_service_builder() {
    let inner = middleware::from_fn(|request: axum::extract::Request, next: middleware::Next| next.run(request));
    let stack = ServiceBuilder::new().layer(layer(jwt_or_basic())).layer(inner);
    let server = Server::start(Router::new().route("/me", get(me)).layer(stack)).await;
    assert_eq!(server.get("/me", &[("authorization", &bearer_of("ann"))]).await.body, "ann");
}

#[tokio::test]
async fn plain_tower_service_is_protected_too() {
    let inner = service_fn(|request: Request<Full<Bytes>>| async move {
        let user = request.extensions().get::<Authenticated<User>>().map(|user| user.0.clone());
        Ok::<_, Infallible>(Response::new(Full::from(user.unwrap_or_default())))
    });
    let service = layer(jwt_or_basic()).layer(inner);
    let ask = |authorization: String| {
        let request = Request::get("/").header("authorization", authorization).body(Full::default()).unwrap();
        service.clone().oneshot(request)
    };
    let accepted = ask(bearer_of("ann")).await.unwrap();
    assert_eq!(accepted.into_body().collect().await.unwrap().to_bytes(), "ann");
    assert_eq!(ask("Bearer x".into()).await.unwrap().status(), 401);
}

#[tokio::test]
async fn the_ready_service_is_the_one_called() {
    let (mut service, mut handle) =
        tower_test::mock::spawn_layer::<Request<Body>, Response<Body>, _>(layer(jwt_or_basic()));
    handle.allow(0);
    assert!(service.poll_ready().is_pending());
    handle.allow(1);
    assert!(matches!(service.poll_ready(), Poll::Ready(Ok(()))));
    let request = Request::get("/").header("authorization", bearer_of("ann")).body(Body::empty()).unwrap();
    let response = tokio::spawn(service.call(request));
    let (_, send) = handle.next_request().await.unwrap();
    send.send_response(Response::new(Body::empty()));
    assert_eq!(response.await.unwrap().unwrap().status(), 200);
}

#[tokio::test]
async fn requirement_is_ready_when_its_inner_service_is() {
    let requirement = require_scope::<User>("chat:write");
    let (mut service, mut handle) = tower_test::mock::spawn_layer::<Request<Body>, Response<Body>, _>(requirement);
    handle.allow(0);
    assert!(service.poll_ready().is_pending());
    handle.allow(1);
    assert!(matches!(service.poll_ready(), Poll::Ready(Ok(()))));
}

#[tokio::test]
async fn response_body_knows_its_end_and_length_before_it_is_read() {
    let echo =
        service_fn(async |request: Request<Full<Bytes>>| Ok::<_, Infallible>(Response::new(request.into_body())));
    let service = |refused: &'static str| {
        layer(jwt_or_basic()).on_refusal(move |_: &Refusal, _: &Parts| Response::new(refused)).layer(echo)
    };
    for (authorization, body, refused) in [
        (bearer_of("ann"), "ann", ""),
        (bearer_of("ann"), "", "no"),
        ("Bearer x".into(), "", "no"),
        (String::new(), "ann", ""),
    ] {
        let expected = if authorization == bearer_of("ann") { body } else { refused };
        let request = Request::get("/").header("authorization", authorization).body(Full::from(body)).unwrap();
        let body = service(refused).oneshot(request).await.unwrap().into_body();
        assert_eq!(
            (body.is_end_stream(), body.size_hint().exact()),
            (expected.is_empty(), Some(expected.len() as u64))
        );
        assert_eq!(body.collect().await.unwrap().to_bytes(), expected);
    }
}

#[test]
fn public_types_are_send_and_sync() {
    fn check<T: Send + Sync>() {}
    check::<AuthLayer<User>>();
    check::<ws_adapter::Auth<Router, User>>();
    check::<ws_adapter::AuthWebSocketUpgrade<User>>();
    check::<ws_adapter::AuthSocket<User>>();
    check::<ws_adapter::Shutdown>();
}

#[tokio::test]
async fn stale_cookie_under_an_optional_layer_is_refused_until_it_is_cleared() {
    let clearing = |refusal: &Refusal, _: &Parts| {
        let mut response = refusal.to_response();
        if refusal.status() == 401 {
            response.headers_mut().insert("set-cookie", "jwt=; Path=/; Max-Age=0".parse().unwrap());
        }
        response
    };
    let optional = AuthLayer::optional(jwt_or_basic()).timer(clock()).on_refusal(clearing);
    let guests = Router::new().route("/", get(|| async { "a page" })).layer(optional);
    let server = Server::start(guests).await;
    let stale = format!("jwt={}", token("ann", -100));
    let answer = server.get("/", &[("cookie", &stale)]).await;
    assert!(answer.is(401, "token_expired"), "{answer:?}");
    assert_eq!(answer.header("set-cookie"), Some("jwt=; Path=/; Max-Age=0"));
    // A cleared cookie is empty or missing.
    for headers in [&[("cookie", "jwt=")][..], &[]] {
        assert_eq!(server.get("/", headers).await.body, "a page");
    }
    let down = format!("jwt={}", token("broken", 60));
    assert_eq!(server.get("/", &[("cookie", &down)]).await.header("set-cookie"), None);
}

#[tokio::test]
async fn authorization_from_a_proxy_is_checked_if_a_strategy_reads_it() {
    let layer = AuthLayer::optional(Chain::new().or(jwt())).timer(clock());
    let page = get(|user: Option<Authenticated<User>>| async move {
        user.map_or_else(|| "a guest".to_owned(), |user| user.0.clone())
    });
    let server = Server::start(Router::new().route("/", page).layer(layer)).await;
    let (cookie, gateway) = (format!("jwt={}", token("ann", 60)), "Basic Z2F0ZTp3YXk=");
    assert_eq!(server.get("/", &[("authorization", gateway)]).await.body, "a guest");
    assert_eq!(server.get("/", &[("authorization", gateway), ("cookie", &cookie)]).await.body, "ann");
    assert_eq!(server.get("/", &[("authorization", "Bearer of.a.gateway"), ("cookie", &cookie)]).await.status, 401);
    assert_eq!(server.get("/", &[("authorization", gateway), ("authorization", &bearer_of("ann"))]).await.status, 400);
}

#[test]
#[should_panic(expected = "put all settings into one `Sockets`")]
fn second_call_of_sockets_panics_instead_of_dropping_a_registry() {
    let _ = layer(jwt_or_basic()).sockets(Sockets::new()).sockets(Sockets::new());
}
