//! What is decided before engine.io.

use std::task::Poll;

use auth_core::{Chain, ManualClock};
use axum::{Router, body::Body};
use http::{Request, Response};
use reqwest::Method;
use socketio_adapter::{SocketIoAuth, SocketUser};
use ws_adapter::AuthLayer;

use crate::{
    client::{Answer, Headers, Polling, Socket, send},
    common::{AnyKey, eventually},
    support::*,
};

const CHALLENGES: [&str; 2] = ["Bearer realm=\"test\"", "Basic realm=\"test\", charset=\"UTF-8\""];

/// The refusals of both ways to open a transport.
async fn refused(app: &App, headers: Headers<'_>) -> [Answer; 2] {
    let polling = Polling::open(app, headers).await.err().expect("polling opened");
    let socket = Socket::open(app, headers).await.expect_err("the socket opened");
    [polling, socket]
}

async fn opens(app: &App, headers: Headers<'_>) {
    Polling::open(app, headers).await.unwrap();
    Socket::open(app, headers).await.unwrap();
}

#[tokio::test]
async fn request_without_a_credential_opens_a_transport_that_waits() {
    let app = app().await;
    opens(&app, &[]).await;
    assert_eq!(app.calls.count(), 0);
}

#[tokio::test]
async fn wrong_credential_is_the_401_of_any_route() {
    let app = app().await;
    for answer in refused(&app, &[("authorization", "Bearer a.b.c")]).await {
        assert!(answer.is(401, "invalid_credentials"), "{answer:?}");
        assert!(answer.challenges()[0].contains("error=\"invalid_token\""), "{answer:?}");
        assert_eq!(answer.challenges()[1..], CHALLENGES[1..]);
        assert_eq!(answer.headers["cache-control"], "no-store");
        assert_eq!(answer.headers["content-type"], "application/problem+json");
    }
    for answer in refused(&app, &[("authorization", &basic_of("ann", "guess"))]).await {
        assert!(answer.is(401, "invalid_credentials"), "{answer:?}");
    }
    for answer in refused(&app, &[("authorization", &format!("Bearer {}", token("ann", -3600)))]).await {
        assert!(answer.is(401, "token_expired"), "{answer:?}");
    }
}

#[tokio::test]
async fn leeway_is_no_life_for_a_transport() {
    let app = app().await;
    for answer in refused(&app, &[("authorization", &format!("Bearer {}", token("ann", -1)))]).await {
        assert!(answer.is(401, "token_expired"), "{answer:?}");
    }
}

#[tokio::test]
async fn broken_store_is_a_503() {
    let app = app().await;
    for answer in refused(&app, &[("authorization", &bearer_of("broken"))]).await {
        assert!(answer.is(503, "unavailable"), "{answer:?}");
        assert!(answer.headers.contains_key("retry-after"));
    }
}

#[tokio::test]
async fn foreign_origin_is_a_403_whatever_the_credential() {
    let app = app().await;
    let origin = ("origin", "https://evil.example");
    let cookie = format!("jwt={}", token("ann", 600));
    for headers in [&[origin][..], &[origin, ("authorization", &bearer_of("ann"))], &[origin, ("cookie", &cookie)]] {
        for answer in refused(&app, headers).await {
            assert!(answer.is(403, "origin_not_allowed"), "{answer:?}");
            assert!(answer.challenges().is_empty());
        }
    }
}

#[tokio::test]
async fn own_and_listed_origins_are_allowed() {
    let app = app().await;
    opens(&app, &[("origin", &format!("http://{}", app.server.addr))]).await;
    let app = app_with(|layer| layer.public_origin("https://app.example").unwrap(), |auth| auth).await;
    opens(&app, &[("origin", "https://app.example"), ("authorization", &bearer_of("ann"))]).await;
}

#[tokio::test]
async fn cookie_opens_a_transport_for_its_own_page_only() {
    let app = app().await;
    let cookie = format!("jwt={}", token("ann", 600));
    for answer in refused(&app, &[("cookie", &cookie)]).await {
        assert!(answer.is(403, "origin_required"), "{answer:?}");
    }
    opens(&app, &[("cookie", &cookie), ("origin", &format!("http://{}", app.server.addr))]).await;
    opens(&app, &[("cookie", &cookie), ("sec-fetch-site", "same-origin")]).await;
    for answer in refused(&app, &[("cookie", &cookie), ("sec-fetch-site", "same-site")]).await {
        assert!(answer.is(403, "origin_required"), "{answer:?}");
    }
}

#[tokio::test]
async fn every_request_of_a_transport_is_asked_for_its_origin() {
    let app = app().await;
    let polling = Polling::open(&app, &[]).await.unwrap();
    let foreign = polling.with(&[("origin", "https://evil.example")]);
    assert!(foreign.poll().await.is(403, "origin_not_allowed"));
    assert!(foreign.post("40").await.is(403, "origin_not_allowed"));
    assert!(foreign.upgrade().await.unwrap_err().is(403, "origin_not_allowed"));
}

#[tokio::test]
async fn token_in_a_subprotocol_opens_a_socket_and_is_not_echoed() {
    let app = app().await;
    let target = "/socket.io/?EIO=4&transport=websocket";
    let headers = [("sec-websocket-protocol", &*protocols_of("ann"))];
    let (mut socket, answer) = Socket::handshake(app.server.addr, target, &headers).await.unwrap();
    assert_eq!(answer["sec-websocket-protocol"], "auth.v1");
    assert_eq!(socket.connect("/", "").await, Ok(()));
    socket.echoes("hi", "ann: hi").await;
}

