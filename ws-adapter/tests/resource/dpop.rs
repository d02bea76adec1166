//! Requests and handshakes with a token that is bound to a client key (RFC 9449).

use std::time::Duration;

use auth_core::Chain;
use auth_jwt::{Algorithm, Dpop, DpopKey, Jwt, Signer, SigningKey};
use axum::{
    Router,
    routing::{any, get},
};
use futures_util::{SinkExt as _, StreamExt as _};
use reqwest::Client;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_tungstenite::{
    connect_async,
    tungstenite::{Error, Message, client::IntoClientRequest as _},
};
use ws_adapter::{AuthLayer, AuthWebSocketUpgrade};

use crate::SECRET;

/// The name under which clients know the server, whatever address it listens on.
const ORIGIN: &str = "https://api.example";

fn key() -> DpopKey {
    let pem = include_bytes!("../../../auth-jwt/tests/keys/p256.pem");
    DpopKey::new(SigningKey::from_pem(Algorithm::ES256, pem).unwrap()).unwrap()
}

fn token() -> String {
    let claims = json!({ "sub": "ann", "cnf": { "jkt": key().thumbprint() } });
    Signer::hs256(SECRET).unwrap().sign_for(&claims, Duration::from_secs(60)).unwrap().expose().to_owned()
}

fn proof(path: &str, token: &str) -> String {
    key().proof("GET", &format!("{ORIGIN}{path}"), token).unwrap().expose().to_owned()
}

async fn echo(ws: AuthWebSocketUpgrade<String>) -> axum::response::Response {
    ws.on_upgrade(|mut socket| async move {
        while let Some(message) = socket.recv().await {
            if socket.send(message).await.is_err() {
                break;
            }
        }
    })
}

fn chain() -> Chain<String> {
    let jwt = Jwt::<Value>::hs256(SECRET).unwrap().dpop(Dpop::new(ORIGIN).unwrap());
    Chain::new().or(jwt.verify(|claims: Value| async move { Some(claims.to_string()) }))
}

async fn serve(app: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    address
}

async fn server() -> String {
    let routes = Router::new().route("/me", get(|| async { "ann" })).route("/ws", any(echo));
    serve(routes.layer(AuthLayer::new(chain()))).await
}

/// The status of a request for `path` with this proof.
async fn status_of(address: &str, path: &str, token: &str, proof: &str) -> u16 {
    let request = Client::new().get(format!("http://{address}{path}"));
    let request = request.header("authorization", format!("DPoP {token}")).header("dpop", proof);
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn proof_is_checked_against_the_sent_url_in_a_nested_router() {
    let routes = || Router::new().route("/delete", get(|| async { "gone" }));
    let layer = AuthLayer::new(chain());
    let v1 = routes().layer(layer.clone());
    let admin = Router::new().nest("/deep", routes().layer(layer));
    let address = serve(Router::new().nest("/v1", v1).nest("/admin-api", admin)).await;
    let token = token();
    let ask = async |path: &str, proven: &str| status_of(&address, path, &token, &proof(proven, &token)).await;
    assert_eq!(ask("/v1/delete", "/v1/delete").await, 200);
    assert_eq!(ask("/v1/delete?a=b", "/v1/delete").await, 200);
    assert_eq!(ask("/admin-api/deep/delete", "/admin-api/deep/delete").await, 200);
    assert_eq!(ask("/admin-api/deep/delete", "/v1/delete").await, 401, "a proof for one API opens no other");
    assert_eq!(ask("/v1/delete", "/delete").await, 401, "the nested path is another URL");
}

#[tokio::test]
async fn proof_is_spent_once_by_two_layers_of_one_chain() {
    let chain = chain();
    let routes = Router::new().route("/me", get(|| async { "ann" })).layer(AuthLayer::new(chain.clone()));
    let address = serve(routes.layer(AuthLayer::optional(chain))).await;
    let token = token();
    let proof = proof("/me", &token);
    assert_eq!(status_of(&address, "/me", &token, &proof).await, 200);
    assert_eq!(status_of(&address, "/me", &token, &proof).await, 401, "a second request with the same proof");
}

#[tokio::test]
async fn request_with_a_proof_is_accepted_once() {
    let address = server().await;
    let token = token();
    let proof = proof("/me", &token);
    let ask = async |scheme: &str| {
        let request = Client::new().get(format!("http://{address}/me?a=b"));
        let request = request.header("authorization", format!("{scheme} {token}")).header("dpop", &proof);
        let response = request.send().await.unwrap();
        let challenges = response.headers().get_all("www-authenticate").iter();
        let challenges: Vec<_> = challenges.map(|line| line.to_str().unwrap().to_owned()).collect();
        (response.status().as_u16(), challenges)
    };
    assert_eq!(ask("Bearer").await.0, 401, "a bound token is not a bearer token, and this does not spend its proof");
    assert_eq!(ask("DPoP").await, (200, vec![]));
    let (status, challenges) = ask("DPoP").await;
    assert_eq!(status, 401);
    assert!(challenges[0].starts_with("DPoP ") && challenges[0].contains(r#"error="invalid_dpop_proof""#));
}

#[tokio::test]
async fn handshake_needs_its_proof_to_open_a_socket() {
    let address = server().await;
    let token = token();
    let open = async |proof: Option<String>| {
        let mut request = format!("ws://{address}/ws").into_client_request().unwrap();
        request.headers_mut().insert("authorization", format!("DPoP {token}").parse().unwrap());
        if let Some(proof) = proof {
            request.headers_mut().insert("dpop", proof.parse().unwrap());
        }
        connect_async(request).await
    };
    let status = |error: Error| match error {
        Error::Http(response) => response.status().as_u16(),
        error => panic!("no HTTP answer: {error}"),
    };
    assert_eq!(status(open(None).await.unwrap_err()), 401);
    assert_eq!(status(open(Some(proof("/me", &token))).await.unwrap_err()), 401, "a proof for another URL");
    let good = proof("/ws", &token);
    let (mut socket, _) = open(Some(good.clone())).await.unwrap();
    socket.send(Message::text("hello")).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::text("hello"));
    assert_eq!(status(open(Some(good)).await.unwrap_err()), 401, "the proof is spent");
}

/// The server remembers proofs, not requests: each new proof is good.
#[tokio::test]
async fn each_request_needs_its_own_proof() {
    let address = server().await;
    let token = token();
    for _ in 0..20 {
        let request = Client::new().get(format!("http://{address}/me"));
        let request = request.header("authorization", format!("DPoP {token}")).header("dpop", proof("/me", &token));
        assert_eq!(request.send().await.unwrap().status(), 200);
    }
}
