//! The layer in servers other than axum's, and behind layers that change the body.

#[path = "../../examples/body_layers.rs"]
#[expect(dead_code, reason = "its `main` is for the example alone")]
mod body_layers;
#[path = "../../examples/hyper.rs"]
#[expect(dead_code, reason = "its `main` is for the example alone")]
mod hyper;
#[path = "../../examples/tonic.rs"]
#[expect(dead_code, reason = "its `main` is for the example alone")]
mod tonic;

use std::time::Duration;

use ::tonic::{Code, Request, transport::Endpoint};
use auth_core::{Chain, extract::payload_field};
use axum::body::Body;
use reqwest::Method;
use tokio::net::TcpListener;
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use ws_adapter::{AuthLayer, Bodies, Read, Untouched};

use crate::support::*;

const SECRET: &str = "0123456789abcdef0123456789abcdef";

fn bearer_of(sub: &str) -> String {
    let signer = auth_jwt::Signer::hs256(SECRET).unwrap();
    let token = signer.sign_for(&serde_json::json!({ "sub": sub }), Duration::from_secs(60)).unwrap();
    format!("Bearer {}", token.expose())
}

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    (listener, url)
}

#[tokio::test]
async fn plain_hyper_server_greets_users_and_refuses_others() {
    let (listener, url) = listen().await;
    let server = tokio::spawn(hyper::serve(listener, hyper::chain(SECRET).unwrap()));
    let client = reqwest::Client::new();
    let answer = client.post(&url).header("authorization", bearer_of("ann")).body("any body").send().await.unwrap();
    assert_eq!((answer.status().as_u16(), &*answer.text().await.unwrap()), (200, "hello, ann\n"));
    let answer = client.post(&url).send().await.unwrap();
    assert_eq!(answer.status(), 401);
    assert_eq!(answer.headers()["www-authenticate"], "Bearer realm=\"api\"");
    server.abort();
}

#[tokio::test]
async fn tonic_server_answers_only_authenticated_clients() {
    let (listener, url) = listen().await;
    let server = tokio::spawn(tonic::serve(listener, tonic::chain(SECRET).unwrap()));
    let channel = Endpoint::from_shared(url).unwrap().connect().await.unwrap();
    for (sub, expected) in
        [(Some("operator"), None), (Some("ann"), Some(Code::PermissionDenied)), (None, Some(Code::Unauthenticated))]
    {
        let mut request = Request::new(HealthCheckRequest { service: String::new() });
        if let Some(sub) = sub {
            request.metadata_mut().insert("authorization", bearer_of(sub).parse().unwrap());
        }
        let answer = HealthClient::new(channel.clone()).check(request).await;
        assert_eq!(answer.err().map(|status| status.code()), expected, "{sub:?}");
    }
    server.abort();
}

#[tokio::test]
async fn layers_that_change_the_body_work_around_the_chain() {
    let server = Server::start(body_layers::app(body_layers::chain(SECRET).unwrap())).await;
    let ann = bearer_of("ann");
    let auth = ("authorization", &*ann);
    let answer = server.send(Method::POST, "/", &[auth], "12345").await;
    assert_eq!((answer.status, &*answer.body), (200, "ann sends 5 characters\n"));
    assert_eq!(server.send(Method::POST, "/", &[auth], "x".repeat(70_000)).await.status, 413);
    assert!(server.send(Method::POST, "/", &[], "12345").await.is(401, "missing_credentials"));
}

#[test]
fn chain_that_reads_bodies_needs_a_layer_that_reads_them() {
    let chain = || Chain::new().or(jwt_from(payload_field("token")));
    let error = AuthLayer::try_new(chain()).unwrap_err();
    assert!(error.to_string().contains("AuthLayer::reading_bodies"), "{error}");
    assert!(AuthLayer::try_optional(chain()).is_err());
    assert!(AuthLayer::try_reading_bodies(chain()).is_ok());
}

/// Which bodies each kind of layer accepts. This only has to compile.
#[test]
fn untouched_takes_any_body_and_read_takes_bodies_of_bytes() {
    fn takes<M: Bodies<B>, B>() {}
    takes::<Untouched, Body>();
    takes::<Untouched, ::hyper::body::Incoming>();
    takes::<Untouched, ::tonic::body::Body>();
    takes::<Untouched, http_body_util::Limited<Body>>();
    takes::<Untouched, ()>();
    takes::<Read, Body>();
    takes::<Read, http_body_util::Full<bytes::Bytes>>();
}