#[tokio::test]
async fn layer_of_the_routes_may_stand_inside_or_outside() {
    for outside in [false, true] {
        let routes = AuthLayer::new(jwt_or_basic()).timer(ManualClock::new(*START));
        let (socket_io, io) = SocketIoAuth::new(routes.clone()).build();
        let calls = Calls::default();
        let counter = calls.clone();
        io.ns("/", async move |_: SocketUser<User>| counter.add());
        let router = Router::new();
        let router =
            if outside { router.layer(socket_io).layer(routes) } else { router.layer(routes).layer(socket_io) };
        let app = App { clock: ManualClock::new(*START), io, calls, server: Server::start(router).await };

        let mut socket = Socket::open(&app, &[("authorization", &bearer_of("ann"))]).await.unwrap();
        assert_eq!(socket.connect("/", "").await, Ok(()));
        eventually(|| app.calls.count() == 1).await;
        match Polling::open(&app, &[]).await {
            // It asks for a credential where ours would wait for one.
            Err(answer) => assert!(outside && answer.is(401, "missing_credentials")),
            Ok(polling) => {
                assert!(!outside);
                assert_eq!(polling.connect("/", "").await, Err("unauthorized:missing_credentials".into()));
            }
        }
        assert_eq!(app.calls.count(), 1);
    }
}

#[tokio::test]
async fn path_that_only_looks_like_it_never_gets_to_the_engine() {
    let app = app().await;
    for near in ["/socket.io/../", "/socket.io/x", "/socket.io//", "/socket.io/x/../"] {
        let answer = app.server.raw(&format!("GET {near}?EIO=4&transport=polling")).await;
        assert!(answer.starts_with("HTTP/1.1 404 "), "{near}: {answer}");
        assert!(!answer.contains("sid"));
    }
    for elsewhere in ["/socket.i", "//socket.io/", "/x/../socket.io/", "/socket%2Eio/", "/SOCKET.IO/"] {
        let answer = app.server.raw(&format!("GET {elsewhere}?EIO=4&transport=polling")).await;
        assert!(answer.starts_with("HTTP/1.1 404 "), "{elsewhere}: {answer}");
    }
    let answer = app.server.raw("GET /socket.iox?EIO=4&transport=polling").await;
    assert!(answer.ends_with("the application"), "{answer}");
    assert_eq!(app.io.open(), 0);
}

#[tokio::test]
async fn client_of_the_old_protocol_is_refused() {
    let app = app().await;
    let authorization = bearer_of("ann");
    for query in
        ["EIO=3&transport=polling", "EIO=4&EIO=3&transport=polling", "transport=polling", "EIO=5&transport=polling"]
    {
        let target = format!("/socket.io/?{query}");
        let headers = [("authorization", authorization.as_str())];
        let answer = send(app.server.addr, Method::GET, &target, &headers, String::new()).await;
        assert!(answer.is(400, "bad_request"), "{query}: {answer:?}");
    }
    let old = Socket::handshake(app.server.addr, "/socket.io/?EIO=3&transport=websocket", &[]).await;
    assert!(old.unwrap_err().is(400, "bad_request"));
    assert_eq!((app.calls.count(), app.io.open()), (0, 0));
}

#[tokio::test]
async fn what_is_no_request_of_a_client_is_a_400() {
    let app = app().await;
    for (method, query) in [
        (Method::GET, ""),
        (Method::POST, "EIO=4&transport=polling"),
        (Method::PUT, "EIO=4&transport=polling"),
        (Method::OPTIONS, "EIO=4&transport=polling"),
        (Method::GET, "EIO=4&transport=websocket"),
        (Method::GET, "EIO=4&transport=carrier-pigeon"),
        (Method::GET, "EIO=4&transport=polling&sid="),
        (Method::GET, "EIO=4&transport=polling&sid=AAAAAAAAAAAAAAAA"),
    ] {
        let answer = send(app.server.addr, method.clone(), &format!("/socket.io/?{query}"), &[], "4".to_owned()).await;
        assert_eq!(answer.status, 400, "{method} {query}: {answer:?}");
    }
    assert_eq!(app.io.open(), 0);
}

#[test]
fn service_is_ready_when_the_application_behind_it_is() {
    let (layer, _io) = SocketIoAuth::new(AuthLayer::new(jwt_or_basic())).build();
    let (mut service, mut handle) = tower_test::mock::spawn_layer::<Request<Body>, Response<Body>, _>(layer);
    handle.allow(0);
    assert!(service.poll_ready().is_pending());
    handle.allow(1);
    assert!(matches!(service.poll_ready(), Poll::Ready(Ok(()))));
}

#[tokio::test]
async fn guest_whose_polls_could_be_anybodys_opens_no_transport() {
    let (socket_io, io) = SocketIoAuth::new(AuthLayer::new(Chain::new().or(AnyKey))).build();
    io.ns("/", async || {});
    let server = Server::start(Router::new().layer(socket_io)).await;
    let open = async |headers: Headers<'_>| {
        send(server.addr, Method::GET, "/socket.io/?EIO=4&transport=polling", headers, String::new()).await
    };
    let answer = open(&[("authorization", "Bearer key")]).await;
    assert!(answer.is(403, "forbidden"), "{answer:?}");
    assert_eq!(open(&[]).await.status, 200, "nobody waits to say who it is");
    assert_eq!(io.open(), 1);
}
