//! A marker secret is sent down every path with all logging on, and must not appear anywhere.
//!
//! It is a separate program, because the log belongs to a whole process.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::convert::Infallible;

use auth_core::{
    Chain,
    extract::{Extractor as _, bearer, cookie, header, payload_field, query, subprotocol},
};
use axum::{
    Router,
    extract::{OriginalUri, Request},
    middleware::{self, Next},
    response::Response,
    routing::any,
};
use reqwest::Method;
use test_support::{Log, assert_debug_is_clean, everything, keep_events};
use tower::{Layer as _, Service as _, service_fn};
use ws_adapter::{
    AuthLayer, ClientAddress, Close, CloseCodes, Connections, DefaultOnRefusal, Overflow, Shutdown, require_scope,
};

#[path = "../integration/support.rs"]
#[allow(dead_code, unused_imports, reason = "shared with the other tests, which use all of it")]
mod support;

use support::*;

/// Logs the request, as careless layers and handlers do.
async fn careless(original: OriginalUri, request: Request, next: Next) -> Response {
    tracing::info!(?request, ?original, "careless");
    next.run(request).await
}

/// All carriers in one chain, required and optional, over HTTP/1.1 and HTTP/2, with careless layers inside.
fn app() -> Router {
    let chain = || Chain::new().or(jwt_from(everywhere())).or(basic());
    let optional = Router::new()
        .route("/me", any(me))
        .layer(middleware::from_fn(careless))
        .layer(AuthLayer::reading_bodies(chain()).allow_anonymous().timer(clock()));
    Router::new()
        .route("/me", any(me))
        .route("/ws", any(echo))
        .layer(middleware::from_fn(careless))
        .layer(reading(chain()).first_message())
        .nest("/optional", optional)
}

/// Serves on a separate thread and keeps what all crates log there. The client's thread logs nothing.
fn serve() -> (Server, Log) {
    let (send, receive) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let (log, _guard) = everything();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            send.send((listener.local_addr().unwrap(), log)).unwrap();
            axum::serve(listener, app()).await.unwrap();
        });
    });
    let (addr, log) = receive.recv().unwrap();
    (Server { addr, task: None }, log)
}

/// One request over HTTP/2.
async fn over_http_2(server: &Server, authorization: &str) -> String {
    let stream = tokio::net::TcpStream::connect(server.addr).await.unwrap();
    let (mut sender, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let request = http::Request::get(server.url("/me")).header("authorization", authorization).body(()).unwrap();
    format!("{:?}", sender.send_request(request, true).unwrap().0.await.unwrap())
}

#[tokio::test]
async fn marker_secret_is_in_no_log_line_and_no_response() {
    keep_events();
    let (server, log) = serve();

    let mut answers = String::new();
    let mut marks: Vec<String> = Vec::new();
    // Good, expired, refused, store down, panic, signed with another key, broken, opaque.
    let good = token("ann", 60);
    let tokens = [
        good.clone(),
        token("ann", -100),
        token("nobody", 60),
        token("broken", 60),
        token("panic", 60),
        format!("{}AAAA", good.rsplit_once('.').unwrap().0.to_owned() + "."),
        "MARKER.MARKER.MARKER".to_owned(),
        "MARKER-opaque".to_owned(),
    ];
    for token in &tokens {
        marks.push(token.rsplit('.').next().unwrap().to_owned());
        marks.push(token.clone());
        let authorization = format!("Bearer {token}");
        let jar = format!("jwt={token}");
        let offered = protocols(token);
        marks.push(offered.strip_prefix("auth.v1, auth.bearer.").unwrap().to_owned());
        for path in ["/me", "/optional/me"] {
            for headers in [[("authorization", authorization.as_str())], [("x-token", token)], [("cookie", &jar)]] {
                answers += &format!("{:?}", server.get(path, &headers).await);
            }
            answers += &format!("{:?}", server.get(&format!("{path}?token={token}&a=1"), &[]).await);
            let body = format!("{{\"token\":\"{token}\"}}");
            let json = [("content-type", "application/json")];
            answers += &format!("{:?}", server.send(Method::POST, path, &json, body).await);
        }
        answers += &over_http_2(&server, &authorization).await;
        let opened = server.connect("/ws", &[("sec-websocket-protocol", &offered)]).await;
        answers += &opened.map_or_else(|refused| format!("{refused:?}"), |(_, accepted)| format!("{accepted:?}"));
        // In a first message, and over an open socket.
        let (mut first, accepted) = server.connect("/ws", &[]).await.unwrap();
        first.send(&presented(token)).await;
        answers += &format!("{accepted:?} {:?}", first.next().await);
        let with_good = [("authorization", format!("Bearer {good}")), ("sec-websocket-protocol", "auth.v1".to_owned())];
        let with_good = with_good.each_ref().map(|(name, value)| (*name, value.as_str()));
        let (mut open, _) = server.connect("/ws", &with_good).await.unwrap();
        answers += &format!("{}", open.present(token).await);
    }
    // A password and a user name.
    for login in ["TUFSS0VSOk1BUktFUg==", "TUFSS0VSOnBhc3N3b3Jk", "TUFSS0VS"] {
        marks.push(login.to_owned());
        answers += &format!("{:?}", server.get("/optional/me", &[("authorization", &format!("Basic {login}"))]).await);
    }
    marks.push("MARKER".to_owned());

    let log = log.text();
    for what in ["auth.strategy", "careless", "ws_adapter", "h2::"] {
        assert!(log.contains(what), "{what} was not captured");
    }
    // `/optional/me` answers with the user name that the client sent.
    let answers = answers.replace("body: \"MARKER\"", "");
    for mark in marks {
        assert!(!log.contains(&mark), "{mark} is in the log");
        assert!(!answers.contains(&mark), "{mark} is in an answer");
    }
}

#[tokio::test]
async fn debug_of_public_types_is_useful_and_holds_no_secret() {
    keep_events();
    fn clean<T: std::fmt::Debug>(value: &T) {
        assert_debug_is_clean(value, "MARKER");
    }
    let layer = reading(Chain::new().or(jwt_from(everywhere())));
    let requirement = require_scope::<User>("chat:write");
    clean(&layer);
    clean(&requirement);
    let inner = service_fn(async |request: Request| Ok::<_, Infallible>(Response::new(request.into_body())));
    let (mut auth, mut require) = (layer.layer(inner), requirement.layer(inner));
    clean(&auth);
    clean(&require);
    let request = || {
        let request = Request::get("/?token=MARKER").header("authorization", "Bearer MARKER");
        request.body(axum::body::Body::from("MARKER")).unwrap()
    };
    let (authenticated, required) = (auth.call(request()), require.call(request()));
    clean(&authenticated);
    clean(&required);
    clean(&authenticated.await.unwrap());
    clean(&required.await.unwrap());

    clean(&Connections::new());
    clean(&Overflow::CloseOldest);
    clean(&ClientAddress::peer());
    clean(&Close::REVOKED);
    clean(&CloseCodes::Iana);
    clean(&Shutdown::new());
    clean(&DefaultOnRefusal::default());
    clean(&auth_jwt::ProtectedResource::new("https://api.example").unwrap());
}

fn everywhere() -> auth_core::extract::AnyOf {
    bearer()
        .or(header("x-token"))
        .or(subprotocol("auth.bearer."))
        .or(query("token"))
        .or(payload_field("token"))
        .or(cookie("jwt"))
}
