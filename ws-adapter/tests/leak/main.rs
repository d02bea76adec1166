//! A marker secret is sent down every path, with everything logged, and must not come back anywhere.
//!
//! It is a program of its own, since what is logged belongs to a whole process.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

use std::{
    io::Write,
    sync::{Arc, Mutex},
};

use auth_core::{
    Chain,
    extract::{Extractor as _, bearer, cookie, header, payload_field, query, subprotocol},
};
use axum::{
    Router,
    extract::{OriginalUri, Request},
    middleware::{self, Next},
    routing::any,
};
use reqwest::Method;
use tracing_subscriber::{fmt::MakeWriter, layer::SubscriberExt as _};
use ws_adapter::AuthLayer;

#[path = "../integration/support.rs"]
#[allow(dead_code, reason = "shared with the other tests, which use all of it")]
mod support;

use support::*;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for Log {
    type Writer = Self;

    fn make_writer(&'w self) -> Self {
        self.clone()
    }
}

/// What careless layers and handlers do: log the request as they see it.
async fn careless(original: OriginalUri, request: Request, next: Next) -> axum::response::Response {
    tracing::info!(?request, ?original, "careless");
    next.run(request).await
}

#[tokio::test]
async fn marker_secret_is_in_no_log_line_and_no_answer() {
    let log = Log::default();
    let subscriber = tracing_subscriber::registry()
        .with(tracing_subscriber::filter::LevelFilter::TRACE)
        .with(tracing_subscriber::fmt::layer().with_ansi(false).with_writer(log.clone()));
    // This thread runs client and server; what the client's crates log of their own requests is filtered by target.
    let subscriber = subscriber.with(tracing_subscriber::filter::filter_fn(|meta| {
        ["auth", "ws_adapter", "leak"].iter().any(|own| meta.target().starts_with(own))
    }));
    tracing::subscriber::set_global_default(subscriber).unwrap();

    let chain = || Chain::new().or(jwt_from(everywhere())).or(basic());
    let app = Router::new()
        .route("/me", any(me))
        .route("/ws", any(echo))
        .layer(middleware::from_fn(careless))
        .layer(layer(chain()))
        .nest(
            "/optional",
            Router::new()
                .route("/me", any(me))
                .layer(middleware::from_fn(careless))
                .layer(AuthLayer::optional(chain()).timer(clock())),
        );
    let server = Server::start(app).await;

    let mut answers = String::new();
    let mut marks: Vec<String> = Vec::new();
    // Good, expired, refused, store down, panic, of another key, broken, opaque.
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
        let opened = server.connect("/ws", &[("sec-websocket-protocol", &offered)]).await;
        answers += &opened.map_or_else(|refused| format!("{refused:?}"), |(_, accepted)| format!("{accepted:?}"));
    }
    // A password and a user name.
    for login in ["TUFSS0VSOk1BUktFUg==", "TUFSS0VSOnBhc3N3b3Jk", "TUFSS0VS"] {
        marks.push(login.to_owned());
        answers += &format!("{:?}", server.get("/optional/me", &[("authorization", &format!("Basic {login}"))]).await);
    }
    marks.push("MARKER".to_owned());

    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("auth.strategy") && log.contains("careless"), "the log was not captured: {log}");
    // `/optional/me` answers with the user name, which the client has sent itself.
    let answers = answers.replace("body: \"MARKER\"", "");
    for mark in marks {
        assert!(!log.contains(&mark), "{mark} is in the log");
        assert!(!answers.contains(&mark), "{mark} is in an answer");
    }
}

fn everywhere() -> auth_core::extract::AnyOf {
    bearer()
        .or(header("x-token"))
        .or(subprotocol("auth.bearer."))
        .or(query("token"))
        .or(payload_field("token"))
        .or(cookie("jwt"))
}
